#include "cli/page_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <sluice/clock.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"

#define BACKLOG        64
#define HEAD_BYTES     1024
#define MILLISECOND_NS 1000000

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static int address_refuse(const char *listen, struct slu_diag *diag)
{
    return diag_fail(diag, -EINVAL,
                     "--listen %.60s: a loopback address and a port, as 127.0.0.1:8080 or "
                     "[::1]:8080, or a port alone",
                     listen);
}

static bool port_read(const char *text, in_port_t *port)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    *port = htons((uint16_t)number);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number <= UINT16_MAX;
}

static int address_read(const char *listen, union address *address, struct slu_diag *diag)
{
    char host[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
    const char *colon = strrchr(listen, ':');
    if (colon != NULL && colon != listen) {
        if ((size_t)(colon - listen) >= sizeof(host)) {
            return address_refuse(listen, diag);
        }
        snprintf(host, sizeof(host), "%.*s", (int)(colon - listen), listen);
    }
    const char *port = colon == NULL ? listen : colon + 1;
    *address = (union address){0};
    if (strcmp(host, "[::1]") == 0) {
        address->six =
            (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
        return port_read(port, &address->six.sin6_port) ? 0 : address_refuse(listen, diag);
    }
    address->four.sin_family = AF_INET;
    bool is_loopback = inet_pton(AF_INET, host, &address->four.sin_addr) == 1 &&
                       ntohl(address->four.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return is_loopback && port_read(port, &address->four.sin_port) ? 0
                                                                   : address_refuse(listen, diag);
}

static void url_write(struct page_server *server, const union address *address)
{
    char host[INET_ADDRSTRLEN] = "";
    bool is_six = address->any.sa_family == AF_INET6;
    server->port = ntohs(is_six ? address->six.sin6_port : address->four.sin_port);
    if (!is_six) {
        (void)inet_ntop(AF_INET, &address->four.sin_addr, host, sizeof(host)); /* it fits */
    }
    snprintf(server->url, sizeof(server->url), "http://%s:%u/", is_six ? "[::1]" : host,
             server->port);
}

int page_server_open(struct page_server *server, const char *listen_at, struct slu_diag *diag)
{
    union address address;
    socklen_t len = sizeof(address);
    int one = 1;
    server->fd = -1;
    server->connection_count = 0;
    int err = address_read(listen_at, &address, diag);
    if (err != 0) {
        return err;
    }
    bool is_six = address.any.sa_family == AF_INET6;
    server->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->fd < 0 ||
        setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(server->fd, &address.any, is_six ? sizeof(address.six) : sizeof(address.four)) != 0 ||
        listen(server->fd, BACKLOG) != 0 || getsockname(server->fd, &address.any, &len) != 0) {
        err = diag_fail(diag, -errno, "--listen %.60s: %s", listen_at, strerror(errno));
        page_server_close(server);
        return err;
    }
    url_write(server, &address);
    return 0;
}

static void connection_close(struct page_server *server, uint32_t place)
{
    close(server->connections[place].fd);
    server->connection_count--;
    if (place != server->connection_count) {
        server->connections[place] = server->connections[server->connection_count];
    }
}

void page_server_close(struct page_server *server)
{
    while (server->connection_count > 0) {
        connection_close(server, server->connection_count - 1);
    }
    if (server->fd >= 0) {
        close(server->fd);
    }
    server->fd = -1;
}

/* A full server makes room: the connection that has waited longest goes. */
static void connection_accept(struct page_server *server, uint64_t now_ns)
{
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return; /* it went away again */
    }
    if (server->connection_count == PAGE_CONNECTIONS_MAX) {
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < PAGE_CONNECTIONS_MAX; i++) {
            const struct page_connection *other = &server->connections[i];
            oldest = other->until_ns < server->connections[oldest].until_ns ? i : oldest;
        }
        connection_close(server, oldest);
    }
    struct timeval patience = {.tv_sec = PAGE_SEND_SECONDS};
    /* Without it a reader that takes nothing is waited for. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    struct page_connection *added = &server->connections[server->connection_count++];
    added->fd = fd;
    added->len = 0;
    added->until_ns = now_ns + PAGE_IDLE_NS;
}

int page_answer_write(void *context, const char *bytes, size_t len)
{
    struct page_answer *answer = context;
    while (answer->err == 0 && len > 0 && !answer->is_head) {
        ssize_t sent = send(answer->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            answer->err = -errno;
        } else if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
    return answer->err;
}

/* `more` are further lines, each with its end. */
static void head_write(struct page_answer *answer, const char *status, const char *type,
                       const char *more)
{
    char bytes[HEAD_BYTES];
    struct sink head;
    bool is_head = answer->is_head;
    sink_init_fixed(&head, bytes, sizeof(bytes));
    sink_format(&head, "HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\n", status, type);
    sink_text(&head, "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n"
                     "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
    sink_text(&head, more);
    sink_text(&head, "\r\n");
    answer->has_begun = true;
    answer->is_head = false;
    (void)page_answer_write(answer, bytes, head.len); /* answer->err has it */
    answer->is_head = is_head;
}

void page_answer_bytes(struct page_answer *answer, const char *status, const char *type,
                       const char *encoding, const char *etag, struct slu_bytes body)
{
    char more[HEAD_BYTES / 2];
    struct sink lines;
    sink_init_fixed(&lines, more, sizeof(more));
    sink_format(&lines, "Content-Length: %zu\r\n", body.len);
    if (encoding != NULL) {
        sink_format(&lines, "Content-Encoding: %s\r\n", encoding);
    }
    if (etag != NULL) {
        sink_format(&lines, "Vary: Accept-Encoding\r\nCache-Control: no-cache\r\nETag: %s\r\n",
                    etag);
    } else {
        sink_text(&lines, "Cache-Control: no-store\r\n");
    }
    head_write(answer, status, type, more);
    (void)page_answer_write(answer, body.data, body.len); /* answer->err has it */
}

void page_answer_begin(struct page_answer *answer, const char *type)
{
    head_write(answer, "200 OK", type, "Cache-Control: no-store\r\n");
}

static void request_answer(const struct page_connection *connection,
                           const struct page_request *request, page_handle handle, void *context)
{
    struct page_answer answer = {.fd = connection->fd, .is_head = request->is_head};
    if (!page_request_is_local(request)) {
        page_answer_bytes(&answer, "403 Forbidden", "text/plain", NULL, NULL,
                          (struct slu_bytes){"Host is not this machine\n", 25});
    } else if (!request->is_get) {
        page_answer_bytes(&answer, "405 Method Not Allowed", "text/plain", NULL, NULL,
                          (struct slu_bytes){"GET only\n", 9});
    } else {
        handle(context, request, &answer);
    }
    (void)shutdown(connection->fd, SHUT_WR); /* it may be gone */
}

/* Returns true while the connection may still bring a request. */
static bool connection_read(struct page_connection *connection, page_handle handle, void *context)
{
    struct page_request request;
    ssize_t len = recv(connection->fd, connection->bytes + connection->len,
                       sizeof(connection->bytes) - connection->len, MSG_DONTWAIT);
    if (len <= 0) {
        return len < 0 && (errno == EAGAIN || errno == EINTR);
    }
    connection->len += (size_t)len;
    int err = page_request_read((struct slu_bytes){connection->bytes, connection->len}, &request);
    if (err == -EAGAIN) {
        return true;
    }
    if (err == 0) {
        request_answer(connection, &request, handle, context);
    } else {
        struct page_answer answer = {.fd = connection->fd};
        page_answer_bytes(
            &answer, err == -ENOBUFS ? "431 Request Header Fields Too Large" : "400 Bad Request",
            "text/plain", NULL, NULL, (struct slu_bytes){"no request\n", 11});
    }
    return false;
}

static void connections_serve(struct page_server *server, const struct pollfd *polled,
                              uint64_t now_ns, page_handle handle, void *context)
{
    for (uint32_t i = server->connection_count; i > 0; i--) {
        struct page_connection *connection = &server->connections[i - 1];
        bool stays = polled[i].revents == 0 || connection_read(connection, handle, context);
        if (!stays || connection->until_ns <= now_ns) {
            connection_close(server, i - 1);
        }
    }
}

static int waiting_ms(uint64_t now_ns, uint64_t until_ns)
{
    uint64_t left = until_ns > now_ns ? (until_ns - now_ns) / MILLISECOND_NS + 1 : 0;
    return left > 1000 ? 1000 : (int)left;
}

int page_server_wait(struct page_server *server, uint64_t until_ns, page_handle handle,
                     void *context)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    do {
        struct pollfd polled[1 + PAGE_CONNECTIONS_MAX] = {{.fd = server->fd, .events = POLLIN}};
        uint32_t count = server->connection_count;
        for (uint32_t i = 0; i < count; i++) {
            polled[1 + i] = (struct pollfd){.fd = server->connections[i].fd, .events = POLLIN};
        }
        int ready = poll(polled, 1 + count, waiting_ms(now_ns, until_ns));
        now_ns = slu_clock_monotonic_ns();
        if (ready < 0 && errno != EINTR) {
            return -errno;
        }
        if (ready >= 0) {
            connections_serve(server, polled, now_ns, handle, context);
        }
        if (ready > 0 && polled[0].revents != 0) {
            connection_accept(server, now_ns);
        }
    } while (now_ns < until_ns);
    return 0;
}

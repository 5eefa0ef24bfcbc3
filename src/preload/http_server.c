#include "preload/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "sys/address.h"
#include "preload/http_pages.h"
#include "preload/held_signals.h"
#include "preload/http_request.h"
#include "preload/listener.h"
#include "preload/loader.h"
#include "preload/own_thread.h"
#include "preload/pages.h"
#include "preload/said.h"
#include "profile/profile.h"

#define CONNECTIONS_MAX 8
#define STACK_BYTES     ((size_t)128 << 10)
#define REQUEST_NS      UINT64_C(5000000000)  /* for a request to come whole */
#define ANSWER_NS       UINT64_C(30000000000) /* for an answer to be taken */
#define HOOK_ANSWER_NS  UINT64_C(1000000000)  /* while the program waits for that */
#define SECOND_NS       UINT64_C(1000000000)
#define HEAD_BYTES      512
#define TICK_NS         UINT64_C(10000000) /* between looks for clients within hooks */

struct connection {
    int socket;     /* -1: free */
    bool waits;     /* for the second moment of a difference */
    bool may_fetch; /* it is told so when its request has come: what is unread cuts an answer off */
    uint64_t due_ns;
    const struct page *page; /* NULL until the request has been read */
    struct page_query query;
    size_t len;
    char bytes[HTTP_REQUEST_BYTES_MAX];
};

struct http_server {
    struct http_pages *pages;
    const struct profile *profile;
    struct listener public;  /* the pages for whom the system lets in */
    struct listener control; /* for the process's user, by the process's number */
    bool has_control;
    pid_t process;
    _Atomic bool has_thread;
    _Atomic bool is_busy; /* within a hook */
    _Atomic uint64_t tick_due_ns;
    void *snapshot_block; /* of the one difference that is being waited for; NULL: none */
    struct connection connections[CONNECTIONS_MAX];
};

/* The one that there is. */
static _Atomic(struct http_server *) server;

static void connection_close(struct http_server *http, struct connection *connection)
{
    if (connection->waits) {
        pages_unmap(http->snapshot_block, profile_snapshot_bytes(http->profile));
        http->snapshot_block = NULL;
    }
    close(connection->socket);
    connection->socket = -1;
    connection->waits = false;
}

/* Send all of it in time, or not at all. */
static bool bytes_send(int socket, const char *bytes, size_t len, uint64_t deadline_ns)
{
    while (len > 0) {
        ssize_t sent = send(socket, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
            continue;
        }
        uint64_t now_ns = slu_clock_monotonic_ns();
        struct pollfd writable = {.fd = socket, .events = POLLOUT};
        if (errno != EAGAIN || now_ns >= deadline_ns ||
            poll(&writable, 1, (int)((deadline_ns - now_ns) / 1000000) + 1) <= 0) {
            return false;
        }
    }
    return true;
}

static bool file_send(int socket, int file, uint64_t len, uint64_t deadline_ns)
{
    char piece[16384];
    while (len > 0) {
        ssize_t got = read(file, piece, len < sizeof(piece) ? (size_t)len : sizeof(piece));
        if (got <= 0 || !bytes_send(socket, piece, (size_t)got, deadline_ns)) {
            return false;
        }
        len -= (uint64_t)got;
    }
    return true;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void refuse(struct http_server *http, struct connection *connection, int status)
{
    char head[HEAD_BYTES];
    bool is_method = status == 405;
    const char *reason = reason_of(status);
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                       "%s%s%s%sConnection: close\r\n\r\n%s\n",
                       status, reason, strlen(reason) + 1, is_method ? "Allow: " : "",
                       is_method ? http_page_methods(connection->page) : "",
                       is_method ? "\r\n" : "", status == 503 ? "Retry-After: 1\r\n" : "", reason);
    (void)bytes_send(connection->socket, head, (size_t)len,
                     slu_clock_monotonic_ns() + SECOND_NS); /* or the client has gone */
    connection_close(http, connection);
}

static void answer(struct http_server *http, struct connection *connection)
{
    struct http_content content;
    int err = http_page_make(http->pages, connection->page, &connection->query, &content);
    if (err != 0) {
        refuse(http, connection, err == -EINVAL ? 400 : 500);
        return;
    }
    char head[HEAD_BYTES];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %llu\r\n"
                       "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                       content.type, (unsigned long long)content.len);
    bool is_hook = !atomic_load_explicit(&http->has_thread, memory_order_relaxed);
    uint64_t deadline_ns = slu_clock_monotonic_ns() + (is_hook ? HOOK_ANSWER_NS : ANSWER_NS);
    if (bytes_send(connection->socket, head, (size_t)len, deadline_ns) &&
        connection->query.request.method != HTTP_HEAD) {
        (void)file_send(connection->socket, content.file, content.len, deadline_ns);
    }
    close(content.file);
    connection_close(http, connection);
}

/* Take the first moment; the second comes after the page's seconds. */
static void wait_for_difference(struct http_server *http, struct connection *connection)
{
    size_t bytes = profile_snapshot_bytes(http->profile);
    void *block = http->snapshot_block == NULL ? pages_map(bytes) : NULL;
    if (block == NULL) {
        refuse(http, connection, 503); /* one at a time */
        return;
    }
    http->snapshot_block = block;
    connection->query.since_ns = slu_clock_monotonic_ns();
    connection->query.since = profile_snapshot_take(http->profile, block);
    connection->waits = true;
    connection->due_ns = connection->query.since_ns + connection->query.seconds * SECOND_NS;
}

/* Of a request that could not be read. */
static int status_of(int err)
{
    switch (err) {
    case -ENOBUFS:
        return 431;
    case -EFBIG:
        return 413;
    case -ENOTSUP:
        return 411;
    default:
        return 400;
    }
}

static void request_take(struct http_server *http, struct connection *connection)
{
    struct http_request request;
    int err = http_request_read((struct slu_bytes){connection->bytes, connection->len}, &request);
    if (err == -EAGAIN) {
        return;
    }
    int status = status_of(err);
    if (err == 0) {
        status = connection->may_fetch
                     ? http_page_find(&request, &connection->page, &connection->query)
                     : 403;
    }
    if (status != 200) {
        refuse(http, connection, status);
    } else if (connection->query.seconds > 0) {
        wait_for_difference(http, connection);
    } else {
        answer(http, connection);
    }
}

/* What has come, or that the client has gone. */
static void connection_read(struct http_server *http, struct connection *connection)
{
    char ignored[256];
    bool full = connection->len == sizeof(connection->bytes) || connection->waits;
    ssize_t got = full ? recv(connection->socket, ignored, sizeof(ignored), MSG_DONTWAIT)
                       : recv(connection->socket, connection->bytes + connection->len,
                              sizeof(connection->bytes) - connection->len, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        connection_close(http, connection);
    } else if (got > 0 && !full) {
        connection->len += (size_t)got;
        request_take(http, connection);
    }
}

static void connection_accept(struct http_server *http, const struct listener *listener)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &http->connections[i];
        if (connection->socket < 0) {
            int socket = accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC);
            if (socket >= 0) {
                *connection = (struct connection){.socket = socket,
                                                  .due_ns = slu_clock_monotonic_ns() + REQUEST_NS,
                                                  .may_fetch = listener == &http->public ||
                                                               listener_peer_may(socket)};
            }
            return;
        }
    }
}

/* Milliseconds until something is due, rounded up; -1 if nothing is. */
static int timeout_of(const struct http_server *http, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        const struct connection *connection = &http->connections[i];
        if (connection->socket >= 0 && connection->due_ns < next_ns) {
            next_ns = connection->due_ns;
        }
    }
    if (next_ns == UINT64_MAX) {
        return -1;
    }
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns) / 1000000) + 1;
}

static void expire(struct http_server *http, uint64_t now_ns)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &http->connections[i];
        if (connection->socket >= 0 && connection->due_ns <= now_ns) {
            if (connection->waits) {
                answer(http, connection);
            } else {
                connection_close(http, connection);
            }
        }
    }
}

/* One turn: wait for clients, for time, or for both; or, within a hook, for nothing. */
static void turn(struct http_server *http, bool may_wait)
{
    const struct listener *listeners[] = {&http->public, &http->control};
    enum {
        LISTENERS = sizeof(listeners) / sizeof(listeners[0])
    };
    struct pollfd polled[CONNECTIONS_MAX + LISTENERS];
    bool has_room = false;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        polled[i] = (struct pollfd){.fd = http->connections[i].socket, .events = POLLIN};
        has_room |= http->connections[i].socket < 0;
    }
    for (size_t i = 0; i < LISTENERS; i++) {
        polled[CONNECTIONS_MAX + i] =
            (struct pollfd){.fd = has_room ? listeners[i]->socket : -1, .events = POLLIN};
    }
    (void)poll(polled, CONNECTIONS_MAX + LISTENERS,
               may_wait ? timeout_of(http, slu_clock_monotonic_ns()) : 0);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (polled[i].fd >= 0 && polled[i].revents != 0) {
            connection_read(http, &http->connections[i]);
        }
    }
    for (size_t i = 0; i < LISTENERS; i++) {
        if (polled[CONNECTIONS_MAX + i].revents != 0 && listener_is_ours(listeners[i])) {
            connection_accept(http, listeners[i]);
        }
    }
    expire(http, slu_clock_monotonic_ns());
}

/* What the program has closed: whom we have told of the pages is told so, the other is renewed. */
static void listeners_mend(struct http_server *http)
{
    if (http->public.socket >= 0 && !listener_is_ours(&http->public)) {
        http->public.socket = -1;
        said_line("the program has closed the socket of the profile's pages");
    }
    if (http->has_control && !listener_is_ours(&http->control)) {
        http->has_control = listener_open_control(&http->control) == 0;
    }
}

static void serve(void *context)
{
    struct http_server *http = context;
    while (atomic_load_explicit(&http->is_busy, memory_order_acquire)) {
        (void)sched_yield(); /* cannot fail */
    }
    for (;;) {
        listeners_mend(http);
        turn(http, true);
    }
}

static void listening_said(int listener)
{
    struct address bound = {.len = sizeof(bound.socket)};
    char host[INET6_ADDRSTRLEN] = "?";
    if (getsockname(listener, &bound.socket.any, &bound.len) != 0) {
        return;
    }
    bool is_v6 = bound.socket.any.sa_family == AF_INET6;
    const void *place =
        is_v6 ? (const void *)&bound.socket.v6.sin6_addr : (const void *)&bound.socket.v4.sin_addr;
    (void)inet_ntop(bound.socket.any.sa_family, place, host, sizeof(host)); /* or it stays "?" */
    said_line("profiles at http://%s%s%s:%u/debug/pprof/", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
              ntohs(is_v6 ? bound.socket.v6.sin6_port : bound.socket.v4.sin_port));
}

static int address_choose(const struct http_server_options *options, struct address *address)
{
    if (address_read(options->listen, address) != 0) {
        said_line("SLUICE_HEAP_LISTEN=%.60s: not an address such as 127.0.0.1:6070; no pages",
                  options->listen);
        return -EINVAL;
    }
    if (!address->is_loopback && !options->anywhere) {
        said_line("SLUICE_HEAP_LISTEN=%.60s: others could read the profile there; if they may, set "
                  "SLUICE_HEAP_ANYWHERE=1; no pages",
                  options->listen);
        return -EACCES;
    }
    return 0;
}

static int public_open(const struct http_server_options *options, struct listener *listener)
{
    struct address address;
    int err = address_choose(options, &address);
    if (err != 0) {
        return err;
    }
    err = listener_open(&address.socket.any, address.len, listener);
    if (err != 0) {
        const char *name = strerrorname_np(-err);
        said_line("cannot listen at %.60s: %s; no pages", options->listen,
                  name == NULL ? "?" : name);
    }
    return err;
}

static struct http_server *server_make(const struct http_server_options *options)
{
    struct http_server *http = pages_map(sizeof(*http));
    void *block = pages_map(http_pages_bytes(options->source.profile));
    if (http == NULL || block == NULL) {
        return NULL;
    }
    http->profile = options->source.profile;
    http->process = getpid();
    http->public.socket = -1;
    http->control.socket = -1;
    http->has_control = options->has_control;
    http->pages = http_pages_init(block, &options->source, options->symbolizer);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        http->connections[i].socket = -1;
    }
    return http;
}

void http_server_start(const struct http_server_options *options)
{
    struct listener public = {.socket = -1};
    bool is_public = options->listen[0] != '\0' && public_open(options, &public) == 0;
    if (!is_public && !options->has_control) {
        return;
    }
    struct http_server *http = server_make(options);
    if (http == NULL) {
        said_line("no memory for the profile's pages");
        listener_close(&public);
        return;
    }
    http->public = public;
    listeners_mend(http);
    atomic_store_explicit(&server, http, memory_order_release);
    if (is_public || options->has_threads) {
        http_server_take_thread();
    }
    if (is_public) {
        listening_said(public.socket);
    }
}

void http_server_take_thread(void)
{
    struct http_server *http = atomic_load_explicit(&server, memory_order_acquire);
    if (http == NULL || atomic_exchange(&http->has_thread, true)) {
        return;
    }
    if (own_thread_start("sluice-http", STACK_BYTES, serve, http) != 0) {
        atomic_store(&http->has_thread, false);
        said_line("no thread for the profile's pages: allocations serve them");
    }
}

/* `is_busy` before `has_thread`, and the thread the other way round: one of them sees the other. */
void http_server_tick(uint64_t now_ns, const uintptr_t *pcs, size_t count)
{
    struct http_server *http = atomic_load_explicit(&server, memory_order_acquire);
    if (http == NULL || atomic_load(&http->has_thread) ||
        now_ns < atomic_load_explicit(&http->tick_due_ns, memory_order_relaxed) ||
        atomic_exchange(&http->is_busy, true)) {
        return;
    }
    atomic_store_explicit(&http->tick_due_ns, now_ns + TICK_NS, memory_order_relaxed);
    struct held_signals held;
    if (!atomic_load(&http->has_thread) && getpid() == http->process && gettid() == getpid() &&
        !loader_is_in(pcs, count) && signals_hold(&held) == 0) {
        http_pages_set_caller(http->pages, pcs, count);
        listeners_mend(http);
        turn(http, false);
        http_pages_set_caller(http->pages, NULL, 0);
        signals_release(&held);
    }
    atomic_store(&http->is_busy, false);
}

void http_server_after_fork_child(void)
{
    struct http_server *http = atomic_load_explicit(&server, memory_order_acquire);
    if (http == NULL) {
        return;
    }
    bool are_ours = listener_is_ours(&http->public) || listener_is_ours(&http->control);
    listener_close(&http->public);
    listener_close(&http->control);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &http->connections[i];
        if (connection->socket >= 0 && are_ours) {
            close(connection->socket);
        }
        connection->socket = -1;
        connection->waits = false;
    }
    http->snapshot_block = NULL; /* what was mapped stays */
    http->process = getpid();
    atomic_store(&http->has_thread, false);
    atomic_store(&http->is_busy, false);
}

/* Sockets of the client: names, connections that are kept, waits that end with a scope. */
#include "net/client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

static int timeout_of(const struct fetch *fetch)
{
    if (fetch->deadline_ns == NET_NEVER) {
        return -1;
    }
    uint64_t now_ns = slu_clock_monotonic_ns();
    uint64_t left_ns = fetch->deadline_ns > now_ns ? fetch->deadline_ns - now_ns : 0;
    return left_ns > UINT64_C(1000000000000) ? 1000000 : (int)((left_ns + 999999) / 1000000);
}

static int wait_for(struct fetch *fetch, short events)
{
    struct pollfd polled[2] = {{.fd = fetch->fd, .events = events},
                               {.fd = fetch->wake_fd, .events = POLLIN}};
    int count = 0;
    do {
        count = poll(polled, 2, timeout_of(fetch));
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return -errno;
    }
    int err = slu_scope_check(fetch->scope, slu_clock_monotonic_ns());
    if (err != 0) {
        return err;
    }
    return count == 0 ? -ETIMEDOUT : 0;
}

static bool is_same(const struct idle_connection *idle, const struct url *url)
{
    return idle->fd >= 0 && strcmp(idle->host, url->host) == 0 &&
           strcmp(idle->port, url->port) == 0;
}

/* A connection on which nothing is waiting: neither an end nor bytes that nobody asked for. */
static bool is_quiet(int fd)
{
    char byte = 0;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool idle_take(struct fetch *fetch, const struct url *url)
{
    struct net_client *client = fetch->client;
    uint64_t now_ns = slu_clock_monotonic_ns();
    int found = -1;
    mutex_lock(&client->lock);
    for (int i = 0; i < CLIENT_IDLE_MAX && found < 0; i++) {
        struct idle_connection *idle = &client->idle[i];
        if (idle->fd >= 0 && (now_ns - idle->since_ns > client->idle_ns || !is_quiet(idle->fd))) {
            close(idle->fd);
            idle->fd = -1;
        }
        if (is_same(idle, url)) {
            found = idle->fd;
            idle->fd = -1;
        }
    }
    mutex_unlock(&client->lock);
    fetch->fd = found;
    fetch->is_reused = found >= 0;
    return found >= 0;
}

/* In the place of the oldest if all are taken. */
static void idle_give(struct fetch *fetch, const struct url *url)
{
    struct net_client *client = fetch->client;
    mutex_lock(&client->lock);
    struct idle_connection *place = &client->idle[0];
    for (int i = 0; i < CLIENT_IDLE_MAX && place->fd >= 0; i++) {
        struct idle_connection *idle = &client->idle[i];
        if (idle->fd < 0 || idle->since_ns < place->since_ns) {
            place = idle;
        }
    }
    if (place->fd >= 0) {
        close(place->fd);
    }
    place->fd = fetch->fd;
    place->since_ns = slu_clock_monotonic_ns();
    memcpy(place->host, url->host, sizeof(place->host));
    memcpy(place->port, url->port, sizeof(place->port));
    mutex_unlock(&client->lock);
}

static int connect_to(struct fetch *fetch, const struct addrinfo *address)
{
    fetch->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fetch->fd < 0) {
        return -errno;
    }
    int failed = 0;
    socklen_t len = sizeof(failed);
    int err = 0;
    if (connect(fetch->fd, address->ai_addr, address->ai_addrlen) != 0) {
        err = errno == EINPROGRESS ? wait_for(fetch, POLLOUT) : -errno;
        if (err == 0 && getsockopt(fetch->fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0) {
            err = -failed;
        }
    }
    if (err != 0) {
        close(fetch->fd);
        fetch->fd = -1;
        return err;
    }
    int on = 1;
    (void)setsockopt(fetch->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
    return 0;
}

int fetch_connect(struct fetch *fetch, const struct url *url, bool may_reuse)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    if (may_reuse && idle_take(fetch, url)) {
        return 0;
    }
    fetch->is_reused = false;
    int status = getaddrinfo(url->host, url->port, &hints, &addresses);
    if (status != 0) {
        return status == EAI_SYSTEM ? -errno : -EHOSTUNREACH;
    }
    int err = -EHOSTUNREACH;
    for (const struct addrinfo *at = addresses; at != NULL && err != 0; at = at->ai_next) {
        err = connect_to(fetch, at);
        if (err == -ECANCELED || err == -ETIMEDOUT) {
            break;
        }
    }
    freeaddrinfo(addresses);
    return err;
}

void fetch_disconnect(struct fetch *fetch, const struct url *url, bool is_reusable)
{
    if (fetch->fd < 0) {
        return;
    }
    if (is_reusable) {
        idle_give(fetch, url);
    } else {
        close(fetch->fd);
    }
    fetch->fd = -1;
}

int fetch_write(struct fetch *fetch, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(fetch->fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        int err = sent < 0 && errno == EAGAIN ? wait_for(fetch, POLLOUT) : 0;
        if (err != 0) {
            return err;
        }
        at += sent < 0 ? 0 : sent;
        len -= sent < 0 ? 0 : (size_t)sent;
    }
    return 0;
}

ssize_t fetch_read(struct fetch *fetch, void *bytes, size_t size_bytes)
{
    for (;;) {
        ssize_t got = recv(fetch->fd, bytes, size_bytes, 0);
        if (got >= 0) {
            fetch->was_answered |= got > 0;
            return got;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        int err = errno == EAGAIN ? wait_for(fetch, POLLIN) : 0;
        if (err != 0) {
            return err;
        }
    }
}

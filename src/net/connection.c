#include "net/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/http2.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/server.h"
#include "net/tls.h"

static void on_timer(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct connection *connection = arg;
    if (connection->deadline_ns > now_ns) {
        uint64_t delay_ns = connection->deadline_ns == NET_NEVER ? SLU_WHEEL_NEVER
                                                                 : connection->deadline_ns - now_ns;
        connection->timer_ns = connection->deadline_ns;
        int err = slu_wheel_reset(wheel, timer, now_ns, delay_ns);
        SLU_ASSERT(err == 0); /* within its own callback a timer is there */
        return;
    }
    connection->timer = 0;
    connection->timer_ns = NET_NEVER;
    connection->deadline_ns = NET_NEVER;
    loop_count(&connection->loop->counters.timeouts, 1);
    connection->protocol->on_timeout(connection);
}

void connection_deadline(struct connection *connection, uint64_t delay_ns)
{
    struct loop *loop = connection->loop;
    uint64_t deadline_ns =
        delay_ns >= NET_NEVER - loop->now_ns ? NET_NEVER : loop->now_ns + delay_ns;
    connection->deadline_ns = deadline_ns;
    if (connection->timer_ns <= deadline_ns) {
        return; /* it comes earlier, and looks then */
    }
    connection->timer_ns = deadline_ns;
    if (connection->timer != 0 &&
        slu_wheel_reset(loop->wheel, connection->timer, loop->now_ns, delay_ns) == 0) {
        return;
    }
    int err = slu_wheel_add(loop->wheel, loop->now_ns, delay_ns, on_timer, connection,
                            &connection->timer);
    SLU_ASSERT(err == 0); /* the wheel has one for each connection */
}

/* What is spoken until both sides know how: then HTTP/2 if they have agreed on it. */
static void handshake_turn(struct connection *connection)
{
    int err = tls_handshake(connection->tls);
    if (err == -EAGAIN) {
        return;
    }
    if (err != 0) {
        loop_count(&connection->loop->counters.rejected, 1);
        connection->is_broken = true;
        return;
    }
    http1_begin(connection);
    if (tls_is_http2(connection->tls)) {
        (void)http2_begin(connection); /* always true */
    }
    connection->is_readable = true; /* what GnuTLS has read already is not told of */
    if (!connection->is_broken) {
        connection->protocol->turn(connection);
    }
}

static void handshake_close(struct connection *connection)
{
    (void)connection;
}

static const struct protocol handshake_protocol = {
    .turn = handshake_turn,
    .on_timeout = connection_close,
    .on_drain = connection_close,
    .on_close = handshake_close,
};

static int watch(struct loop *loop, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.u64 = connection->handle};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) == 0 ? 0 : -errno;
}

void connection_open(struct loop *loop, int fd, const void *address, size_t address_len)
{
    slu_pool_handle handle = 0;
    void *record = NULL;
    if (slu_pool_take(loop->connections, &handle, &record) != 0) {
        loop_count(&loop->counters.refused, 1);
        close(fd);
        return;
    }
    struct connection *connection = record;
    connection->loop = loop;
    connection->handle = handle;
    connection->fd = fd;
    connection->timer_ns = NET_NEVER;
    connection->deadline_ns = NET_NEVER;
    connection->is_writable = true;
    connection->is_readable = true; /* perhaps; and the first read is due at once then */
    memcpy(&connection->address, address,
           address_len < sizeof(connection->address) ? address_len : sizeof(connection->address));
    loop_count(&loop->counters.accepted, 1);
    loop_count(&loop->counters.connections, 1);
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
    http1_begin(connection);
    int err = 0;
    if (loop->server->tls != NULL) {
        connection->protocol = &handshake_protocol;
        connection_deadline(connection, loop->server->options.header_timeout_ns);
        err = tls_session_open(loop->server->tls, fd, &connection->tls);
    }
    if (err == 0) {
        err = watch(loop, connection);
    }
    if (err != 0) {
        loop_count(&loop->counters.shed, 1);
        connection_close(connection);
        return;
    }
    loop_turn_later(loop, connection);
}

static void ready_unlink(struct loop *loop, struct connection *connection)
{
    struct connection **link = &loop->first_ready;
    struct connection *before = NULL;
    while (*link != connection) {
        before = *link;
        link = &before->next_ready;
    }
    *link = connection->next_ready;
    if (loop->last_ready == connection) {
        loop->last_ready = before;
    }
}

void connection_close(struct connection *connection)
{
    if (connection->in_turn) {
        connection->is_closing = true;
        return;
    }
    struct loop *loop = connection->loop;
    connection->protocol->on_close(connection);
    if (connection->is_ready) {
        ready_unlink(loop, connection);
    }
    if (connection->timer != 0) {
        (void)slu_wheel_stop(loop->wheel, connection->timer); /* -ESTALE: it is running */
    }
    slabs_give(&loop->slabs, &connection->in.slab);
    slabs_give(&loop->slabs, &connection->out.slab);
    tls_session_close(&connection->tls);
    close(connection->fd); /* and epoll forgets it */
    loop_count(&loop->counters.connections, UINT64_MAX);
    int err = slu_pool_give(loop->connections, connection->handle);
    SLU_ASSERT(err == 0);
}

void connection_turn(struct connection *connection)
{
    SLU_ASSERT(!connection->in_turn);
    connection->in_turn = true;
    connection->protocol->turn(connection);
    connection->in_turn = false;
    if (connection->is_closing || connection->is_broken) {
        connection_close(connection);
    }
}

void connection_event(struct connection *connection, uint32_t events)
{
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        connection->is_readable = true;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        connection->has_hung_up = true;
    }
    if ((events & EPOLLOUT) != 0) {
        connection->is_writable = true;
    }
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        connection->is_broken = true;
    }
    connection_turn(connection);
}

void connection_wake(struct connection *connection)
{
    if (!connection->in_turn) {
        loop_turn_later(connection->loop, connection);
    }
}

/* The socket's answer to a read or write that did not go through. */
static size_t socket_failed(struct connection *connection, bool *is_able)
{
    connection->is_broken |= errno != EAGAIN;
    *is_able = false;
    return 0;
}

/* As the system calls report it. */
static ssize_t tls_result(ssize_t result)
{
    if (result >= 0) {
        return result;
    }
    errno = (int)-result;
    return -1;
}

/* One part after the other, until one is not taken as a whole. */
static ssize_t tls_write_parts(struct connection *connection, const struct iovec *parts, int count)
{
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written =
            tls_result(tls_write(connection->tls, parts[i].iov_base, parts[i].iov_len));
        if (written < 0) {
            return total > 0 ? total : -1;
        }
        total += written;
        if ((size_t)written < parts[i].iov_len) {
            break;
        }
    }
    return total;
}

static ssize_t receive(struct connection *connection, void *bytes, size_t size_bytes)
{
    if (connection->tls != NULL) {
        return tls_result(tls_read(connection->tls, bytes, size_bytes));
    }
    ssize_t got = -1;
    do {
        got = recv(connection->fd, bytes, size_bytes, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

static ssize_t transmit(struct connection *connection, const struct iovec *parts, int count)
{
    if (connection->tls != NULL) {
        return tls_write_parts(connection, parts, count);
    }
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    ssize_t written = -1;
    do {
        written = count == 1 ? send(connection->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                             : sendmsg(connection->fd, &message, MSG_NOSIGNAL);
    } while (written < 0 && errno == EINTR);
    return written;
}

size_t connection_read_into(struct connection *connection, void *bytes, size_t size_bytes)
{
    if (!connection->is_readable || connection->at_end || connection->is_broken) {
        return 0;
    }
    ssize_t got = receive(connection, bytes, size_bytes);
    if (got < 0) {
        return socket_failed(connection, &connection->is_readable);
    }
    if (got == 0) {
        connection->at_end = true;
        connection->is_readable = false;
        return 0;
    }
    /* A short read has emptied the socket, and what comes later is told of; an end that came
     * together with the data is not told of again. */
    if ((size_t)got < size_bytes && !connection->has_hung_up && connection->tls == NULL) {
        connection->is_readable = false;
    }
    return (size_t)got;
}

bool connection_read(struct connection *connection)
{
    struct stretch *in = &connection->in;
    if (!connection->is_readable || connection->at_end) {
        return false;
    }
    if (in->slab.bytes == NULL) {
        if (slabs_take(&connection->loop->slabs, SLAB_BYTES, &in->slab) != 0) {
            loop_count(&connection->loop->counters.shed, 1);
            connection->is_broken = true; /* nothing can be read, so nothing can be answered */
            return false;
        }
        in->begin = 0;
        in->end = 0;
    }
    size_t room = in->slab.size_bytes - in->end;
    size_t got = room == 0 ? 0 : connection_read_into(connection, in->slab.bytes + in->end, room);
    in->end += (uint32_t)got;
    connection_release(connection, in);
    return got > 0;
}

size_t connection_write(struct connection *connection, const struct iovec *parts, int count)
{
    if (!connection->is_writable || connection->is_broken) {
        return 0;
    }
    ssize_t written = transmit(connection, parts, count);
    return written < 0 ? socket_failed(connection, &connection->is_writable) : (size_t)written;
}

void connection_shut(struct connection *connection)
{
    if (connection->tls != NULL) {
        tls_bye(connection->tls);
    }
    (void)shutdown(connection->fd, SHUT_WR); /* it may have gone already */
}

bool connection_flush(struct connection *connection)
{
    struct stretch *out = &connection->out;
    while (stretch_len(out) > 0) {
        struct iovec part = {.iov_base = stretch_bytes(out), .iov_len = stretch_len(out)};
        size_t written = connection_write(connection, &part, 1);
        connection_consume(connection, out, written);
        if (written == 0) {
            return false;
        }
    }
    return true;
}

unsigned char *connection_out_room(struct connection *connection, size_t size_bytes)
{
    struct stretch *out = &connection->out;
    if (out->slab.bytes == NULL) {
        if (slabs_take(&connection->loop->slabs, SLAB_BYTES, &out->slab) != 0) {
            return NULL;
        }
        out->begin = 0;
        out->end = 0;
    }
    size_t len = stretch_len(out);
    if (out->slab.size_bytes - out->end < size_bytes && out->begin > 0) {
        memmove(out->slab.bytes, stretch_bytes(out), len);
        out->begin = 0;
        out->end = (uint32_t)len;
    }
    return out->slab.size_bytes - out->end < size_bytes ? NULL : out->slab.bytes + out->end;
}

void connection_release(struct connection *connection, struct stretch *stretch)
{
    if (stretch->begin == stretch->end) {
        slabs_give(&connection->loop->slabs, &stretch->slab);
        stretch->begin = 0;
        stretch->end = 0;
    }
}

void connection_consume(struct connection *connection, struct stretch *stretch, size_t len)
{
    stretch->begin += (uint32_t)len;
    connection_release(connection, stretch);
}

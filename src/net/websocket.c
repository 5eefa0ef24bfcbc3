/*
 * A WebSocket's life on its connection. What is kept of a quiet one is this structure alone: bytes
 * lie in slabs only while they are on their way. wslay keeps 9.2 KiB.
 */
#include "net/websocket.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "net/connection.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/request.h"
#include "net/server.h"

#define PARTS_MAX   16
#define ROUNDS_MAX  32
#define GOODBYE_NS  UINT64_C(5000000000)
#define CODE_NORMAL 1000
#define CODE_AWAY   1001
#define CODE_BROKEN 1002 /* the protocol */
#define CODE_NONE   1005 /* none was given */
#define CODE_LOST   1006
#define CODE_TEXT   1007 /* no UTF-8 */
#define CODE_LARGE  1009
#define CODE_MEMORY 1013

struct net_websocket {
    struct connection *connection;
    const struct net_websocket_events *events;
    void *arg;
    struct piece *first; /* on their way out */
    struct piece *last;
    uint64_t waiting_bytes;
    struct slab message; /* the parts that have come of a fragmented or long one */
    size_t message_len;
    struct frame_head frame; /* being read */
    uint64_t frame_read;     /* of its payload */
    unsigned message_kind;   /* 0 between messages */
    unsigned code;           /* why it ends */
    bool in_frame;
    bool said_goodbye;
    bool heard_goodbye;
    bool has_failed; /* what still comes is thrown away, so that our goodbye is not */
    bool has_shut;
    bool was_heard;  /* something came since the last ping */
    bool wants_room; /* somebody was told -EAGAIN */
    net_websocket_fn *after;
    void *after_arg;
    slu_timer_id after_timer;
};

static const struct protocol websocket_protocol;

static bool is_text(struct slu_bytes bytes)
{
    const char *at = bytes.data;
    for (size_t i = 0; i < bytes.len;) {
        uint32_t code = (unsigned char)at[i];
        i += code < 0x80 ? 1 : utf8_decode(at + i, bytes.len - i, &code);
        if (code == UTF8_INVALID) {
            return false;
        }
    }
    return true;
}

static int append(struct net_websocket *socket, unsigned opcode, struct slu_bytes payload)
{
    unsigned char head[FRAME_HEAD_BYTES_MAX];
    size_t head_len = frame_head_write(opcode, payload.len, head);
    struct piece *piece = socket->last;
    if (piece == NULL || piece_room(piece) < head_len + payload.len) {
        int err = piece_take(&socket->connection->loop->slabs, head_len + payload.len, &piece);
        if (err != 0) {
            return err;
        }
        if (socket->first == NULL) {
            socket->first = piece;
        } else {
            socket->last->next = piece;
        }
        socket->last = piece;
    }
    unsigned char *at = piece_end(piece);
    memcpy(at, head, head_len);
    if (payload.len > 0) {
        memcpy(at + head_len, payload.data, payload.len);
    }
    piece->len += head_len + payload.len;
    socket->waiting_bytes += head_len + payload.len;
    connection_wake(socket->connection);
    return 0;
}

static void goodbye(struct net_websocket *socket, unsigned code)
{
    unsigned char payload[2] = {(unsigned char)(code >> 8), (unsigned char)code};
    if (socket->said_goodbye) {
        return;
    }
    socket->said_goodbye = true;
    socket->code = socket->code == 0 ? code : socket->code;
    size_t len = code == CODE_NONE ? 0 : sizeof(payload);
    if (append(socket, FRAME_CLOSE, (struct slu_bytes){payload, len}) != 0) {
        socket->connection->is_broken = true;
    }
    connection_deadline(socket->connection, GOODBYE_NS);
}

/* What the other side has done wrong is answered, and nothing more is read. */
static int fail(struct net_websocket *socket, unsigned code)
{
    loop_count(&socket->connection->loop->counters.rejected, 1);
    goodbye(socket, code);
    socket->heard_goodbye = true;
    socket->has_failed = true;
    return -EBADMSG;
}

static bool code_is_allowed(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != CODE_NONE &&
            code != CODE_LOST) ||
           (code >= 3000 && code <= 4999);
}

static int close_heed(struct net_websocket *socket, struct slu_bytes payload)
{
    const unsigned char *at = payload.data;
    unsigned code = payload.len < 2 ? CODE_NONE : (unsigned)at[0] << 8 | at[1];
    if (payload.len == 1 || (payload.len >= 2 && !code_is_allowed(code))) {
        return fail(socket, CODE_BROKEN);
    }
    if (payload.len > 2 && !is_text((struct slu_bytes){at + 2, payload.len - 2})) {
        return fail(socket, CODE_TEXT);
    }
    socket->code = code;
    socket->heard_goodbye = true;
    goodbye(socket, code);
    return 0;
}

static int control_heed(struct net_websocket *socket, struct slu_bytes payload)
{
    switch (socket->frame.opcode) {
    case FRAME_CLOSE:
        return close_heed(socket, payload);
    case FRAME_PING:
        if (socket->waiting_bytes < socket->connection->loop->server->options.response_bytes_max &&
            append(socket, FRAME_PONG, payload) != 0) {
            return fail(socket, CODE_MEMORY);
        }
        return 0;
    default:
        return 0;
    }
}

static int message_deliver(struct net_websocket *socket, struct slu_bytes message)
{
    unsigned kind = socket->message_kind;
    socket->message_kind = 0;
    if (kind == FRAME_TEXT && !is_text(message)) {
        return fail(socket, CODE_TEXT);
    }
    if (!socket->said_goodbye) {
        socket->events->on_message(socket, (enum net_message)kind, message, socket->arg);
    }
    socket->message_len = 0;
    slabs_give(&socket->connection->loop->slabs, &socket->message);
    return 0;
}

static int message_add(struct net_websocket *socket, struct slu_bytes bytes)
{
    struct slabs *slabs = &socket->connection->loop->slabs;
    size_t wanted = socket->message_len + bytes.len;
    int err = 0;
    if (wanted > socket->message.size_bytes) {
        size_t doubled = 2 * socket->message.size_bytes;
        err = slabs_grow(slabs, &socket->message, socket->message_len,
                         wanted > doubled ? wanted : doubled);
    }
    if (err != 0) {
        return fail(socket, CODE_MEMORY);
    }
    if (bytes.len > 0) {
        memcpy(socket->message.bytes + socket->message_len, bytes.data, bytes.len);
        socket->message_len += bytes.len;
    }
    return 0;
}

static int frame_begin(struct net_websocket *socket)
{
    struct stretch *in = &socket->connection->in;
    struct frame_head *frame = &socket->frame;
    struct slu_bytes bytes = {stretch_bytes(in), stretch_len(in)};
    int err = frame_head_read(bytes, frame);
    if (err == -EAGAIN) {
        return err;
    }
    bool is_control = err == 0 && frame->opcode >= FRAME_CLOSE;
    bool goes_on = frame->opcode == FRAME_CONTINUATION;
    if (err != 0 || !frame->is_masked || (!is_control && goes_on != (socket->message_kind != 0))) {
        return fail(socket, CODE_BROKEN);
    }
    uint64_t max = socket->connection->loop->server->options.websocket_bytes_max;
    if (!is_control && (frame->len > max || frame->len > max - socket->message_len)) {
        return fail(socket, CODE_LARGE);
    }
    if (!is_control && !goes_on) {
        socket->message_kind = frame->opcode;
    }
    connection_consume(socket->connection, in, frame->head_len);
    socket->in_frame = true;
    socket->frame_read = 0;
    return 0;
}

/* A control frame is taken when it is whole; it fits in any slab. */
static int control_proceed(struct net_websocket *socket)
{
    struct stretch *in = &socket->connection->in;
    size_t len = (size_t)socket->frame.len;
    if (stretch_len(in) < len) {
        return -EAGAIN;
    }
    unsigned char *payload = len == 0 ? NULL : stretch_bytes(in);
    if (len > 0) {
        frame_unmask(payload, len, socket->frame.mask, 0);
    }
    socket->in_frame = false;
    int err = control_heed(socket, (struct slu_bytes){payload, len});
    connection_consume(socket->connection, in, len);
    return err;
}

/* A message in one frame that is there as a whole is not copied. */
static int data_proceed(struct net_websocket *socket)
{
    struct stretch *in = &socket->connection->in;
    struct frame_head *frame = &socket->frame;
    uint64_t left = frame->len - socket->frame_read;
    size_t len = stretch_len(in) < left ? stretch_len(in) : (size_t)left;
    if (len == 0 && left > 0) {
        return -EAGAIN;
    }
    struct slu_bytes bytes = {len == 0 ? (void *)"" : stretch_bytes(in), len};
    if (len > 0) {
        frame_unmask(stretch_bytes(in), len, frame->mask, socket->frame_read);
    }
    socket->frame_read += len;
    bool is_whole = socket->frame_read == frame->len;
    bool is_last = is_whole && frame->is_final;
    int err = 0;
    if (!is_last || socket->message_len > 0) {
        err = message_add(socket, bytes);
        bytes = (struct slu_bytes){socket->message.bytes, socket->message_len};
    }
    socket->in_frame = !is_whole;
    if (err == 0 && is_last) {
        err = message_deliver(socket, bytes);
    }
    connection_consume(socket->connection, in, len);
    return err;
}

static bool proceed(struct net_websocket *socket)
{
    bool moved = false;
    int err = 0;
    uint64_t max = socket->connection->loop->server->options.response_bytes_max;
    while (err == 0 && !socket->heard_goodbye && socket->waiting_bytes < max) {
        if (!socket->in_frame) {
            err = frame_begin(socket);
        } else if (socket->frame.opcode >= FRAME_CLOSE) {
            err = control_proceed(socket);
        } else {
            err = data_proceed(socket);
        }
        moved |= err == 0;
    }
    return moved;
}

static bool write_out(struct net_websocket *socket)
{
    struct connection *connection = socket->connection;
    struct iovec parts[PARTS_MAX];
    int count = 0;
    if (!connection_flush(connection)) { /* the answer to the upgrade */
        return false;
    }
    for (struct piece *piece = socket->first; piece != NULL && count < PARTS_MAX;
         piece = piece->next) {
        parts[count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)piece->data, .iov_len = piece->len};
    }
    size_t written = count == 0 ? 0 : connection_write(connection, parts, count);
    socket->waiting_bytes -= written;
    for (size_t left = written; left > 0;) {
        struct piece *piece = socket->first;
        size_t len = piece->len < left ? piece->len : left;
        piece->data += len;
        piece->len -= len;
        left -= len;
        if (piece->len == 0) {
            struct slab slab = piece->slab;
            socket->first = piece->next;
            socket->last = socket->first == NULL ? NULL : socket->last;
            slabs_give(&connection->loop->slabs, &slab);
        }
    }
    return written > 0;
}

static bool read_in(struct net_websocket *socket)
{
    struct connection *connection = socket->connection;
    struct stretch *in = &connection->in;
    if (socket->waiting_bytes >= connection->loop->server->options.response_bytes_max) {
        return false; /* until it has read what it asked for */
    }
    if (in->begin > 0 && in->end == in->slab.size_bytes) {
        size_t len = stretch_len(in);
        memmove(in->slab.bytes, stretch_bytes(in), len);
        in->begin = 0;
        in->end = (uint32_t)len;
    }
    bool got = connection_read(connection);
    socket->was_heard |= got;
    if (socket->heard_goodbye) {
        connection_consume(connection, in, stretch_len(in));
    }
    return got;
}

static void room_tell(struct net_websocket *socket)
{
    uint64_t max = socket->connection->loop->server->options.response_bytes_max;
    if (socket->wants_room && socket->waiting_bytes <= max / 2 && !socket->said_goodbye) {
        socket->wants_room = false;
        if (socket->events->on_room != NULL) {
            socket->events->on_room(socket, socket->arg);
        }
    }
}

/* A socket that is closed while bytes wait in it takes back what it has sent. */
static void end_heed(struct net_websocket *socket)
{
    struct connection *connection = socket->connection;
    bool is_over = socket->said_goodbye && socket->heard_goodbye && socket->first == NULL;
    if (is_over && socket->has_failed && !socket->has_shut) {
        socket->has_shut = true;
        connection_shut(connection);
    }
    connection->is_closing = connection->at_end || (is_over && !socket->has_failed);
}

static void turn(struct connection *connection)
{
    struct net_websocket *socket = connection->websocket;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool moved = write_out(socket);
        room_tell(socket);
        moved |= read_in(socket);
        moved |= proceed(socket);
        if (connection->is_broken) {
            return;
        }
        if (!moved) {
            end_heed(socket);
            return;
        }
    }
    loop_turn_later(connection->loop, connection);
}

static void on_timeout(struct connection *connection)
{
    struct net_websocket *socket = connection->websocket;
    if (socket->said_goodbye || !socket->was_heard) {
        connection_close(connection);
        return;
    }
    socket->was_heard = false;
    if (append(socket, FRAME_PING, (struct slu_bytes){0}) != 0) {
        connection_close(connection);
        return;
    }
    connection_deadline(connection, connection->loop->server->options.ping_ns);
}

static void on_drain(struct connection *connection)
{
    goodbye(connection->websocket, CODE_AWAY);
}

static void on_close(struct connection *connection)
{
    struct net_websocket *socket = connection->websocket;
    struct loop *loop = connection->loop;
    unsigned code = socket->heard_goodbye && socket->code != 0 ? socket->code : CODE_LOST;
    socket->said_goodbye = true;
    if (socket->events->on_close != NULL) {
        socket->events->on_close(socket, code, socket->arg);
    }
    if (socket->after_timer != 0) {
        (void)slu_wheel_stop(loop->wheel, socket->after_timer); /* or it is running */
    }
    while (socket->first != NULL) {
        struct slab slab = socket->first->slab;
        socket->first = socket->first->next;
        slabs_give(&loop->slabs, &slab);
    }
    slabs_give(&loop->slabs, &socket->message);
    slu_budget_free(loop->budget, socket, sizeof(*socket));
    connection->websocket = NULL;
}

static const struct protocol websocket_protocol = {
    .turn = turn,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* Returns the answer's key, or -EINVAL if this is no request for a WebSocket. */
static int upgrade_check(const struct net_request *request, char key[29])
{
    struct slu_bytes version;
    struct slu_bytes sent_key;
    struct slu_bytes upgrade;
    struct slu_bytes connection;
    if (request->version != 11 || request->method != NET_GET ||
        !net_request_header(request, "upgrade", &upgrade) || !head_list_has(upgrade, "websocket") ||
        !net_request_header(request, "connection", &connection) ||
        !head_list_has(connection, "upgrade") ||
        !net_request_header(request, "sec-websocket-version", &version) ||
        !head_text_is(version, "13") ||
        !net_request_header(request, "sec-websocket-key", &sent_key)) {
        return -EINVAL;
    }
    return websocket_answer_key(sent_key, key);
}

static int answer_write(struct net_request *request, const char *key)
{
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    struct connection *connection = request->connection;
    size_t key_len = strlen(key);
    size_t len = sizeof(head) - 1 + key_len + 2 + request->fields_bytes + 2;
    unsigned char *at = connection_out_room(connection, len);
    if (at == NULL) {
        return -EDQUOT;
    }
    memcpy(at, head, sizeof(head) - 1);
    at += sizeof(head) - 1;
    memcpy(at, key, key_len);
    memcpy(at + key_len, "\r\n", 2);
    at += key_len + 2;
    memcpy(at, request->response_fields, request->fields_bytes);
    memcpy(at + request->fields_bytes, "\r\n", 2);
    connection->out.end += (uint32_t)len;
    return 0;
}

int net_websocket_accept(struct net_request *request, const struct net_websocket_events *events,
                         void *arg, struct net_websocket **out)
{
    char key[29];
    struct connection *connection = request->connection;
    if (!request_is_on_loop(request) || connection == NULL || request->response.is_begun ||
        upgrade_check(request, key) != 0) {
        return -EINVAL;
    }
    void *block = NULL;
    int err = slu_budget_alloc(request->loop->budget, sizeof(struct net_websocket), &block);
    if (err != 0) {
        return err;
    }
    err = answer_write(request, key);
    if (err != 0) {
        slu_budget_free(request->loop->budget, block, sizeof(struct net_websocket));
        return err;
    }
    struct net_websocket *socket = block;
    socket->connection = connection;
    socket->events = events;
    socket->arg = arg;
    socket->was_heard = true;
    request->response.status = 101;
    request->response.is_begun = true;
    request->response.is_ended = true;
    http1_leave(request);
    connection->websocket = socket;
    connection->protocol = &websocket_protocol;
    connection_deadline(connection, connection->loop->server->options.ping_ns);
    connection_wake(connection);
    *out = socket;
    return 0;
}

int net_websocket_send(struct net_websocket *socket, enum net_message kind,
                       struct slu_bytes message)
{
    uint64_t max = socket->connection->loop->server->options.response_bytes_max;
    if (socket->said_goodbye || socket->connection->is_broken) {
        return -ECANCELED;
    }
    if (socket->waiting_bytes > 0 && socket->waiting_bytes + message.len > max) {
        socket->wants_room = true;
        return -EAGAIN;
    }
    return append(socket, (unsigned)kind, message);
}

void net_websocket_close(struct net_websocket *socket, unsigned code)
{
    SLU_ASSERT(code_is_allowed(code));
    goodbye(socket, code);
}

static void on_after(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct net_websocket *socket = arg;
    (void)wheel;
    (void)timer;
    (void)now_ns;
    socket->after_timer = 0;
    socket->after(socket, socket->after_arg);
}

int net_websocket_after(struct net_websocket *socket, uint64_t delay_ns, net_websocket_fn *run,
                        void *arg)
{
    struct loop *loop = socket->connection->loop;
    if (socket->after_timer != 0) {
        return -EBUSY;
    }
    socket->after = run;
    socket->after_arg = arg;
    return slu_wheel_add(loop->wheel, loop->now_ns, delay_ns, on_after, socket,
                         &socket->after_timer);
}

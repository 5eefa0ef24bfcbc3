#include "net/http1.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "net/connection.h"
#include "net/http1_answer.h"
#include "net/http1_head.h"
#include "net/http2.h"
#include "net/loop.h"
#include "net/request.h"
#include "net/route.h"
#include "net/server.h"

#define ROUNDS_MAX          32 /* in one turn, so that others get theirs */
#define STEPS_MAX           32
#define PROGRESS_BYTES      ((uint64_t)64 * 1024)
#define CLOSE_NS            UINT64_C(2000000000)
#define CLOSE_DISCARD_BYTES ((uint64_t)1024 * 1024)

static const struct request_protocol http1_requests;
static const struct protocol http1_protocol;

/* The head and its body are no longer needed. */
static void over(struct net_request *request)
{
    request->connection->http1.request = NULL;
}

static void answer(struct connection *connection)
{
    connection->http1.phase = HTTP1_ANSWER;
    request_dispatch(connection->http1.request);
}

/* Say no. What the client may still send of this request is not read. */
static bool refuse(struct connection *connection, unsigned status)
{
    connection->http1.phase = HTTP1_ANSWER;
    request_refuse(connection->http1.request, status);
    return true;
}

static bool refuse_and_close(struct connection *connection, unsigned status)
{
    connection->http1.closes = true;
    return refuse(connection, status);
}

/* There is no memory for the body. */
static bool shed_and_close(struct connection *connection)
{
    connection->http1.closes = true;
    connection->http1.phase = HTTP1_ANSWER;
    request_shed(connection->http1.request);
    return true;
}

/* The route may answer before the body is read, which then is not. */
static bool admits(struct connection *connection, const struct http1_head *head)
{
    struct http1 *http1 = &connection->http1;
    bool is_chunked = (head->flags & HEAD_CHUNKED) != 0;
    bool closes = http1->closes;
    http1->phase = HTTP1_ANSWER;
    http1->closes |= is_chunked || head->content_length > 0;
    if (!request_admit(http1->request, is_chunked ? NET_LENGTH_UNKNOWN : head->content_length)) {
        return false;
    }
    http1->closes = closes;
    return true;
}

/* Without a request to answer by. */
static bool fail(struct connection *connection, unsigned status)
{
    loop_count(&connection->loop->counters.rejected, 1);
    http1_error_write(connection, status);
    connection->http1.phase = HTTP1_CLOSING;
    return true;
}

/* Where bytes of a body lie that came behind the head. */
static struct slu_bytes behind_head(const struct connection *connection)
{
    const struct stretch *in = &connection->in;
    uint32_t held = connection->http1.hold_len;
    return (struct slu_bytes){stretch_bytes(in) + held, stretch_len(in) - held};
}

/* Let go of bytes behind the head that have been used. */
static void behind_head_consume(struct connection *connection, size_t len)
{
    struct stretch *in = &connection->in;
    struct slu_bytes behind = behind_head(connection);
    unsigned char *to = stretch_bytes(in) + connection->http1.hold_len;
    memmove(to, to + len, behind.len - len);
    in->end -= (uint32_t)len;
}

static bool body_begin(struct connection *connection, const struct http1_head *head)
{
    struct http1 *http1 = &connection->http1;
    http1->phase = HTTP1_BODY;
    http1->wait = HTTP1_WAIT_ANEW;
    http1->is_chunked = (head->flags & HEAD_CHUNKED) != 0;
    http1->chunked = (struct chunked){0};
    http1->body_left = head->content_length;
    http1->progress_left = PROGRESS_BYTES;
    http1->in_place = !http1->is_chunked && http1->request->route->body_budget == NULL &&
                      head->content_length <= SLAB_BYTES - connection->in.begin - http1->head_len;
    if ((head->flags & HEAD_EXPECT) != 0 && behind_head(connection).len == 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        unsigned char *room = connection_out_room(connection, sizeof(go_on) - 1);
        if (room == NULL) {
            return refuse_and_close(connection, 503);
        }
        memcpy(room, go_on, sizeof(go_on) - 1);
        connection->out.end += sizeof(go_on) - 1;
    }
    return true;
}

/* A head that can be read; route it. */
static bool request_begin(struct connection *connection, const struct http1_head *head)
{
    struct http1 *http1 = &connection->http1;
    struct net_request *request = http1->request;
    bool has_body = head->content_length > 0 || (head->flags & HEAD_CHUNKED) != 0;
    request->method = method_of(head->method);
    request->is_head = request->method == NET_HEAD;
    request_target(request, head->target);
    http1->closes = (head->flags & HEAD_CLOSE) != 0 ||
                    (head->minor == 0 && (head->flags & HEAD_KEEP_ALIVE) == 0);
    if (request->method == 0) {
        return refuse_and_close(connection, 501);
    }
    unsigned status = request_route(request, head->content_length);
    if (status == 0 && has_body && request->route->body_bytes_max == 0) {
        status = 413;
    }
    if (status != 0) {
        http1->closes |= has_body;
        return refuse(connection, status);
    }
    if (!admits(connection, head)) {
        return true;
    }
    if (has_body) {
        return body_begin(connection, head);
    }
    answer(connection);
    return true;
}

static bool head_take(struct connection *connection, size_t len)
{
    struct http1 *http1 = &connection->http1;
    struct net_request *request = request_take(connection, &http1_requests);
    http1->scanned = 0;
    if (request == NULL) {
        return fail(connection, 503);
    }
    loop_count(&connection->loop->counters.requests, 1);
    http1->request = request;
    http1->head_len = (uint32_t)len;
    http1->hold_len = (uint32_t)len;
    http1->is_started = false;
    struct http1_head head;
    int err = http1_request_read(stretch_bytes(&connection->in), len, &head, &request->fields);
    request->version = 10 + head.minor;
    return err != 0 ? refuse_and_close(connection, head.status) : request_begin(connection, &head);
}

/* Whether the first bytes are HTTP/2's, or may become them. */
static bool is_http2(struct connection *connection)
{
    struct slu_bytes in = {stretch_bytes(&connection->in), stretch_len(&connection->in)};
    size_t len = in.len < HTTP2_PREFACE_BYTES ? in.len : HTTP2_PREFACE_BYTES;
    bool fits = memcmp(in.data, HTTP2_PREFACE, len) == 0;
    connection->http1.is_known = !fits;
    return fits;
}

static void to_front(struct stretch *in)
{
    size_t len = stretch_len(in);
    memmove(in->slab.bytes, stretch_bytes(in), len);
    in->begin = 0;
    in->end = (uint32_t)len;
}

/* One empty line before a request is left by old clients after a body (RFC 9112, 2.2). */
static void empty_line_skip(struct connection *connection)
{
    struct stretch *in = &connection->in;
    if (connection->http1.scanned == 0 && stretch_len(in) >= 2 &&
        memcmp(stretch_bytes(in), "\r\n", 2) == 0) {
        connection_consume(connection, in, 2);
    }
}

static bool head_proceed(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    struct stretch *in = &connection->in;
    size_t len = 0;
    empty_line_skip(connection);
    if (stretch_len(in) == 0) {
        return false;
    }
    if (!http1->is_known && is_http2(connection)) {
        return stretch_len(in) >= HTTP2_PREFACE_BYTES && http2_begin(connection);
    }
    if (stretch_len(&connection->out) > SLAB_BYTES - ANSWER_HEAD_ROOM) {
        return false; /* its answer would have no room */
    }
    int err = http1_head_end(stretch_bytes(in), stretch_len(in), &http1->scanned, &len);
    if (err == -EAGAIN) {
        return stretch_len(in) >= HEAD_BYTES_MAX && fail(connection, 431);
    }
    if (err != 0 || len > HEAD_BYTES_MAX) {
        return fail(connection, err != 0 ? 400 : 431);
    }
    if (in->begin > 0 && in->slab.size_bytes - in->begin < SLAB_BYTES / 2) {
        to_front(in);
    }
    return head_take(connection, len);
}

static void body_progress(struct http1 *http1, size_t len)
{
    if (len >= http1->progress_left) {
        http1->progress_left = PROGRESS_BYTES;
        http1->wait = HTTP1_WAIT_ANEW; /* begins anew */
    } else {
        http1->progress_left -= len;
    }
}

/* A body that fits behind its head. */
static bool body_in_place(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    struct slu_bytes behind = behind_head(connection);
    if (behind.len < http1->body_left) {
        return false;
    }
    http1->request->body = (struct slu_bytes){behind.data, (size_t)http1->body_left};
    http1->hold_len += (uint32_t)http1->body_left;
    http1->body_left = 0;
    answer(connection);
    return true;
}

static bool body_declared(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    struct net_request *request = http1->request;
    uint64_t whole = http1->body_left + request->body_len;
    struct slu_bytes piece = behind_head(connection);
    piece.len = piece.len < http1->body_left ? piece.len : (size_t)http1->body_left;
    if (piece.len > 0) {
        if (request_body_add(request, piece, whole) != 0) {
            return shed_and_close(connection);
        }
        behind_head_consume(connection, piece.len);
        http1->body_left -= piece.len;
        body_progress(http1, piece.len);
    }
    if (http1->body_left == 0) {
        answer(connection);
        return true;
    }
    return piece.len > 0;
}

static bool body_chunked(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    struct net_request *request = http1->request;
    struct slu_bytes input = behind_head(connection);
    size_t before = input.len;
    int err = 0;
    while (err == 0 && input.len > 0 && !chunked_is_complete(&http1->chunked)) {
        struct slu_bytes piece;
        err = chunked_next(&http1->chunked, &input, &piece);
        if (err == 0 && request->body_len + piece.len > request->route->body_bytes_max) {
            return refuse_and_close(connection, 413);
        }
        if (err == 0 && piece.len > 0 && request_body_add(request, piece, 0) != 0) {
            return shed_and_close(connection);
        }
    }
    if (err != 0) {
        return refuse_and_close(connection, 400);
    }
    size_t used = before - input.len;
    behind_head_consume(connection, used);
    body_progress(http1, used);
    if (chunked_is_complete(&http1->chunked)) {
        answer(connection);
        return true;
    }
    return used > 0;
}

static bool body_proceed(struct connection *connection)
{
    if (connection->http1.in_place) {
        return body_in_place(connection);
    }
    return connection->http1.is_chunked ? body_chunked(connection) : body_declared(connection);
}

/* The request is over. */
static bool answer_leave(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    if (http1->request != NULL) {
        return false;
    }
    connection_consume(connection, &connection->in, http1->hold_len);
    http1->hold_len = 0;
    http1->phase = http1->closes ? HTTP1_CLOSING : HTTP1_HEAD;
    http1->wait = HTTP1_WAIT_ANEW;
    return true;
}

static bool closing_proceed(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    struct stretch *in = &connection->in;
    http1->discarded += stretch_len(in);
    connection_consume(connection, in, stretch_len(in));
    if (connection->at_end || http1->discarded > CLOSE_DISCARD_BYTES) {
        connection->is_closing = stretch_len(&connection->out) == 0;
    } else if (!http1->has_shut && stretch_len(&connection->out) == 0) {
        connection_shut(connection);
        http1->has_shut = true;
    }
    return false;
}

static bool proceed(struct connection *connection)
{
    switch (connection->http1.phase) {
    case HTTP1_HEAD:
        return head_proceed(connection);
    case HTTP1_BODY:
        return body_proceed(connection);
    case HTTP1_ANSWER:
        return answer_leave(connection);
    default:
        return closing_proceed(connection);
    }
}

/* The rest of a large body goes where it belongs without a stop. */
static bool read_body(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    struct net_request *request = http1->request;
    if (request_body_room(request, http1->body_left + request->body_len) != 0) {
        return shed_and_close(connection);
    }
    size_t room = request->body_slab.size_bytes - request->body_len;
    size_t wanted = room < http1->body_left ? room : (size_t)http1->body_left;
    size_t got =
        connection_read_into(connection, request->body_slab.bytes + request->body_len, wanted);
    request->body_len += got;
    http1->body_left -= got;
    body_progress(http1, got);
    return got > 0;
}

static bool read_in(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    if (!connection->is_readable) {
        return false;
    }
    if (http1->phase == HTTP1_BODY && !http1->in_place && !http1->is_chunked &&
        behind_head(connection).len == 0 && http1->body_left > 0) {
        return read_body(connection);
    }
    struct stretch *in = &connection->in;
    if (http1->phase == HTTP1_HEAD && in->begin > 0 && in->end == in->slab.size_bytes) {
        to_front(in);
    }
    return connection_read(connection);
}

/* The other side sends no more. */
static void end_heed(struct connection *connection)
{
    const struct http1 *http1 = &connection->http1;
    const struct net_request *request = http1->request;
    if (!connection->at_end || http1->phase == HTTP1_CLOSING) {
        return;
    }
    if (request != NULL && !request->response.is_ended) {
        connection->is_closing = true; /* it has gone */
    } else if (request == NULL && stretch_len(&connection->out) == 0) {
        connection->is_closing = true;
    }
}

static void wait_for(struct connection *connection, enum http1_wait wait, uint64_t delay_ns)
{
    if (connection->http1.wait != wait) {
        connection->http1.wait = wait;
        connection_deadline(connection, delay_ns);
    }
}

static void wait_choose(struct connection *connection)
{
    const struct http1 *http1 = &connection->http1;
    const struct net_server_options *options = &connection->loop->server->options;
    bool writes = stretch_len(&connection->out) > 0 ||
                  (http1->request != NULL && http1->request->response.first != NULL);
    if (writes) {
        wait_for(connection, HTTP1_WAIT_WRITE, options->write_timeout_ns);
    } else if (http1->phase == HTTP1_CLOSING) {
        wait_for(connection, HTTP1_WAIT_CLOSE, CLOSE_NS);
    } else if (http1->phase == HTTP1_BODY) {
        wait_for(connection, HTTP1_WAIT_BODY, options->body_timeout_ns);
    } else if (http1->phase == HTTP1_ANSWER) {
        wait_for(connection, HTTP1_WAIT_NONE, NET_NEVER);
    } else if (stretch_len(&connection->in) > 0) {
        wait_for(connection, HTTP1_WAIT_HEAD, options->header_timeout_ns);
    } else {
        wait_for(connection, HTTP1_WAIT_IDLE, options->idle_timeout_ns);
    }
}

static bool goes_on(const struct connection *connection)
{
    return !connection->is_broken && !connection->is_closing &&
           connection->protocol == &http1_protocol;
}

static bool round_of(struct connection *connection)
{
    bool moved = http1_write(connection);
    if (moved && connection->http1.wait == HTTP1_WAIT_WRITE) {
        connection->http1.wait = HTTP1_WAIT_ANEW; /* it took something: its time begins anew */
    }
    moved |= read_in(connection);
    for (int step = 0; step < STEPS_MAX && goes_on(connection) && proceed(connection); step++) {
        moved = true; /* several answers are written together */
    }
    return moved;
}

static void turn(struct connection *connection)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool moved = round_of(connection);
        if (connection->is_broken || connection->is_closing) {
            return;
        }
        if (connection->protocol != &http1_protocol) { /* another one has taken over */
            connection->protocol->turn(connection);
            return;
        }
        if (!moved) {
            end_heed(connection);
            if (!connection->is_closing) {
                wait_choose(connection);
            }
            return;
        }
    }
    loop_turn_later(connection->loop, connection);
}

/* The head stays with the request, which its handler may still be reading. */
static void let_go(struct connection *connection, int err)
{
    struct net_request *request = connection->http1.request;
    if (request != NULL) {
        connection->http1.request = NULL;
        request->head_slab = connection->in.slab;
        connection->in = (struct stretch){0};
        connection->http1.hold_len = 0;
        request_abandon(request, err);
    }
}

static void on_close(struct connection *connection)
{
    let_go(connection, -ECANCELED);
}

/* Without chunks nothing but a reset tells that what came is not all. */
static void broken_tell(struct connection *connection)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    if (!connection->http1.frames) {
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    }
}

/* The client is told, unless it was told something already. */
static void expel(struct net_request *request, unsigned status)
{
    struct connection *connection = request->connection;
    bool is_told = connection->http1.is_started;
    let_go(connection, -ETIMEDOUT);
    if (is_told) {
        broken_tell(connection);
        connection_close(connection);
        return;
    }
    http1_error_write(connection, status);
    connection->http1.phase = HTTP1_CLOSING;
    connection_wake(connection);
}

static void on_timeout(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    enum http1_wait wait = http1->wait;
    http1->wait = HTTP1_WAIT_ANEW;
    if (wait == HTTP1_WAIT_HEAD) {
        (void)fail(connection, 408);
        connection_wake(connection);
    } else if (wait == HTTP1_WAIT_BODY) {
        (void)refuse_and_close(connection, 408);
        connection_wake(connection);
    } else {
        connection_close(connection);
    }
}

static void on_drain(struct connection *connection)
{
    struct http1 *http1 = &connection->http1;
    if (http1->phase == HTTP1_HEAD && stretch_len(&connection->in) == 0 &&
        stretch_len(&connection->out) == 0) {
        connection_close(connection);
        return;
    }
    http1->closes = true;
}

void http1_leave(struct net_request *request)
{
    struct connection *connection = request->connection;
    struct stretch *in = &connection->in;
    struct slu_bytes early = behind_head(connection);
    struct slab fresh = {0};
    SLU_ASSERT(connection->http1.phase == HTTP1_ANSWER);
    if (early.len > 0 && slabs_take(&connection->loop->slabs, SLAB_BYTES, &fresh) != 0) {
        early.len = 0;
        connection->is_broken = true;
    }
    if (early.len > 0) {
        memcpy(fresh.bytes, early.data, early.len);
    }
    request->head_slab = in->slab;
    *in = (struct stretch){.slab = fresh, .end = (uint32_t)early.len};
    connection->http1.request = NULL;
    request->connection = NULL;
    request_complete(request);
}

static void wake(struct net_request *request)
{
    connection_wake(request->connection);
}

static const struct request_protocol http1_requests = {
    .respond = http1_respond,
    .wake = wake,
    .expel = expel,
    .forget = over,
};

static const struct protocol http1_protocol = {
    .turn = turn,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_close = on_close,
};

void http1_begin(struct connection *connection)
{
    connection->protocol = &http1_protocol;
    connection->http1 = (struct http1){0};
}

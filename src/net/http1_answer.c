#include "net/http1_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/decimal.h"
#include "net/connection.h"
#include "net/http_status.h"
#include "net/loop.h"
#include "net/request.h"

#define PARTS_MAX 16

/* Text in the room of an answer's head, which is large enough for all of it. */
struct text {
    unsigned char *at;
};

static void put(struct text *text, const char *bytes, size_t len)
{
    memcpy(text->at, bytes, len);
    text->at += len;
}

#define PUT(text, literal) put(text, literal, sizeof(literal) - 1)

static void put_number(struct text *text, uint64_t number)
{
    char places[20];
    put(text, places, decimal_write(number, places));
}

static void status_put(struct text *text, unsigned status)
{
    if (status == 200) {
        PUT(text, "HTTP/1.1 200 OK\r\n");
        return;
    }
    const char *name = http_status_name(status);
    PUT(text, "HTTP/1.1 ");
    put_number(text, status);
    PUT(text, " ");
    put(text, name, strlen(name));
    PUT(text, "\r\n");
}

static void length_put(struct net_request *request, struct text *text)
{
    struct http1 *http1 = &request->connection->http1;
    const struct response *response = &request->response;
    http1->frames = false;
    if (response->status == 204 || response->status == 304) {
        return;
    }
    if (response->is_whole) {
        PUT(text, "Content-Length: ");
        put_number(text, response->length);
        PUT(text, "\r\n");
    } else if (request->version == 11) {
        PUT(text, "Transfer-Encoding: chunked\r\n");
        http1->frames = !request->is_head;
    } else {
        http1->closes = true;
    }
}

/* The head, into room of ANSWER_HEAD_ROOM. Returns its length. */
static size_t head_put(struct net_request *request, unsigned char *room)
{
    struct http1 *http1 = &request->connection->http1;
    const struct response *response = &request->response;
    struct text text = {.at = room};
    status_put(&text, response->status);
    PUT(&text, "Date: ");
    put(&text, loop_date(request->loop), 29);
    PUT(&text, "\r\n");
    if (response->type != NULL) {
        size_t len = strlen(response->type);
        SLU_ASSERT(len <= 256);
        PUT(&text, "Content-Type: ");
        put(&text, response->type, len);
        PUT(&text, "\r\n");
    }
    put(&text, request->response_fields, request->fields_bytes);
    length_put(request, &text);
    if (request->loop->is_draining) {
        http1->closes = true;
    }
    if (http1->closes) {
        PUT(&text, "Connection: close\r\n");
    } else if (request->version == 10) {
        PUT(&text, "Connection: keep-alive\r\n");
    }
    PUT(&text, "\r\n");
    http1->is_started = true;
    return (size_t)(text.at - room);
}

bool http1_respond(struct net_request *request, struct slu_bytes body)
{
    struct connection *connection = request->connection;
    if (body.len > SLAB_BYTES - ANSWER_HEAD_ROOM) {
        return false;
    }
    unsigned char *room = connection_out_room(connection, ANSWER_HEAD_ROOM + body.len);
    if (room == NULL) {
        return false;
    }
    size_t len = head_put(request, room);
    if (!request->is_head) {
        memcpy(room + len, body.data == NULL ? "" : body.data, body.len);
        request->sent_bytes += body.len;
        len += body.len;
    }
    connection->out.end += (uint32_t)len;
    connection_wake(connection);
    request_complete(request);
    return true;
}

static bool answer_start(struct net_request *request)
{
    struct connection *connection = request->connection;
    unsigned char *room = connection_out_room(connection, ANSWER_HEAD_ROOM);
    if (room == NULL) {
        return false;
    }
    connection->out.end += (uint32_t)head_put(request, room);
    return true;
}

/* A chunk's size before a piece, and its end behind; the piece takes no more from then on. */
static void piece_frame(struct piece *piece)
{
    char size[PIECE_HEADROOM];
    int len = snprintf(size, sizeof(size), "%zx\r\n", piece->len);
    unsigned char *end = piece_end(piece);
    memcpy(end, "\r\n", 2);
    piece->data -= len;
    memcpy(piece->slab.bytes + (piece->data - piece->slab.bytes), size, (size_t)len);
    piece->len += (size_t)len + 2;
}

static int parts_of(struct connection *connection, struct iovec *parts)
{
    const struct http1 *http1 = &connection->http1;
    int count = 0;
    if (stretch_len(&connection->out) > 0) {
        parts[count++] = (struct iovec){.iov_base = stretch_bytes(&connection->out),
                                        .iov_len = stretch_len(&connection->out)};
    }
    if (http1->request == NULL || !http1->is_started) {
        return count;
    }
    for (struct piece *piece = http1->request->response.first; piece != NULL && count < PARTS_MAX;
         piece = piece->next) {
        if (http1->frames && !piece_is_sealed(piece)) {
            piece_frame(piece);
        }
        parts[count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)piece->data, .iov_len = piece->len};
    }
    return count;
}

static void parts_consume(struct connection *connection, size_t len)
{
    size_t first = stretch_len(&connection->out);
    first = first < len ? first : len;
    connection_consume(connection, &connection->out, first);
    len -= first;
    while (len > 0) {
        struct net_request *request = connection->http1.request;
        size_t part = request->response.first->len;
        part = part < len ? part : len;
        request_sent(request, part);
        len -= part;
    }
}

/* All pieces are written. Returns whether the answer is over with that. */
static bool answer_end(struct net_request *request)
{
    struct connection *connection = request->connection;
    if (connection->http1.frames) {
        static const char last_chunk[] = "0\r\n\r\n";
        unsigned char *room = connection_out_room(connection, sizeof(last_chunk) - 1);
        if (room == NULL) {
            return false;
        }
        memcpy(room, last_chunk, sizeof(last_chunk) - 1);
        connection->out.end += sizeof(last_chunk) - 1;
        connection->http1.frames = false;
    }
    request_complete(request);
    return true;
}

/* The answer as far as it goes without writing. Returns whether it has moved. */
static bool answer_proceed(struct net_request *request)
{
    struct http1 *http1 = &request->connection->http1;
    struct response *response = &request->response;
    bool moved = false;
    if (response->is_begun && !http1->is_started) {
        moved = answer_start(request);
    }
    if (!http1->is_started) {
        return moved;
    }
    while (request->is_head && response->first != NULL) {
        request->sent_bytes -= response->first->len; /* which are not sent */
        request_sent(request, response->first->len);
    }
    if (response->first != NULL) {
        return moved;
    }
    if (response->is_ended && !request->is_sent) {
        return answer_end(request);
    }
    if (request->on_room.run != NULL) {
        request_room(request);
        return true;
    }
    return moved;
}

bool http1_write(struct connection *connection)
{
    struct iovec parts[PARTS_MAX];
    bool moved = connection->http1.request != NULL && answer_proceed(connection->http1.request);
    int count = connection->is_writable ? parts_of(connection, parts) : 0;
    if (count == 0) {
        return moved;
    }
    size_t written = connection_write(connection, parts, count);
    if (written > 0) {
        parts_consume(connection, written);
        moved = true;
        if (connection->http1.request != NULL) {
            (void)answer_proceed(connection->http1.request); /* moved in any case */
        }
    }
    return moved;
}

void http1_error_write(struct connection *connection, unsigned status)
{
    char body[64];
    size_t body_len = http_status_text(status, body);
    connection->http1.closes = true;
    unsigned char *room = connection_out_room(connection, ANSWER_HEAD_ROOM);
    if (room == NULL) {
        return;
    }
    struct text text = {.at = room};
    status_put(&text, status);
    if (status == 503) {
        PUT(&text, "Retry-After: 1\r\n");
    }
    PUT(&text, "Connection: close\r\nContent-Type: text/plain\r\nContent-Length: ");
    put_number(&text, body_len);
    PUT(&text, "\r\n\r\n");
    put(&text, body, body_len);
    connection->out.end += (uint32_t)(text.at - room);
}

/* What a handler answers: checked, copied into pieces, handed to the protocol. */
#include "net/request.h"

#include <errno.h>
#include <string.h>

#include <sluice/scope.h>

#include "base/assert.h"
#include "net/connection.h"
#include "net/http_status.h"
#include "net/server.h"
#include "scope/wait.h"

#define PIECE_TAIL_BYTES 2 /* "\r\n" behind a chunk */

static int piece_size(size_t room, size_t *size_bytes)
{
    size_t own = sizeof(struct piece) + PIECE_HEADROOM + PIECE_TAIL_BYTES;
    return __builtin_add_overflow(room, own, size_bytes) ? -EDQUOT : 0;
}

static struct piece *piece_in(struct slab slab)
{
    struct piece *piece = (struct piece *)(void *)slab.bytes;
    *piece = (struct piece){.slab = slab, .data = slab.bytes + sizeof(*piece) + PIECE_HEADROOM};
    return piece;
}

int piece_take(struct slabs *slabs, size_t room, struct piece **out)
{
    struct slab slab;
    size_t wanted = 0;
    int err = piece_size(room, &wanted);
    if (err == 0) {
        err = slabs_take(slabs, wanted, &slab);
    }
    if (err == 0) {
        *out = piece_in(slab);
    }
    return err;
}

static int piece_make(struct net_request *request, size_t room, struct piece **out)
{
    struct slab slab;
    size_t wanted = 0;
    if (request_is_on_loop(request)) {
        return piece_take(&request->loop->slabs, room, out);
    }
    int err = piece_size(room, &wanted);
    if (err == 0) {
        err = slab_alloc(request->loop->budget, wanted, &slab);
    }
    if (err == 0) {
        *out = piece_in(slab);
    }
    return err;
}

unsigned char *piece_end(const struct piece *piece)
{
    return piece->slab.bytes + (piece->data - piece->slab.bytes) + piece->len;
}

bool piece_is_sealed(const struct piece *piece)
{
    return piece->slab.bytes == NULL ||
           piece->data != piece->slab.bytes + sizeof(*piece) + PIECE_HEADROOM;
}

size_t piece_room(const struct piece *piece)
{
    if (piece_is_sealed(piece)) {
        return 0;
    }
    size_t used = (size_t)(piece->data - piece->slab.bytes) + piece->len + PIECE_TAIL_BYTES;
    return piece->slab.size_bytes - used;
}

static void piece_append(struct response *response, struct piece *piece)
{
    if (response->first == NULL) {
        response->first = piece;
    } else {
        response->last->next = piece;
    }
    response->last = piece;
}

/* Where the handler's answer goes, and whether it is shared. */
static struct response *response_open(struct net_request *request)
{
    if (request_is_on_loop(request)) {
        return &request->response;
    }
    mutex_lock(&request->lock);
    return &request->pending;
}

static void response_close(struct net_request *request)
{
    if (!request_is_on_loop(request)) {
        mutex_unlock(&request->lock);
    }
}

static int client_error(const struct net_request *request)
{
    return request_is_on_loop(request) && request->connection == NULL ? -ECANCELED : request->error;
}

int net_response_header(struct net_request *request, const char *name, struct slu_bytes value)
{
    size_t name_len = strlen(name);
    size_t room = RESPONSE_FIELDS_BYTES_MAX - request->fields_bytes;
    if (!head_is_token(net_text(name)) || !head_is_value(value)) {
        return -EINVAL;
    }
    if (name_len > room || value.len > room || name_len + value.len + 4 > room) {
        return -ENOBUFS;
    }
    char *at = request->response_fields + request->fields_bytes;
    for (size_t i = 0; i < name_len; i++) { /* in lower case, as HTTP/2 wants it */
        at[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
    }
    memcpy(at + name_len, ": ", 2);
    memcpy(at + name_len + 2, value.data, value.len);
    memcpy(at + name_len + 2 + value.len, "\r\n", 2);
    request->fields_bytes += (uint16_t)(name_len + value.len + 4);
    return 0;
}

static int begin(struct net_request *request, struct response *response, unsigned status,
                 const char *type)
{
    int err = client_error(request);
    if (err != 0) {
        return err;
    }
    if (response->is_begun) {
        return -EALREADY;
    }
    SLU_ASSERT(status >= 200 && status <= 599);
    response->status = status;
    response->type = type;
    response->is_begun = true;
    request->is_head |= status == 204 || status == 304;
    return 0;
}

/* There is no memory for the body that the handler has made. */
static int shed(struct net_request *request, struct response *response, int err)
{
    response->status = 503;
    response->type = NULL;
    response->length = 0;
    loop_count(&request->loop->counters.shed, 1);
    return err;
}

/* Copied where there is room for it: behind the headers if it is small, after which none follow. */
static int body_copy(struct net_request *request, const struct slu_bytes *parts, size_t count,
                     size_t len, struct piece **out)
{
    struct piece *piece = &request->borrowed;
    unsigned char *at = (unsigned char *)request->response_fields + request->fields_bytes;
    *piece = (struct piece){.data = at};
    if (len > (size_t)RESPONSE_FIELDS_BYTES_MAX - request->fields_bytes) {
        int err = piece_make(request, len, &piece);
        if (err != 0) {
            return err;
        }
        at = piece_end(piece);
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(at, parts[i].data, parts[i].len);
            at += parts[i].len;
        }
    }
    *out = piece;
    return 0;
}

static int body_keep(struct net_request *request, struct response *response,
                     const struct slu_bytes *parts, size_t count, bool is_borrowed)
{
    struct piece *piece = &request->borrowed;
    size_t len = (size_t)response->length;
    if (len == 0) {
        return 0;
    }
    if (is_borrowed) {
        *piece = (struct piece){.data = parts[0].data};
    } else {
        int err = body_copy(request, parts, count, len, &piece);
        if (err != 0) {
            return shed(request, response, err);
        }
    }
    piece->len = len;
    request->waiting_bytes += len;
    piece_append(response, piece);
    return 0;
}

static int respond(struct net_request *request, unsigned status, const char *type,
                   const struct slu_bytes *parts, size_t count, bool is_borrowed)
{
    struct response *response = response_open(request);
    int err = begin(request, response, status, type);
    bool is_done = false;
    if (err == 0) {
        for (size_t i = 0; i < count; i++) {
            response->length += parts[i].len;
        }
        response->is_whole = true;
        response->is_ended = true;
        is_done = request_is_on_loop(request) && count == 1 &&
                  request->protocol->respond(request, parts[0]);
        if (!is_done) {
            err = body_keep(request, response, parts, count, is_borrowed);
        }
    }
    if (is_done) {
        return 0; /* and the request may be gone */
    }
    bool is_begun = response->is_begun && err != -EALREADY;
    response_close(request);
    if (is_begun) {
        request_wake(request);
    }
    return err;
}

int response_parts(struct net_request *request, unsigned status, const char *type,
                   const struct slu_bytes *parts, size_t count)
{
    return respond(request, status, type, parts, count, false);
}

int net_respond(struct net_request *request, unsigned status, const char *type,
                struct slu_bytes body)
{
    return respond(request, status, type, &body, 1, false);
}

int net_respond_borrowed(struct net_request *request, unsigned status, const char *type,
                         struct slu_bytes body)
{
    return respond(request, status, type, &body, 1, true);
}

int net_respond_status(struct net_request *request, unsigned status)
{
    char text[64];
    size_t len = http_status_text(status, text);
    return net_respond(request, status, "text/plain", (struct slu_bytes){text, len});
}

static bool is_full(const struct net_request *request, size_t len)
{
    uint64_t max = request->loop->server->options.response_bytes_max;
    return request->waiting_bytes > 0 && request->waiting_bytes + len > max;
}

/* On a worker, with the lock: block until there is room, or the client has gone. */
static int room_wait(struct net_request *request, size_t len)
{
    int err = request->error;
    struct slu_scope *scope =
        request->worker_scope != NULL ? request->worker_scope : request->scope;
    while (err == 0 && is_full(request, len)) {
        struct scope_waiter waiter = {0};
        request->waiter = &waiter;
        mutex_unlock(&request->lock);
        err = scope_wait(scope, &waiter, SLU_SCOPE_NEVER);
        mutex_lock(&request->lock);
        request->waiter = NULL;
        err = err == 0 ? request->error : err;
    }
    return err;
}

static int write_piece(struct net_request *request, struct response *response,
                       struct slu_bytes bytes)
{
    struct piece *piece = response->last;
    if (piece == NULL || piece_room(piece) < bytes.len) {
        int err = piece_make(request, bytes.len, &piece);
        if (err != 0) {
            return err;
        }
        piece_append(response, piece);
    }
    memcpy(piece_end(piece), bytes.data, bytes.len);
    piece->len += bytes.len;
    request->waiting_bytes += bytes.len;
    return 0;
}

int net_response_begin_with(struct net_request *request, unsigned status, const char *type,
                            struct slu_bytes piece)
{
    struct response *response = response_open(request);
    int err = client_error(request);
    if (err == 0 && !response->is_begun && !request->is_head && piece.len > 0) {
        err = write_piece(request, response, piece);
    }
    err = err != 0 ? err : begin(request, response, status, type);
    response_close(request);
    if (err == 0) {
        request_wake(request);
    }
    return err;
}

int net_response_begin(struct net_request *request, unsigned status, const char *type)
{
    return net_response_begin_with(request, status, type, (struct slu_bytes){NULL, 0});
}

int net_response_write(struct net_request *request, struct slu_bytes piece)
{
    struct response *response = response_open(request);
    int err = client_error(request);
    if (err == 0 && !request_is_on_loop(request)) {
        err = room_wait(request, piece.len);
    } else if (err == 0 && is_full(request, piece.len)) {
        err = -EAGAIN;
    }
    SLU_ASSERT(err != 0 || (request->is_running && !response->is_ended));
    if (err == 0 && piece.len > 0 && !request->is_head) {
        err = write_piece(request, response, piece);
    }
    response_close(request);
    if (err == 0) {
        request_wake(request);
    }
    return err;
}

void net_response_end(struct net_request *request)
{
    struct response *response = response_open(request);
    bool is_gone = client_error(request) != 0;
    response->is_ended = true;
    response_close(request);
    if (!is_gone) {
        request_wake(request);
    }
}

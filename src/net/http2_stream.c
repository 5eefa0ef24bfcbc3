#include "net/http2_stream.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/decimal.h"
#include "net/connection.h"
#include "net/grpc.h"
#include "net/http2.h"
#include "net/loop.h"
#include "net/request.h"
#include "net/route.h"

#define FIELDS_MAX 40 /* of a response */

static const struct request_protocol http2_requests;

static struct http2 *http2_of(const struct net_request *request)
{
    return request->connection->http2;
}

/* A stream's data in nghttp2 is its request, as long as that has a client. */
static struct net_request *request_of(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

static void stream_reset(struct net_request *request, uint32_t code)
{
    struct http2 *http2 = http2_of(request);
    if (nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, request->stream_id, code) !=
        0) {
        request->connection->is_broken = true; /* no memory */
    }
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *http2 = context;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct net_request *request = request_take(http2->connection, &http2_requests);
    if (request == NULL ||
        slabs_take(&request->loop->slabs, SLAB_BYTES, &request->head_slab) != 0) {
        if (request != NULL) {
            request->connection = NULL;
            request_complete(request);
        }
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    }
    loop_count(&request->loop->counters.requests, 1);
    request->stream_id = frame->hd.stream_id;
    request->version = 20;
    request->fields.base = request->head_slab.bytes;
    request->next_stream = http2->first;
    if (http2->first != NULL) {
        http2->first->previous_stream = request;
    }
    http2->first = request;
    http2_stream_begun(http2);
    return nghttp2_session_set_stream_user_data(session, request->stream_id, request);
}

/* Copy into the head's slab, whose first bytes are used. Returns where, or -ENOBUFS. */
static int head_keep(struct net_request *request, const uint8_t *bytes, size_t len)
{
    size_t at = request->head_bytes;
    if (len > HEAD_BYTES_MAX - at) {
        return -ENOBUFS;
    }
    memcpy(request->head_slab.bytes + at, bytes, len);
    request->head_bytes += len;
    return (int)at;
}

static void pseudo_note(struct net_request *request, struct slu_bytes name, struct slu_bytes value)
{
    if (bytes_equal(name, net_text(":method"))) {
        request->method = method_of(value);
        request->is_head = request->method == NET_HEAD;
    } else if (bytes_equal(name, net_text(":path"))) {
        request_target(request, value);
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *context)
{
    (void)flags;
    (void)context;
    struct net_request *request = request_of(session, frame->hd.stream_id);
    if (request == NULL || request->is_routed) { /* trailers are passed over */
        return 0;
    }
    struct head_fields *fields = &request->fields;
    int name_at = head_keep(request, name, name_len);
    int value_at = head_keep(request, value, value_len);
    if (name_at < 0 || value_at < 0 || fields->count == HEAD_FIELDS_MAX) {
        request->is_oversize = true;
        return 0;
    }
    unsigned char *base = fields->base;
    if (name_len > 0 && name[0] == ':') {
        pseudo_note(request, (struct slu_bytes){base + name_at, name_len},
                    (struct slu_bytes){base + value_at, value_len});
        return 0;
    }
    fields->list[fields->count++] = (struct head_field){(uint16_t)name_at, (uint16_t)name_len,
                                                        (uint16_t)value_at, (uint16_t)value_len};
    return 0;
}

/* nghttp2 has made sure that it is a number, and that the body keeps to it. */
static void length_read(struct net_request *request)
{
    struct slu_bytes value;
    if (head_field_find(&request->fields, "content-length", &value)) {
        const char *digits = value.data;
        for (size_t i = 0; i < value.len; i++) {
            request->declared_bytes = 10 * request->declared_bytes + (uint64_t)(digits[i] - '0');
        }
    }
}

static uint64_t length_of(const struct net_request *request, bool is_last)
{
    if (is_last) {
        return 0;
    }
    return request->declared_bytes > 0 ? request->declared_bytes : NET_LENGTH_UNKNOWN;
}

static void head_route(struct net_request *request, bool is_last)
{
    request->is_routed = true;
    length_read(request);
    unsigned status = request->is_oversize   ? 431
                      : request->method == 0 ? 501
                      : request->path.len == 0
                          ? 400
                          : request_route(request, is_last ? 0 : request->declared_bytes);
    if (status == 0 && !is_last && request->route->body_bytes_max == 0) {
        status = 413;
    }
    if (status != 0) {
        request_refuse(request, status);
        return;
    }
    grpc_deadline_read(request);
    if (request_admit(request, length_of(request, is_last))) {
        request_deadline_start(request);
    }
}

static void dispatch(struct net_request *request)
{
    if (!request->is_dispatched && !request->is_refused) {
        request->is_dispatched = true;
        request_dispatch(request);
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        return http2_reset_heed(context);
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct net_request *request = request_of(session, frame->hd.stream_id);
    if (request == NULL) {
        return 0;
    }
    if (!request->is_routed) {
        head_route(request, is_last);
        request = request_of(session, frame->hd.stream_id); /* it may have been refused, and gone */
    }
    if (is_last && request != NULL) {
        dispatch(request);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
                   size_t len, void *context)
{
    (void)flags;
    (void)context;
    struct net_request *request = request_of(session, stream_id);
    if (request == NULL || request->is_refused || request->is_dispatched) {
        return 0; /* of a request that is answered already */
    }
    if (request->body_len + len > request->route->body_bytes_max) {
        request_refuse(request, 413);
        return 0;
    }
    struct slu_bytes piece = {data, len};
    if (request->body_len == 0 && request->declared_bytes == 0) {
        request->declared_bytes = grpc_length(request, piece);
    }
    if (request_body_add(request, piece, request->declared_bytes) != 0) {
        request_shed(request);
    }
    return 0;
}

static void unlink_stream(struct http2 *http2, struct net_request *request)
{
    if (request->previous_stream == NULL) {
        http2->first = request->next_stream;
    } else {
        request->previous_stream->next_stream = request->next_stream;
    }
    if (request->next_stream != NULL) {
        request->next_stream->previous_stream = request->previous_stream;
    }
}

/* The stream and its request know nothing of each other any more. */
static void part(struct net_request *request)
{
    struct http2 *http2 = http2_of(request);
    unlink_stream(http2, request);
    (void)nghttp2_session_set_stream_user_data(http2->session, request->stream_id, NULL);
    http2_stream_ended(http2);
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code,
                           void *context)
{
    (void)code;
    (void)context;
    struct net_request *request = request_of(session, stream_id);
    if (request != NULL) {
        part(request);
        request_abandon(request, -ECANCELED);
    }
    return 0;
}

/* The answer is out, and the client goes on sending: it need not. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)context;
    bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ends && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_NO_ERROR);
    }
    return 0;
}

void http2_streams_abandon(struct http2 *http2)
{
    while (http2->first != NULL) {
        struct net_request *request = http2->first;
        part(request);
        request_abandon(request, -ECANCELED);
    }
}

void http2_stream_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

static nghttp2_nv field_of(struct slu_bytes name, struct slu_bytes value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                        .value = (uint8_t *)(uintptr_t)value.data,
                        .namelen = name.len,
                        .valuelen = value.len};
}

/* The lines "name: value\r\n" from one place to another. Returns how many fields there are. */
static size_t fields_split(const char *at, const char *end, nghttp2_nv *fields, size_t max)
{
    size_t count = 0;
    while (at < end && count < max) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *line_end = memchr(colon, '\r', (size_t)(end - colon));
        fields[count++] = field_of((struct slu_bytes){at, (size_t)(colon - at)},
                                   (struct slu_bytes){colon + 2, (size_t)(line_end - colon) - 2});
        at = line_end + 2;
    }
    return count;
}

static int trailers_submit(struct net_request *request)
{
    nghttp2_nv fields[FIELDS_MAX];
    const char *end = request->response_fields + request->fields_bytes;
    size_t count =
        fields_split(request->response_fields + request->trailers_at, end, fields, FIELDS_MAX);
    return nghttp2_submit_trailer(http2_of(request)->session, request->stream_id, fields, count);
}

/* nghttp2 asks for the body's next bytes. */
static ssize_t body_read(nghttp2_session *session, int32_t stream_id, uint8_t *room, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)session;
    (void)stream_id;
    (void)context;
    struct net_request *request = source->ptr;
    struct response *response = &request->response;
    size_t total = 0;
    if (response->first == NULL && !response->is_ended && request->on_room.run != NULL) {
        request_room(request);
    }
    while (response->first != NULL && total < size) {
        size_t len = response->first->len < size - total ? response->first->len : size - total;
        memcpy(room + total, response->first->data, len);
        request_sent(request, len);
        total += len;
    }
    if (response->first == NULL && response->is_ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (request->has_trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (trailers_submit(request) != 0) {
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
            }
        }
        request_complete(request);
        return (ssize_t)total;
    }
    return total == 0 ? NGHTTP2_ERR_DEFERRED : (ssize_t)total;
}

static bool has_body(const struct net_request *request)
{
    const struct response *response = &request->response;
    return !request->is_head && (response->first != NULL || !response->is_ended);
}

static int head_submit(struct net_request *request)
{
    struct http2 *http2 = http2_of(request);
    const struct response *response = &request->response;
    nghttp2_nv fields[FIELDS_MAX];
    char status[20];
    char length[20];
    size_t count = 0;
    size_t head_bytes = request->has_trailers ? request->trailers_at : request->fields_bytes;
    fields[count++] = field_of(net_text(":status"),
                               (struct slu_bytes){status, decimal_write(response->status, status)});
    fields[count++] = field_of(net_text("date"), (struct slu_bytes){loop_date(request->loop), 29});
    if (response->type != NULL) {
        fields[count++] = field_of(net_text("content-type"), net_text(response->type));
    }
    if (response->is_whole && !request->has_trailers && response->status != 204 &&
        response->status != 304) {
        fields[count++] =
            field_of(net_text("content-length"),
                     (struct slu_bytes){length, decimal_write(response->length, length)});
    }
    count += fields_split(request->response_fields, request->response_fields + head_bytes,
                          fields + count, FIELDS_MAX - count);
    nghttp2_data_provider provider = {.source.ptr = request, .read_callback = body_read};
    return nghttp2_submit_response(http2->session, request->stream_id, fields, count,
                                   request->has_body ? &provider : NULL);
}

/* The request may be gone afterwards: nothing is asked of one that has no body to send. */
static void wake(struct net_request *request)
{
    struct http2 *http2 = http2_of(request);
    connection_wake(request->connection);
    if (!request->response.is_begun) {
        return;
    }
    int err = 0;
    if (!request->is_submitted) {
        request->is_submitted = true;
        request->has_body = has_body(request);
        err = head_submit(request);
    } else {
        err = nghttp2_session_resume_data(http2->session, request->stream_id);
        err = err == NGHTTP2_ERR_INVALID_ARGUMENT ? 0 : err; /* it was not deferred */
    }
    if (err != 0) {
        stream_reset(request, NGHTTP2_INTERNAL_ERROR);
    } else if (!request->has_body) {
        request_complete(request);
    }
}

static bool respond(struct net_request *request, struct slu_bytes body)
{
    (void)request;
    (void)body;
    return false; /* nghttp2 asks for the body later */
}

/* The time is over: 504, which gRPC says in fields of its own. */
static int timeout_submit(const struct net_request *request)
{
    const nghttp2_nv plain[] = {field_of(net_text(":status"), net_text("504"))};
    const nghttp2_nv call[] = {
        field_of(net_text(":status"), net_text("200")),
        field_of(net_text("content-type"), net_text("application/grpc")),
        field_of(net_text("grpc-status"), net_text("4")), /* NET_GRPC_DEADLINE_EXCEEDED */
    };
    bool is_call = grpc_is_call(request);
    return nghttp2_submit_response(http2_of(request)->session, request->stream_id,
                                   is_call ? call : plain, is_call ? 3 : 1, NULL);
}

static void expel(struct net_request *request, unsigned status)
{
    (void)status; /* what has begun is reset */
    if (request->response.is_begun || timeout_submit(request) != 0) {
        stream_reset(request, NGHTTP2_CANCEL);
    }
    connection_wake(request->connection);
    part(request);
    request_abandon(request, -ETIMEDOUT);
}

static void forget(struct net_request *request)
{
    part(request);
}

static const struct request_protocol http2_requests = {
    .respond = respond,
    .wake = wake,
    .expel = expel,
    .forget = forget,
};

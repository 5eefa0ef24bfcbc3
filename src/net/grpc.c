#include "net/grpc.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <sluice/arena.h>

#include "base/decimal.h"
#include "codec/decompress.h"
#include "net/net.h"
#include "net/request.h"
#include "net/http_status.h"

#define TYPE           "application/grpc"
#define PREFIX_BYTES   5 /* a flag, and a length of four bytes */
#define TEXT_BYTES_MAX 512
#define DETAILS_MAX    1024
#define RATIO_MAX      200
#define TIMEOUT_DIGITS 8

bool grpc_is_call(const struct net_request *request)
{
    struct slu_bytes type;
    size_t len = sizeof(TYPE) - 1;
    if (request->version != 20 || !net_request_header(request, "content-type", &type) ||
        type.len < len || strncasecmp(type.data, TYPE, len) != 0) {
        return false;
    }
    const char *at = type.data;
    return type.len == len || at[len] == '+' || at[len] == ';';
}

static uint64_t unit_ns(char unit)
{
    switch (unit) {
    case 'H':
        return UINT64_C(3600000000000);
    case 'M':
        return UINT64_C(60000000000);
    case 'S':
        return UINT64_C(1000000000);
    case 'm':
        return UINT64_C(1000000);
    case 'u':
        return UINT64_C(1000);
    case 'n':
        return 1;
    default:
        return 0;
    }
}

void grpc_deadline_read(struct net_request *request)
{
    struct slu_bytes text;
    if (!net_request_header(request, "grpc-timeout", &text) || text.len < 2 ||
        text.len > TIMEOUT_DIGITS + 1) {
        return;
    }
    const char *at = text.data;
    uint64_t count = 0;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return;
        }
        count = 10 * count + (uint64_t)(at[i] - '0');
    }
    uint64_t unit = unit_ns(at[text.len - 1]); /* at most 1e8 hours: no overflow */
    uint64_t deadline_ns = request->start_ns + count * unit;
    if (unit > 0 && deadline_ns < request->deadline_ns) {
        request->deadline_ns = deadline_ns;
    }
}

static int fail(struct net_request *request, enum net_grpc_status status, const char *text)
{
    (void)net_grpc_fail(request, status, net_text(text),
                        (struct slu_bytes){0}); /* or it has gone */
    return -EBADMSG;
}

static enum compression compression_of(struct slu_bytes name)
{
    if (head_text_is(name, "gzip")) {
        return COMPRESSION_GZIP;
    }
    return head_text_is(name, "deflate") ? COMPRESSION_DEFLATE : COMPRESSION_UNKNOWN;
}

static int decompress(struct net_request *request, struct slu_bytes *message)
{
    struct slu_bytes name = {0};
    enum compression kind = COMPRESSION_UNKNOWN;
    if (net_request_header(request, "grpc-encoding", &name)) {
        kind = compression_of(name);
    }
    if (kind == COMPRESSION_UNKNOWN) {
        return fail(request, NET_GRPC_UNIMPLEMENTED, "messages may be compressed by gzip, deflate");
    }
    struct decompress_limits limits = {.output_bytes_max = request->route->body_bytes_max,
                                       .ratio_max = RATIO_MAX};
    int err = request_decompress(request, kind, *message, &limits, message);
    if (err == -EFBIG) {
        return fail(request, NET_GRPC_RESOURCE_EXHAUSTED, "the message is too large");
    }
    if ((err == -EDQUOT || err == -ENOMEM) && request->route->shed != NULL) {
        request->route->shed(request, request->route->arg);
        return -EBADMSG;
    }
    if (err == -EDQUOT || err == -ENOMEM) {
        return fail(request, NET_GRPC_RESOURCE_EXHAUSTED, "the server has no memory for it");
    }
    return err == 0 ? 0 : fail(request, NET_GRPC_INTERNAL, "the message cannot be decompressed");
}

static uint64_t prefix_length(const unsigned char *at)
{
    return (uint64_t)at[1] << 24 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 8 | at[4];
}

uint64_t grpc_length(const struct net_request *request, struct slu_bytes first)
{
    if (first.len < PREFIX_BYTES || !grpc_is_call(request)) {
        return 0;
    }
    return PREFIX_BYTES + prefix_length(first.data);
}

int net_grpc_message(struct net_request *request, struct slu_bytes *message)
{
    const unsigned char *at = request->body.data;
    size_t len = request->body.len;
    if (!grpc_is_call(request)) {
        net_respond_status(request, 415);
        return -EBADMSG;
    }
    if (len < PREFIX_BYTES || at[0] > 1) {
        return fail(request, NET_GRPC_INTERNAL, "a call has one message");
    }
    uint64_t said = prefix_length(at);
    if (said != len - PREFIX_BYTES) {
        return fail(request, NET_GRPC_INTERNAL, "a call has one message, of the length it says");
    }
    struct slu_bytes read = {at + PREFIX_BYTES, (size_t)said};
    int err = at[0] == 1 ? decompress(request, &read) : 0;
    if (err == 0) {
        *message = read;
    }
    return err;
}

static void status_write(struct net_request *request, enum net_grpc_status status)
{
    char digits[20];
    size_t len = decimal_write((uint64_t)status, digits);
    (void)net_response_header(request, "grpc-status", (struct slu_bytes){digits, len});
}

int net_grpc_reply(struct net_request *request, struct slu_bytes message)
{
    unsigned char prefix[PREFIX_BYTES] = {
        0, (unsigned char)(message.len >> 24), (unsigned char)(message.len >> 16),
        (unsigned char)(message.len >> 8), (unsigned char)message.len};
    if (message.len > UINT32_MAX || request->fields_bytes > RESPONSE_FIELDS_BYTES_MAX / 2) {
        return fail(request, NET_GRPC_RESOURCE_EXHAUSTED, "the answer is too large");
    }
    request->trailers_at = request->fields_bytes;
    status_write(request, NET_GRPC_OK);
    request->has_trailers = true;
    struct slu_bytes parts[2] = {{prefix, PREFIX_BYTES}, message};
    return response_parts(request, 200, "application/grpc", parts, 2);
}

/* Percent-encoded, as the header wants it. */
static size_t text_write(struct slu_bytes text, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    const unsigned char *at = text.data;
    size_t len = 0;
    for (size_t i = 0; i < text.len && len + 3 <= TEXT_BYTES_MAX; i++) {
        if (at[i] >= ' ' && at[i] <= '~' && at[i] != '%') {
            out[len++] = (char)at[i];
        } else {
            out[len++] = '%';
            out[len++] = hex[at[i] >> 4];
            out[len++] = hex[at[i] & 15];
        }
    }
    return len;
}

/* Base64 without padding, as metadata in "-bin" has it. */
static size_t details_write(struct slu_bytes details, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = details.data;
    size_t len = 0;
    for (size_t i = 0; i < details.len; i += 3) {
        size_t count = details.len - i < 3 ? details.len - i : 3;
        uint32_t bits = (uint32_t)at[i] << 16 | (count > 1 ? (uint32_t)at[i + 1] << 8 : 0u) |
                        (count > 2 ? at[i + 2] : 0u);
        for (size_t j = 0; j <= count; j++) {
            out[len++] = digits[bits >> (18 - 6 * j) & 63];
        }
    }
    return len;
}

/* Without a message all of it is in the response's head: "trailers only". */
int net_grpc_fail(struct net_request *request, enum net_grpc_status status, struct slu_bytes text,
                  struct slu_bytes details)
{
    char encoded[DETAILS_MAX * 4 / 3 + 4];
    request->fields_bytes = 0;
    status_write(request, status);
    size_t len = text_write(text, encoded);
    if (len > 0) {
        (void)net_response_header(request, "grpc-message", (struct slu_bytes){encoded, len});
    }
    if (details.len > 0 && details.len <= DETAILS_MAX) {
        len = details_write(details, encoded);
        (void)net_response_header(request, "grpc-status-details-bin",
                                  (struct slu_bytes){encoded, len});
    }
    return net_respond(request, 200, "application/grpc", (struct slu_bytes){0});
}

void grpc_refuse(struct net_request *request, unsigned http_status)
{
    enum net_grpc_status status = NET_GRPC_UNKNOWN;
    switch (http_status) {
    case 400:
    case 415:
        status = NET_GRPC_INTERNAL;
        break;
    case 401:
        status = NET_GRPC_UNAUTHENTICATED;
        break;
    case 403:
        status = NET_GRPC_PERMISSION_DENIED;
        break;
    case 404:
    case 405:
        status = NET_GRPC_UNIMPLEMENTED;
        break;
    case 413:
    case 431:
        status = NET_GRPC_RESOURCE_EXHAUSTED;
        break;
    case 503:
    case 429:
        status = NET_GRPC_UNAVAILABLE;
        break;
    case 504:
        status = NET_GRPC_DEADLINE_EXCEEDED;
        break;
    default:
        break;
    }
    (void)net_grpc_fail(request, status, net_text(http_status_name(http_status)),
                        (struct slu_bytes){0});
}

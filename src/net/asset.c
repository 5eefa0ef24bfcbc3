/* Bytes that do not change: tagged, compressed beforehand, in parts. Source: RFC 9110, 13-14. */
#include "net/net.h"

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "net/http1_head.h"

#define RANGE_NONE   0 /* the whole is answered */
#define RANGE_WITHIN 1
#define RANGE_BEYOND 2

struct range {
    uint64_t first;
    uint64_t last;
};

static struct slu_bytes header_of(const struct net_request *request, const char *name)
{
    struct slu_bytes value = {"", 0};
    (void)net_request_header(request, name, &value); /* empty if there is none */
    return value;
}

/* Whether gzip is among what is accepted, and not with a weight of 0. */
static bool takes_gzip(const struct net_request *request)
{
    struct slu_bytes rest = header_of(request, "accept-encoding");
    while (rest.len > 0) {
        struct slu_bytes part = bytes_cut(&rest, ',');
        const char *begin = part.data;
        size_t len = part.len;
        while (len > 0 && *begin == ' ') {
            begin++;
            len--;
        }
        if (len >= 4 && head_text_is((struct slu_bytes){begin, 4}, "gzip")) {
            bool is_alone = len == 4;
            bool is_refused =
                len >= 8 && memcmp(begin + 4, ";q=0", 4) == 0 && strspn(begin + 8, "0.") == len - 8;
            return is_alone || (begin[4] == ';' && !is_refused);
        }
    }
    return false;
}

static bool is_known(const struct net_request *request, const char *etag)
{
    struct slu_bytes tags = header_of(request, "if-none-match");
    return etag != NULL && (head_list_has(tags, etag) || head_text_is(tags, "*"));
}

/* Digits up to what is none; false without any, or with too many. */
static bool number_take(struct slu_bytes *text, uint64_t *number)
{
    const char *at = text->data;
    size_t len = 0;
    *number = 0;
    while (len < text->len && at[len] >= '0' && at[len] <= '9' && len < 19) {
        *number = 10 * *number + (uint64_t)(at[len] - '0');
        len++;
    }
    *text = (struct slu_bytes){at + len, text->len - len};
    return len > 0;
}

static bool character_take(struct slu_bytes *text, char character)
{
    const char *at = text->data;
    if (text->len == 0 || *at != character) {
        return false;
    }
    *text = (struct slu_bytes){at + 1, text->len - 1};
    return true;
}

/* One range of bytes; what is not understood, or asks for several, is answered by the whole. */
static int range_read(struct slu_bytes text, uint64_t size, struct range *range)
{
    uint64_t first = 0;
    uint64_t last = 0;
    if (text.len < 6 || !head_text_is((struct slu_bytes){text.data, 6}, "bytes=")) {
        return RANGE_NONE;
    }
    text = (struct slu_bytes){(const char *)text.data + 6, text.len - 6};
    bool has_first = number_take(&text, &first);
    bool has_dash = character_take(&text, '-');
    bool has_last = number_take(&text, &last);
    if (!has_dash || text.len > 0 || (!has_first && !has_last) ||
        (has_first && has_last && last < first)) {
        return RANGE_NONE;
    }
    if (!has_first) { /* the last so many */
        first = last < size ? size - last : 0;
        has_last = false;
    }
    *range = (struct range){first, has_last && last < size ? last : size - 1};
    return first >= size || (!has_first && last == 0) ? RANGE_BEYOND : RANGE_WITHIN;
}

static int range_of(const struct net_request *request, const struct net_asset *asset,
                    struct range *range)
{
    struct slu_bytes condition;
    struct slu_bytes text = header_of(request, "range");
    bool has_condition = net_request_header(request, "if-range", &condition);
    if (text.len == 0 || asset->bytes.len == 0 || net_request_method(request) != NET_GET ||
        (has_condition && (asset->etag == NULL || !head_text_is(condition, asset->etag)))) {
        return RANGE_NONE;
    }
    return range_read(text, asset->bytes.len, range);
}

static int respond_part(struct net_request *request, const struct net_asset *asset, int kind,
                        struct range range)
{
    char text[96];
    unsigned long long size = asset->bytes.len;
    int len = kind == RANGE_BEYOND
                  ? snprintf(text, sizeof(text), "bytes */%llu", size)
                  : snprintf(text, sizeof(text), "bytes %llu-%llu/%llu",
                             (unsigned long long)range.first, (unsigned long long)range.last, size);
    int err = net_response_header(request, "content-range", (struct slu_bytes){text, (size_t)len});
    if (err != 0) {
        return err;
    }
    if (kind == RANGE_BEYOND) {
        return net_respond_status(request, 416);
    }
    struct slu_bytes part = {(const char *)asset->bytes.data + range.first,
                             (size_t)(range.last - range.first + 1)};
    return net_respond_borrowed(request, 206, asset->type, part);
}

int net_respond_asset(struct net_request *request, const struct net_asset *asset)
{
    struct range range;
    int err = 0;
    if (asset->etag != NULL) {
        err = net_response_header(request, "etag", net_text(asset->etag));
    }
    if (err == 0) {
        err = net_response_header(
            request, "cache-control",
            net_text(asset->is_immutable ? "public, max-age=31536000, immutable" : "no-cache"));
    }
    if (err == 0 && asset->gzip.len > 0) {
        err = net_response_header(request, "vary", net_text("accept-encoding"));
    }
    if (err != 0) {
        return err;
    }
    if (is_known(request, asset->etag)) {
        return net_respond(request, 304, NULL, (struct slu_bytes){0});
    }
    int kind = range_of(request, asset, &range);
    if (kind != RANGE_NONE) {
        return respond_part(request, asset, kind, range);
    }
    if (asset->gzip.len == 0 || !takes_gzip(request)) {
        return net_respond_borrowed(request, 200, asset->type, asset->bytes);
    }
    err = net_response_header(request, "content-encoding", net_text("gzip"));
    return err != 0 ? err : net_respond_borrowed(request, 200, asset->type, asset->gzip);
}

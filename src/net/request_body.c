/* A request's body: its memory while it comes, its decoding, and who has it afterwards. */
#include "net/request.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "net/loop.h"

#define BODY_GROWTH    8 /* of a block, where the length was declared */
#define BODY_RATIO_MAX 200

static struct slu_budget *body_budget(const struct net_request *request)
{
    const struct net_route *route = request->route;
    return route != NULL && route->body_budget != NULL ? route->body_budget : request->loop->budget;
}

int request_decompress(struct net_request *request, enum compression compression,
                       struct slu_bytes input, const struct decompress_limits *limits,
                       struct slu_bytes *output)
{
    SLU_ASSERT(request->decoded.data == NULL);
    struct slu_budget *budget = body_budget(request);
    int err = decompress_all(budget, compression, input, limits, &request->decoded);
    if (err == 0) {
        *output = (struct slu_bytes){request->decoded.data, request->decoded.len};
    }
    return err;
}

unsigned request_body_decode(struct net_request *request)
{
    struct slu_bytes name;
    if (request->body.len == 0 || !net_request_header(request, "content-encoding", &name)) {
        return 0;
    }
    enum compression compression = compression_named(name);
    if (compression == COMPRESSION_NONE) {
        return 0;
    }
    struct decompress_limits limits = {.output_bytes_max = request->route->body_bytes_max,
                                       .ratio_max = BODY_RATIO_MAX};
    int err = request_decompress(request, compression, request->body, &limits, &request->body);
    return err == 0 ? 0 : err == -EFBIG ? 413 : err == -EINVAL ? 415 : err == -EBADMSG ? 400 : 503;
}

/* How large a block the body wants: what was declared is believed in steps, each of which the
 * sender has to fill before the next is taken. */
static size_t body_step(const struct net_request *request, uint64_t length_hint)
{
    size_t have = request->body_slab.size_bytes;
    size_t most = have == 0 ? SLAB_BYTES : BODY_GROWTH * have;
    if (length_hint > request->body_len && length_hint < most) {
        return (size_t)length_hint;
    }
    return length_hint > 0 ? most : have == 0 ? SLAB_BYTES : 2 * have;
}

/* In a budget of the route's own, blocks are as large as wanted. */
static int own_grow(struct net_request *request, size_t wanted)
{
    struct slab *slab = &request->body_slab;
    void *larger = NULL;
    int err = slu_budget_alloc(request->route->body_budget, wanted, &larger);
    if (err != 0) {
        return err;
    }
    if (slab->bytes != NULL) {
        memcpy(larger, slab->bytes, request->body_len);
        slu_budget_free(request->route->body_budget, slab->bytes, slab->size_bytes);
    }
    *slab = (struct slab){.bytes = larger, .size_bytes = wanted};
    return 0;
}

int request_body_room(struct net_request *request, uint64_t length_hint)
{
    if (request->body_slab.size_bytes > request->body_len) {
        return 0;
    }
    struct slabs *slabs = &request->loop->slabs;
    size_t wanted = body_step(request, length_hint);
    if (request->route->body_budget != NULL) {
        return own_grow(request, wanted);
    }
    return request->body_slab.bytes == NULL
               ? slabs_take(slabs, wanted, &request->body_slab)
               : slabs_grow(slabs, &request->body_slab, request->body_len, wanted);
}

int request_body_add(struct net_request *request, struct slu_bytes bytes, uint64_t length_hint)
{
    const unsigned char *at = bytes.data;
    while (bytes.len > 0) {
        int err = request_body_room(request, length_hint);
        if (err != 0) {
            return err;
        }
        size_t room = request->body_slab.size_bytes - request->body_len;
        size_t len = bytes.len < room ? bytes.len : room;
        memcpy(request->body_slab.bytes + request->body_len, at, len);
        request->body_len += len;
        at += len;
        bytes.len -= len;
    }
    return 0;
}

void request_body_drop(struct net_request *request)
{
    struct slab *slab = &request->body_slab;
    struct slu_budget *budget = body_budget(request);
    if (slab->bytes != NULL && request->route->body_budget != NULL) {
        slu_budget_free(budget, slab->bytes, slab->size_bytes);
        *slab = (struct slab){0};
    }
    slabs_give(&request->loop->slabs, slab);
    block_free(budget, &request->decoded);
}

uint64_t net_request_length(const struct net_request *request)
{
    return request->length;
}

int net_request_take_body(struct net_request *request, struct net_body *out)
{
    struct block *decoded = &request->decoded;
    if (request->route->body_budget == NULL) {
        return -EINVAL;
    }
    *out = (struct net_body){.budget = request->route->body_budget};
    if (decoded->data != NULL) {
        out->block = decoded->data;
        out->block_bytes = decoded->size_bytes;
        out->bytes = (struct slu_bytes){decoded->data, decoded->len};
        *decoded = (struct block){0};
        return 0;
    }
    out->block = request->body_slab.bytes;
    out->block_bytes = request->body_slab.size_bytes;
    out->bytes = request->body;
    request->body_slab = (struct slab){0};
    return 0;
}

void net_body_free(struct net_body *body)
{
    if (body->block != NULL) {
        slu_budget_free(body->budget, body->block, body->block_bytes);
    }
    *body = (struct net_body){0};
}

#include "codec/unzstd.h"

#include <errno.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY /* for a decoder in memory of ours */
#include <zstd.h>

#include <sluice/budget.h>

#include "base/block.h"

#define WINDOW_MAX ((uint64_t)128 << 20) /* zstd's own decoder takes no more unless told to */

struct unzstd {
    struct slu_budget *budget;
    struct block room;
    ZSTD_DStream *stream;
    uint64_t left_bytes; /* that may still come out */
    size_t hint;         /* 0: a frame has ended, and all of it is out */
};

bool unzstd_is_zstd(struct slu_bytes bytes)
{
    return bytes.len >= 4 && memcmp(bytes.data, "\x28\xb5\x2f\xfd", 4) == 0;
}

static int stream_make(struct unzstd *unzstd, uint64_t window)
{
    size_t size_bytes = ZSTD_estimateDStreamSize((size_t)window);
    int err = block_begin(unzstd->budget, size_bytes, &unzstd->room);
    if (err == 0) {
        unzstd->stream = ZSTD_initStaticDStream(unzstd->room.data, size_bytes);
        err = unzstd->stream == NULL ? -ENOMEM : 0;
    }
    return err;
}

int unzstd_create(struct slu_budget *budget, struct slu_bytes head, uint64_t output_bytes_max,
                  struct unzstd **out)
{
    ZSTD_frameHeader header;
    void *block = NULL;
    if (!unzstd_is_zstd(head) || ZSTD_getFrameHeader(&header, head.data, head.len) != 0 ||
        header.windowSize > WINDOW_MAX) {
        return -EBADMSG;
    }
    int err = slu_budget_alloc(budget, sizeof(struct unzstd), &block);
    if (err != 0) {
        return err;
    }
    struct unzstd *unzstd = block;
    *unzstd = (struct unzstd){.budget = budget, .left_bytes = output_bytes_max, .hint = 1};
    err = stream_make(unzstd, header.windowSize);
    if (err != 0) {
        unzstd_destroy(&unzstd);
        return err;
    }
    *out = unzstd;
    return 0;
}

void unzstd_destroy(struct unzstd **destroyed)
{
    struct unzstd *unzstd = destroyed == NULL ? NULL : *destroyed;
    if (unzstd == NULL) {
        return;
    }
    block_free(unzstd->budget, &unzstd->room);
    slu_budget_free(unzstd->budget, unzstd, sizeof(*unzstd));
    *destroyed = NULL;
}

int unzstd_read(struct unzstd *unzstd, struct slu_bytes *input, void *output, size_t output_bytes,
                size_t *written)
{
    ZSTD_inBuffer in = {.src = input->data, .size = input->len};
    ZSTD_outBuffer out = {.dst = output, .size = output_bytes};
    bool moved = true;
    while (moved && out.pos < out.size && (in.pos < in.size || unzstd->hint != 0)) {
        size_t in_before = in.pos;
        size_t out_before = out.pos;
        size_t hint = ZSTD_decompressStream(unzstd->stream, &out, &in);
        if (ZSTD_isError(hint)) {
            return -EBADMSG;
        }
        moved = in.pos > in_before || out.pos > out_before;
        unzstd->hint = moved ? hint : unzstd->hint;
    }
    if (out.pos > unzstd->left_bytes) {
        return -EFBIG;
    }
    if (!moved && in.pos < in.size) {
        return -EBADMSG;
    }
    unzstd->left_bytes -= out.pos;
    input->data = (const char *)input->data + in.pos;
    input->len -= in.pos;
    *written = out.pos;
    return 0;
}

int unzstd_end(const struct unzstd *unzstd)
{
    return unzstd->hint == 0 ? 0 : -EBADMSG;
}

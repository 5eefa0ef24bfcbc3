#include "codec/decompress.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define ZSTD_STATIC_LINKING_ONLY /* for a decoder in memory of ours */
#include <zstd.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "codec/gunzip.h"
#include "codec/snappy.h"

#define FIRST_BLOCK_BYTES ((size_t)16 * 1024)
#define RATIO_FROM_BYTES  ((uint64_t)64 * 1024)
#define ZSTD_WINDOW_MAX   ((size_t)8 * 1024 * 1024)

static uint64_t output_max(struct slu_bytes input, const struct decompress_limits *limits)
{
    uint64_t by_ratio = 0;
    if (__builtin_mul_overflow((uint64_t)input.len, limits->ratio_max, &by_ratio)) {
        by_ratio = UINT64_MAX;
    }
    by_ratio = by_ratio < RATIO_FROM_BYTES ? RATIO_FROM_BYTES : by_ratio;
    return by_ratio < limits->output_bytes_max ? by_ratio : limits->output_bytes_max;
}

/* zlib's header: method 8, and a check that makes the first two bytes a multiple of 31. */
static bool has_zlib_header(struct slu_bytes input)
{
    const unsigned char *at = input.data;
    return input.len >= 2 && (at[0] & 15) == 8 && (((unsigned)at[0] << 8) | at[1]) % 31 == 0;
}

/* The block is a byte larger than what may come out, so that a full one has to grow. */
static int zstd_room(struct slu_budget *budget, uint64_t bytes_max, struct block *text)
{
    if (text->len > bytes_max) {
        return -EFBIG;
    }
    return text->len < text->size_bytes ? 0 : block_grow(budget, text, (size_t)bytes_max + 1);
}

/* Where a frame ends and nothing follows, all is well; frames that follow are one text. */
static int zstd_run(ZSTD_DStream *stream, struct slu_bytes input, struct slu_budget *budget,
                    uint64_t bytes_max, struct block *text)
{
    ZSTD_inBuffer in = {.src = input.data, .size = input.len};
    size_t hint = 1;
    int err = 0;
    while (err == 0 && (in.pos < in.size || hint != 0)) {
        err = zstd_room(budget, bytes_max, text);
        if (err != 0) {
            return err;
        }
        ZSTD_outBuffer out = {.dst = (char *)text->data + text->len,
                              .size = text->size_bytes - text->len};
        size_t before = in.pos;
        hint = ZSTD_decompressStream(stream, &out, &in);
        text->len += out.pos;
        bool is_stuck = in.pos == before && out.pos == 0 && hint != 0;
        err = ZSTD_isError(hint) || is_stuck ? -EBADMSG : 0;
    }
    return err == 0 && text->len > bytes_max ? -EFBIG : err;
}

static int zstd_decode(struct slu_budget *budget, struct slu_bytes input, size_t window,
                       uint64_t bytes_max, struct block *text)
{
    size_t size_bytes = ZSTD_estimateDStreamSize(window);
    struct block room;
    int err = block_begin(budget, size_bytes, &room);
    if (err != 0) {
        return err;
    }
    ZSTD_DStream *stream = ZSTD_initStaticDStream(room.data, size_bytes);
    err = stream == NULL ? -ENOMEM : zstd_run(stream, input, budget, bytes_max, text);
    block_free(budget, &room);
    return err;
}

static int zstd_all(struct slu_budget *budget, struct slu_bytes input, uint64_t bytes_max,
                    struct block *output)
{
    ZSTD_frameHeader header;
    if (ZSTD_getFrameHeader(&header, input.data, input.len) != 0) {
        return -EBADMSG;
    }
    size_t window = header.frameType == ZSTD_skippableFrame ? 1024 : (size_t)header.windowSize;
    if (window > ZSTD_WINDOW_MAX) {
        return -EFBIG;
    }
    struct block text;
    size_t first = bytes_max < FIRST_BLOCK_BYTES ? (size_t)bytes_max + 1 : FIRST_BLOCK_BYTES;
    int err = block_begin(budget, first, &text);
    if (err != 0) {
        return err;
    }
    err = zstd_decode(budget, input, window, bytes_max, &text);
    if (err != 0) {
        block_free(budget, &text);
        return err;
    }
    *output = text;
    return 0;
}

static int snappy_all(struct slu_budget *budget, struct slu_bytes input, uint64_t bytes_max,
                      struct block *output)
{
    uint64_t len = 0;
    struct block text;
    int err = snappy_length(input, &len);
    if (err != 0 || len > bytes_max) {
        return err != 0 ? err : -EFBIG;
    }
    err = block_begin(budget, (size_t)len + 1, &text);
    if (err != 0) {
        return err;
    }
    text.len = (size_t)len;
    err = snappy_decompress(input, text.data, text.len);
    if (err != 0) {
        block_free(budget, &text);
        return err;
    }
    *output = text;
    return 0;
}

static bool named(struct slu_bytes name, const char *text)
{
    return name.len == strlen(text) && strncasecmp(name.data, text, name.len) == 0;
}

enum compression compression_named(struct slu_bytes name)
{
    static const struct {
        const char *name;
        enum compression compression;
    } names[] = {
        {"identity", COMPRESSION_NONE}, {"gzip", COMPRESSION_GZIP},
        {"x-gzip", COMPRESSION_GZIP},   {"deflate", COMPRESSION_DEFLATE},
        {"zstd", COMPRESSION_ZSTD},     {"snappy", COMPRESSION_SNAPPY},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (named(name, names[i].name)) {
            return names[i].compression;
        }
    }
    return COMPRESSION_UNKNOWN;
}

int decompress_all(struct slu_budget *budget, enum compression compression, struct slu_bytes input,
                   const struct decompress_limits *limits, struct block *output)
{
    uint64_t bytes_max = output_max(input, limits);
    switch (compression) {
    case COMPRESSION_GZIP:
        return gunzip_all(budget, input, bytes_max, output);
    case COMPRESSION_DEFLATE:
        return gunzip_all_as(budget, has_zlib_header(input) ? GUNZIP_ZLIB : GUNZIP_BARE, input,
                             bytes_max, output);
    case COMPRESSION_ZSTD:
        return zstd_all(budget, input, bytes_max, output);
    case COMPRESSION_SNAPPY:
        return snappy_all(budget, input, bytes_max, output);
    default:
        return -EINVAL;
    }
}

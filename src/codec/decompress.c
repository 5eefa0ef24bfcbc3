#include "codec/decompress.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for a decoder in memory of ours */
#include <zstd.h>

#include <sluice/budget.h>

#include "codec/snappy.h"

#define FIRST_BLOCK_BYTES ((size_t)16 * 1024)
#define RATIO_FROM_BYTES  ((uint64_t)64 * 1024)
#define INFLATE_BYTES     ((size_t)48 * 1024)
#define ZSTD_WINDOW_MAX   ((size_t)8 * 1024 * 1024)
#define BARE_DEFLATE      (-MAX_WBITS)
#define GZIP_ALONE        (16 + MAX_WBITS)

/* What grows: one byte beyond the limit is made room for, so that passing it is noticed. */
struct growing {
    struct slu_budget *budget;
    struct decompressed text;
    uint64_t bytes_max;
};

static uint64_t output_max(struct slu_bytes input, const struct decompress_limits *limits)
{
    uint64_t by_ratio = 0;
    if (__builtin_mul_overflow((uint64_t)input.len, limits->ratio_max, &by_ratio)) {
        by_ratio = UINT64_MAX;
    }
    by_ratio = by_ratio < RATIO_FROM_BYTES ? RATIO_FROM_BYTES : by_ratio;
    return by_ratio < limits->output_bytes_max ? by_ratio : limits->output_bytes_max;
}

static int grow(struct growing *growing)
{
    struct decompressed *text = &growing->text;
    uint64_t most = growing->bytes_max < SIZE_MAX - 1 ? growing->bytes_max + 1 : SIZE_MAX;
    uint64_t wanted = text->block_bytes == 0 ? FIRST_BLOCK_BYTES : 4 * (uint64_t)text->block_bytes;
    wanted = wanted < most ? wanted : most;
    if (text->len > growing->bytes_max) {
        return -EFBIG;
    }
    void *block = NULL;
    int err = slu_budget_alloc(growing->budget, (size_t)wanted, &block);
    if (err != 0) {
        return err;
    }
    if (text->len > 0) {
        memcpy(block, text->data, text->len);
    }
    slu_budget_free(growing->budget, text->data, text->block_bytes);
    text->data = block;
    text->block_bytes = (size_t)wanted;
    return 0;
}

static size_t room_of(const struct growing *growing)
{
    return growing->text.block_bytes - growing->text.len;
}

static unsigned char *end_of(const struct growing *growing)
{
    return (unsigned char *)growing->text.data + growing->text.len;
}

/* zlib's memory: it allocates twice, when it begins. */
struct inflate_room {
    size_t used_bytes;
    unsigned char bytes[INFLATE_BYTES];
};

static voidpf room_take(voidpf opaque, uInt count, uInt size_bytes)
{
    struct inflate_room *room = opaque;
    size_t wanted = ((size_t)count * size_bytes + 15) & ~(size_t)15;
    if (wanted > INFLATE_BYTES - room->used_bytes) {
        return NULL;
    }
    void *taken = room->bytes + room->used_bytes;
    room->used_bytes += wanted;
    return taken;
}

static void room_give(voidpf opaque, voidpf address)
{
    (void)opaque;
    (void)address;
}

static uInt piece_of(size_t bytes)
{
    return bytes > INT32_MAX ? INT32_MAX : (uInt)bytes;
}

/* From stream.next_in, of which `left` bytes are to be read. Several gzip members are one text. */
static int inflate_run(z_stream *stream, size_t left, bool has_members, struct growing *growing)
{
    for (;;) {
        int err = room_of(growing) == 0 ? grow(growing) : 0;
        if (err != 0) {
            return err;
        }
        uInt in = piece_of(left);
        uInt out = piece_of(room_of(growing));
        stream->avail_in = in;
        stream->next_out = end_of(growing);
        stream->avail_out = out;
        int status = inflate(stream, Z_NO_FLUSH);
        left -= in - stream->avail_in;
        growing->text.len += out - stream->avail_out;
        if (growing->text.len > growing->bytes_max) {
            return -EFBIG;
        }
        if (status == Z_STREAM_END && left == 0) {
            return 0;
        }
        if (status == Z_STREAM_END && has_members && inflateReset(stream) == Z_OK) {
            continue;
        }
        bool is_stuck = status == Z_BUF_ERROR && stream->avail_out > 0;
        if ((status != Z_OK && status != Z_BUF_ERROR) || is_stuck) {
            return -EBADMSG;
        }
    }
}

static int inflate_all(struct slu_bytes input, int window_bits, struct growing *growing)
{
    void *block = NULL;
    int err = slu_budget_alloc(growing->budget, sizeof(struct inflate_room), &block);
    if (err != 0) {
        return err;
    }
    z_stream stream = {.zalloc = room_take, .zfree = room_give, .opaque = block};
    /* zlib does not write here; its member lacks a const that depends on how it was built. */
    stream.next_in = (z_const Bytef *)(uintptr_t)input.data;
    err = inflateInit2(&stream, window_bits) == Z_OK ? 0 : -ENOMEM;
    if (err == 0) {
        err = inflate_run(&stream, input.len, window_bits == GZIP_ALONE, growing);
        (void)inflateEnd(&stream); /* only says whether it was cut off */
    }
    slu_budget_free(growing->budget, block, sizeof(struct inflate_room));
    return err;
}

/* zlib's header: method 8, and a check that makes the first two bytes a multiple of 31. */
static bool has_zlib_header(struct slu_bytes input)
{
    const unsigned char *at = input.data;
    return input.len >= 2 && (at[0] & 15) == 8 && (((unsigned)at[0] << 8) | at[1]) % 31 == 0;
}

/* Where a frame ends and nothing follows, all is well; frames that follow are one text. */
static int zstd_run(ZSTD_DStream *stream, struct slu_bytes input, struct growing *growing)
{
    ZSTD_inBuffer in = {.src = input.data, .size = input.len};
    size_t hint = 1;
    while (in.pos < in.size || hint != 0) {
        int err = room_of(growing) == 0 ? grow(growing) : 0;
        if (err != 0) {
            return err;
        }
        ZSTD_outBuffer out = {.dst = end_of(growing), .size = room_of(growing)};
        size_t before = in.pos;
        hint = ZSTD_decompressStream(stream, &out, &in);
        growing->text.len += out.pos;
        if (growing->text.len > growing->bytes_max) {
            return -EFBIG;
        }
        if (ZSTD_isError(hint) || (in.pos == before && out.pos == 0 && hint != 0)) {
            return -EBADMSG;
        }
    }
    return 0;
}

static int zstd_all(struct slu_bytes input, struct growing *growing)
{
    ZSTD_frameHeader header;
    if (ZSTD_getFrameHeader(&header, input.data, input.len) != 0) {
        return -EBADMSG;
    }
    size_t window = header.frameType == ZSTD_skippableFrame ? 1024 : (size_t)header.windowSize;
    if (window > ZSTD_WINDOW_MAX) {
        return -EFBIG;
    }
    size_t size_bytes = ZSTD_estimateDStreamSize(window);
    void *block = NULL;
    int err = slu_budget_alloc(growing->budget, size_bytes, &block);
    if (err != 0) {
        return err;
    }
    ZSTD_DStream *stream = ZSTD_initStaticDStream(block, size_bytes);
    err = stream == NULL ? -ENOMEM : zstd_run(stream, input, growing);
    slu_budget_free(growing->budget, block, size_bytes);
    return err;
}

static int snappy_all(struct slu_bytes input, struct growing *growing)
{
    uint64_t len = 0;
    int err = snappy_length(input, &len);
    if (err != 0) {
        return err;
    }
    if (len > growing->bytes_max) {
        return -EFBIG;
    }
    void *block = NULL;
    err = slu_budget_alloc(growing->budget, (size_t)len + 1, &block);
    if (err != 0) {
        return err;
    }
    growing->text = (struct decompressed){block, (size_t)len, (size_t)len + 1};
    return snappy_decompress(input, block, (size_t)len);
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
                   const struct decompress_limits *limits, struct decompressed *output)
{
    struct growing growing = {.budget = budget, .bytes_max = output_max(input, limits)};
    int err = -EINVAL;
    switch (compression) {
    case COMPRESSION_GZIP:
        err = inflate_all(input, GZIP_ALONE, &growing);
        break;
    case COMPRESSION_DEFLATE:
        err = inflate_all(input, has_zlib_header(input) ? MAX_WBITS : BARE_DEFLATE, &growing);
        break;
    case COMPRESSION_ZSTD:
        err = zstd_all(input, &growing);
        break;
    case COMPRESSION_SNAPPY:
        err = snappy_all(input, &growing);
        break;
    default:
        break;
    }
    if (err == 0) {
        *output = growing.text;
    } else {
        decompressed_free(budget, &growing.text);
    }
    return err;
}

void decompressed_free(struct slu_budget *budget, struct decompressed *output)
{
    slu_budget_free(budget, output->data, output->block_bytes);
    *output = (struct decompressed){0};
}

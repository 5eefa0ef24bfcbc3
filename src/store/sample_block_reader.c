/*
 * Reading a block of samples. Decoded, it is the streams one behind the other, and a table that
 * says of each chunk where its planes lie.
 */
#include "store/sample_block.h"

#include <errno.h>
#include <string.h>

#include "base/block.h"
#include "codec/rans.h"
#include "codec/zstd_frame.h"
#include "store/little_endian.h"
#include "store/sample_block_format.h"
#include "store/varint.h"

#define HEAD_BYTES ((size_t)9)
#define STREAM_MAX (2 * SAMPLE_BLOCK_PLAIN_MAX)

/* A chunk of a decoded block. Planes are offsets in it; of those that are not there, 0. */
struct chunk {
    struct number_plan times;
    struct number_plan values;
    uint32_t time_planes[PLANES_MAX];
    uint32_t value_planes[PLANES_MAX];
    uint32_t messages_at;
    uint32_t messages_len;
    uint32_t count;
    unsigned char what;
};

/* What is known of the streams while a block is decoded. */
struct decoding {
    struct slu_bytes rest; /* of the block's bytes */
    size_t plain_len[SAMPLE_STREAM_COUNT];
    size_t stored_len[SAMPLE_STREAM_COUNT];
    unsigned char kept[SAMPLE_STREAM_COUNT];
    size_t begin[SAMPLE_STREAM_COUNT]; /* in the decoded memory */
    size_t used[SAMPLE_STREAM_COUNT];  /* by chunks so far */
    uint64_t chunk_count;
    size_t plain_bytes;
    uint64_t first_time;
    unsigned char *plain;
};

/* What is told of a stream before all of them. */
static bool stream_head_read(struct decoding *decoding, size_t stream)
{
    uint64_t plain = 0;
    uint64_t stored = 0;
    if (decoding->rest.len == 0) {
        return false;
    }
    unsigned char kept = *(const unsigned char *)decoding->rest.data;
    decoding->rest =
        (struct slu_bytes){(const char *)decoding->rest.data + 1, decoding->rest.len - 1};
    if (kept >= STREAM_KEPT_COUNT || !varint_next(&decoding->rest, &plain) ||
        !varint_next(&decoding->rest, &stored) || plain > STREAM_MAX || stored > plain ||
        (kept == STREAM_KEPT_PLAIN && stored != plain)) {
        return false;
    }
    decoding->kept[stream] = kept;
    decoding->plain_len[stream] = (size_t)plain;
    decoding->stored_len[stream] = (size_t)stored;
    decoding->begin[stream] = decoding->plain_bytes;
    decoding->plain_bytes += (size_t)plain;
    return true;
}

static int head_read(struct decoding *decoding, struct slu_bytes bytes)
{
    const unsigned char *head = bytes.data;
    if (bytes.len < HEAD_BYTES || head[0] != SAMPLE_BLOCK_VERSION) {
        return -EBADMSG;
    }
    uint64_t present = get_64(head + 1);
    decoding->rest = (struct slu_bytes){head + HEAD_BYTES, bytes.len - HEAD_BYTES};
    if (present >> SAMPLE_STREAM_COUNT != 0 ||
        !varint_next(&decoding->rest, &decoding->chunk_count)) {
        return -EBADMSG;
    }
    decoding->plain_bytes = 1; /* so that 0 is no plane's place */
    for (size_t i = 0; i < SAMPLE_STREAM_COUNT; i++) {
        if ((present >> i & 1) != 0 && !stream_head_read(decoding, i)) {
            return -EBADMSG;
        }
    }
    /* Each chunk has three bytes of its stream at least. */
    bool is_absurd = decoding->plain_bytes > STREAM_MAX ||
                     decoding->chunk_count > decoding->plain_len[STREAM_CHUNKS] / 3;
    return is_absurd ? -EBADMSG : 0;
}

static int stream_unpack(struct slu_budget *budget, unsigned char kept, struct slu_bytes stored,
                         unsigned char *to, size_t plain_len)
{
    switch (kept) {
    case STREAM_KEPT_PLAIN:
        memcpy(to, stored.data, plain_len);
        return 0;
    case STREAM_KEPT_ZSTD:
        return zstd_unpack(budget, stored, to, plain_len);
    default:
        return rans_unpack(stored, to, plain_len);
    }
}

static int streams_unpack(struct decoding *decoding, struct slu_budget *budget)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < SAMPLE_STREAM_COUNT; i++) {
        struct slu_bytes stored = {decoding->rest.data, decoding->stored_len[i]};
        if (stored.len > decoding->rest.len) {
            return -EBADMSG;
        }
        if (decoding->plain_len[i] > 0) {
            err = stream_unpack(budget, decoding->kept[i], stored,
                                decoding->plain + decoding->begin[i], decoding->plain_len[i]);
        }
        decoding->rest = (struct slu_bytes){(const char *)decoding->rest.data + stored.len,
                                            decoding->rest.len - stored.len};
    }
    return err != 0 || decoding->rest.len == 0 ? err : -EBADMSG;
}

/* Take `len` bytes of a stream for a chunk. Returns where they lie; 0: it has no more */
static uint32_t stream_take(struct decoding *decoding, unsigned stream, size_t len)
{
    size_t left = decoding->plain_len[stream] - decoding->used[stream];
    if (len > left) {
        return 0;
    }
    size_t at = decoding->begin[stream] + decoding->used[stream];
    decoding->used[stream] += len;
    return (uint32_t)at;
}

static int planes_take(struct decoding *decoding, const struct number_plan *plan, uint32_t count,
                       unsigned top, unsigned low, uint32_t planes[PLANES_MAX])
{
    size_t len = count > plan->order ? count - plan->order : 0;
    for (unsigned i = 0; i < plane_count(plan->bits); i++) {
        planes[i] = stream_take(decoding, plane_stream(plan->bits, i, top, low), len);
        if (planes[i] == 0 && len > 0) {
            return -EBADMSG;
        }
    }
    return 0;
}

static bool plan_read(struct slu_bytes *rest, bool is_twice, struct number_plan *plan)
{
    uint64_t first = 0;
    uint64_t step = 0;
    uint64_t base = 0;
    if (!varint_next(rest, &first) || (is_twice && !varint_next(rest, &step)) ||
        !varint_next(rest, &base) || rest->len == 0) {
        return false;
    }
    uint8_t bits = *(const unsigned char *)rest->data;
    *rest = (struct slu_bytes){(const char *)rest->data + 1, rest->len - 1};
    *plan = (struct number_plan){.first = (uint64_t)unzigzag(first),
                                 .step = (uint64_t)unzigzag(step),
                                 .base = (uint64_t)unzigzag(base),
                                 .bits = bits,
                                 .order = is_twice ? 2 : 1};
    return bits <= 64;
}

static int patterns_read(struct decoding *decoding, struct slu_bytes *rest, struct chunk *chunk)
{
    const unsigned char *at = rest->data;
    if (rest->len < 9) {
        return -EBADMSG;
    }
    chunk->values = (struct number_plan){.first = get_64(at), .order = 1};
    for (unsigned plane = 0; plane < PLANES_MAX; plane++) {
        if ((at[8] >> plane & 1) != 0) {
            chunk->value_planes[plane] =
                stream_take(decoding, STREAM_XOR + plane, chunk->count - 1);
            if (chunk->value_planes[plane] == 0) {
                return -EBADMSG;
            }
        }
    }
    *rest = (struct slu_bytes){at + 9, rest->len - 9};
    return 0;
}

/* All messages of a chunk are one piece of the stream. */
static int messages_read(struct decoding *decoding, struct chunk *chunk)
{
    struct slu_bytes rest = {
        decoding->plain + decoding->begin[STREAM_MESSAGES] + decoding->used[STREAM_MESSAGES],
        decoding->plain_len[STREAM_MESSAGES] - decoding->used[STREAM_MESSAGES]};
    size_t before = rest.len;
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint64_t len = 0;
        if (!varint_next(&rest, &len) || len > rest.len) {
            return -EBADMSG;
        }
        rest = (struct slu_bytes){(const char *)rest.data + len, rest.len - (size_t)len};
    }
    chunk->messages_len = (uint32_t)(before - rest.len);
    chunk->messages_at = stream_take(decoding, STREAM_MESSAGES, chunk->messages_len);
    return 0;
}

static int chunk_read(struct decoding *decoding, struct slu_bytes *rest, struct chunk *chunk)
{
    uint64_t count = 0;
    if (rest->len == 0) {
        return -EBADMSG;
    }
    *chunk = (struct chunk){.what = *(const unsigned char *)rest->data};
    *rest = (struct slu_bytes){(const char *)rest->data + 1, rest->len - 1};
    if (!varint_next(rest, &count) || count == 0 || count > SAMPLE_CHUNK_MAX ||
        !plan_read(rest, (chunk->what & CHUNK_TIME_TWICE) != 0, &chunk->times)) {
        return -EBADMSG;
    }
    chunk->count = (uint32_t)count;
    chunk->times.first += decoding->first_time;
    decoding->first_time = chunk->times.first;
    int err = planes_take(decoding, &chunk->times, chunk->count, STREAM_TIME_TOP, STREAM_TIME_LOW,
                          chunk->time_planes);
    if (err != 0 || (chunk->what & CHUNK_MESSAGES) != 0) {
        return err != 0 ? err : messages_read(decoding, chunk);
    }
    if ((chunk->what & CHUNK_XOR) != 0) {
        return patterns_read(decoding, rest, chunk);
    }
    if (!plan_read(rest, (chunk->what & CHUNK_VALUE_TWICE) != 0, &chunk->values)) {
        return -EBADMSG;
    }
    return planes_take(decoding, &chunk->values, chunk->count, STREAM_VALUE_TOP, STREAM_VALUE_LOW,
                       chunk->value_planes);
}

static int chunks_read(struct decoding *decoding, struct chunk *chunks)
{
    struct slu_bytes rest = {decoding->plain + decoding->begin[STREAM_CHUNKS],
                             decoding->plain_len[STREAM_CHUNKS]};
    int err = 0;
    for (uint64_t i = 0; err == 0 && i < decoding->chunk_count; i++) {
        err = chunk_read(decoding, &rest, &chunks[i]);
    }
    return err != 0 || rest.len == 0 ? err : -EBADMSG;
}

int sample_block_decode(struct slu_bytes bytes, struct slu_budget *budget, struct block *memory,
                        struct sample_block *out)
{
    struct decoding decoding = {.first_time = 0};
    struct block block = {0};
    int err = head_read(&decoding, bytes);
    if (err != 0) {
        return err;
    }
    size_t chunks_bytes = (size_t)decoding.chunk_count * sizeof(struct chunk);
    err = block_begin(budget, chunks_bytes + decoding.plain_bytes, &block);
    if (err != 0) {
        return err;
    }
    decoding.plain = (unsigned char *)block.data + chunks_bytes;
    err = streams_unpack(&decoding, budget);
    err = err != 0 ? err : chunks_read(&decoding, block.data);
    if (err != 0) {
        block_free(budget, &block);
        return err;
    }
    *memory = block;
    *out = (struct sample_block){.plain = {decoding.plain, decoding.plain_bytes},
                                 .chunks = block.data,
                                 .chunk_count = (uint32_t)decoding.chunk_count};
    return 0;
}

static void numbers_begin(struct sample_numbers *numbers, const struct number_plan *plan,
                          const uint32_t planes[PLANES_MAX], const unsigned char *plain)
{
    *numbers = (struct sample_numbers){
        .value = plan->first, .step = plan->step, .base = plan->base, .order = plan->order};
    for (unsigned i = 0; i < PLANES_MAX; i++) {
        numbers->planes[i] = planes[i] == 0 ? NULL : plain + planes[i];
    }
}

int sample_block_chunk(const struct sample_block *block, uint32_t number,
                       struct sample_cursor *cursor)
{
    if (number >= block->chunk_count) {
        return -ENOENT;
    }
    const struct chunk *chunk = (const struct chunk *)block->chunks + number;
    const unsigned char *plain = block->plain.data;
    *cursor = (struct sample_cursor){
        .count = chunk->count,
        .kind = (chunk->what & CHUNK_MESSAGES) != 0 ? SAMPLE_MESSAGES : SAMPLE_NUMBERS,
        .scale =
            (chunk->what & CHUNK_XOR) != 0 ? 0 : sample_scales[chunk->what >> CHUNK_SCALE_SHIFT],
        .messages = {plain + chunk->messages_at, chunk->messages_len}};
    numbers_begin(&cursor->times, &chunk->times, chunk->time_planes, plain);
    numbers_begin(&cursor->values, &chunk->values, chunk->value_planes, plain);
    return 0;
}

static uint64_t left_of(const struct sample_numbers *numbers, uint32_t at)
{
    uint64_t left = 0;
    for (unsigned plane = 0; plane < PLANES_MAX && numbers->planes[plane] != NULL; plane++) {
        left |= (uint64_t)numbers->planes[plane][at] << (8 * plane);
    }
    return left;
}

/* The number at the `at`-th place, after the one before it. */
static uint64_t number_next(struct sample_numbers *numbers, uint32_t at)
{
    if (at == 0) {
        return numbers->value;
    }
    if (numbers->order == 1) {
        numbers->step = numbers->base + left_of(numbers, at - 1);
    } else if (at > 1) {
        numbers->step += numbers->base + left_of(numbers, at - 2);
    }
    numbers->value += numbers->step;
    return numbers->value;
}

/* Planes may be missing in the middle. */
static uint64_t pattern_next(struct sample_numbers *numbers, uint32_t at)
{
    for (unsigned plane = 0; at > 0 && plane < PLANES_MAX; plane++) {
        if (numbers->planes[plane] != NULL) {
            numbers->value ^= (uint64_t)numbers->planes[plane][at - 1] << (8 * plane);
        }
    }
    return numbers->value;
}

int sample_next(struct sample_cursor *cursor, struct sample *sample)
{
    if (cursor->at == cursor->count) {
        return -ENODATA;
    }
    sample->time_ms = (int64_t)number_next(&cursor->times, cursor->at);
    if (cursor->scale == 0) {
        uint64_t bits = pattern_next(&cursor->values, cursor->at);
        memcpy(&sample->value, &bits, sizeof(bits));
    } else {
        int64_t whole = (int64_t)number_next(&cursor->values, cursor->at);
        sample->value = (double)whole / cursor->scale;
    }
    cursor->at++;
    return 0;
}

int sample_next_message(struct sample_cursor *cursor, struct sample_message *message)
{
    uint64_t len = 0;
    if (cursor->at == cursor->count) {
        return -ENODATA;
    }
    if (!varint_next(&cursor->messages, &len) || len > cursor->messages.len) {
        return -EBADMSG;
    }
    message->time_ms = (int64_t)number_next(&cursor->times, cursor->at);
    message->bytes = (struct slu_bytes){cursor->messages.data, (size_t)len};
    cursor->messages = (struct slu_bytes){(const char *)cursor->messages.data + len,
                                          cursor->messages.len - (size_t)len};
    cursor->at++;
    return 0;
}

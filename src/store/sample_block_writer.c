/*
 * A block of samples:
 *
 *      bytes
 *          1  version, 1
 *          8  which streams there are, a bit of 1 << its number each, little endian
 *     varint  number of chunks
 *             for each stream that is there, one byte of how it is kept (STREAM_KEPT_...) and
 *             varints of its plain and its stored length
 *          -  the streams in order
 *
 * Streams are told in sample_block_format.h. The stream of chunks has for each of them:
 *
 *          1  what it is (CHUNK_...), and the power of ten
 *     varint  number of samples
 *             the column of times, and of numbers that of values
 *
 * A column of whole numbers is, as varints, folded where they have a sign: the first number (of
 * times, less the first time of the chunk before); of order 2, the first difference; the lowest
 * difference; one byte of how many bits are left at the most. A column of bit patterns is the first
 * (8 bytes), and one byte of which planes of what is XORed are not all zeros.
 */
#include "store/sample_block.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "codec/rans.h"
#include "codec/zstd_frame.h"
#include "store/little_endian.h"
#include "store/sample_block_format.h"
#include "store/sample_numbers.h"
#include "store/varint.h"

#define FIRST_BYTES  ((size_t)1024)
#define MESSAGE_MAX  ((size_t)64 * 1024)
#define PACKED_FIRST ((size_t)64 * 1024)

struct sample_block_writer {
    struct slu_budget *budget;
    struct zstd_packer *packer;
    struct block streams[SAMPLE_STREAM_COUNT];
    struct block out;
    size_t plain_bytes;
    uint64_t first_time; /* of the last chunk */
    uint32_t chunk_count;
    int level;
    bool is_ended; /* what was ended is shown still */
    uint64_t numbers[SAMPLE_CHUNK_MAX];
    uint64_t left[SAMPLE_CHUNK_MAX];
};

int sample_block_writer_create(struct slu_budget *budget, int level,
                               struct sample_block_writer **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct sample_block_writer), &memory);
    if (err != 0) {
        return err;
    }
    struct sample_block_writer *writer = memory;
    *writer = (struct sample_block_writer){.budget = budget, .level = level};
    err = zstd_packer_create(budget, level, SAMPLE_BLOCK_PLAIN_MAX, &writer->packer);
    for (size_t i = 0; err == 0 && i < SAMPLE_STREAM_COUNT; i++) {
        err = block_begin(budget, FIRST_BYTES, &writer->streams[i]);
    }
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &writer->out);
    if (err != 0) {
        sample_block_writer_destroy(&writer);
        return err;
    }
    *out = writer;
    return 0;
}

void sample_block_writer_destroy(struct sample_block_writer **out)
{
    struct sample_block_writer *writer = *out;
    *out = NULL;
    if (writer != NULL) {
        for (size_t i = 0; i < SAMPLE_STREAM_COUNT; i++) {
            block_free(writer->budget, &writer->streams[i]);
        }
        block_free(writer->budget, &writer->out);
        zstd_packer_destroy(&writer->packer);
        slu_budget_free(writer->budget, writer, sizeof(*writer));
    }
}

static void block_restart(struct sample_block_writer *writer)
{
    for (size_t i = 0; i < SAMPLE_STREAM_COUNT; i++) {
        writer->streams[i].len = 0;
    }
    writer->plain_bytes = 0;
    writer->chunk_count = 0;
    writer->first_time = 0;
    writer->is_ended = false;
}

/* Room for `len` more bytes, so that a chunk is added as a whole or not at all. */
static int stream_reserve(struct sample_block_writer *writer, unsigned stream, size_t len)
{
    struct block *block = &writer->streams[stream];
    int err = 0;
    while (err == 0 && block->size_bytes - block->len < len) {
        err = block_grow(writer->budget, block, 2 * (SAMPLE_BLOCK_PLAIN_MAX + CHUNK_BYTES_MAX));
    }
    return err;
}

static void plane_put(struct sample_block_writer *writer, unsigned stream, const uint64_t *left,
                      size_t count, unsigned plane)
{
    struct block *block = &writer->streams[stream];
    unsigned char *to = (unsigned char *)block->data + block->len;
    for (size_t i = 0; i < count; i++) {
        to[i] = (unsigned char)(left[i] >> (8 * plane));
    }
    block->len += count;
    writer->plain_bytes += count;
}

static int planes_reserve(struct sample_block_writer *writer, unsigned bits, size_t count,
                          unsigned top, unsigned low)
{
    int err = 0;
    for (unsigned plane = 0; err == 0 && plane < plane_count(bits); plane++) {
        err = stream_reserve(writer, plane_stream(bits, plane, top, low), count);
    }
    return err;
}

static size_t plan_put(const struct number_plan *plan, uint64_t relative_to, unsigned char *at)
{
    size_t len = varint_put(at, zigzag((int64_t)(plan->first - relative_to)));
    if (plan->order == 2) {
        len += varint_put(at + len, zigzag((int64_t)plan->step));
    }
    len += varint_put(at + len, zigzag((int64_t)plan->base));
    at[len++] = plan->bits;
    return len;
}

static void column_put(struct sample_block_writer *writer, const struct number_plan *plan,
                       const uint64_t *numbers, size_t count, unsigned top, unsigned low)
{
    size_t made = number_plan_apply(plan, numbers, count, writer->left);
    for (unsigned plane = 0; plane < plane_count(plan->bits); plane++) {
        plane_put(writer, plane_stream(plan->bits, plane, top, low), writer->left, made, plane);
    }
}

/* What a chunk is, until it is put. */
struct chunk_head {
    unsigned char bytes[CHUNK_BYTES_MAX];
    size_t len;
    struct number_plan times;
};

static int times_plan(struct sample_block_writer *writer, const void *items, size_t item_bytes,
                      size_t count, struct chunk_head *head)
{
    int64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t time = 0;
        memcpy(&time, (const char *)items + i * item_bytes, sizeof(time));
        if (i > 0 && time <= before) {
            return -EINVAL;
        }
        writer->numbers[i] = (uint64_t)time;
        before = time;
    }
    head->times = number_plan_make(writer->numbers, count);
    head->bytes[0] = head->times.order == 2 ? CHUNK_TIME_TWICE : 0;
    head->len = 1 + varint_put(head->bytes + 1, count);
    head->len += plan_put(&head->times, writer->first_time, head->bytes + head->len);
    return planes_reserve(writer, head->times.bits, count, STREAM_TIME_TOP, STREAM_TIME_LOW);
}

/* The times, whose numbers are in the writer still. */
static void times_put(struct sample_block_writer *writer, const struct chunk_head *head,
                      size_t count)
{
    column_put(writer, &head->times, writer->numbers, count, STREAM_TIME_TOP, STREAM_TIME_LOW);
    writer->first_time = head->times.first;
}

static void head_put(struct sample_block_writer *writer, const struct chunk_head *head,
                     uint32_t *chunk)
{
    struct block *block = &writer->streams[STREAM_CHUNKS];
    memcpy((char *)block->data + block->len, head->bytes, head->len);
    block->len += head->len;
    writer->plain_bytes += head->len;
    *chunk = writer->chunk_count++;
}

static void patterns_take(struct sample_block_writer *writer, const struct sample *samples,
                          size_t count, struct chunk_head *head)
{
    uint64_t before = 0;
    uint64_t all = 0;
    uint8_t planes = 0;
    memcpy(&before, &samples[0].value, sizeof(before));
    put_64(head->bytes + head->len, before);
    for (size_t i = 1; i < count; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &samples[i].value, sizeof(bits));
        writer->left[i - 1] = bits ^ before;
        all |= bits ^ before;
        before = bits;
    }
    for (unsigned plane = 0; plane < PLANES_MAX; plane++) {
        planes = (uint8_t)(planes | ((all >> (8 * plane) & 0xff) != 0 ? 1U << plane : 0));
    }
    head->bytes[head->len + 8] = planes;
    head->len += 9;
    head->bytes[0] |= CHUNK_XOR;
}

static int patterns_put(struct sample_block_writer *writer, size_t count, uint8_t planes)
{
    int err = 0;
    for (unsigned plane = 0; err == 0 && plane < PLANES_MAX; plane++) {
        err = (planes >> plane & 1) != 0 ? stream_reserve(writer, STREAM_XOR + plane, count) : 0;
    }
    for (unsigned plane = 0; err == 0 && plane < PLANES_MAX; plane++) {
        if ((planes >> plane & 1) != 0) {
            plane_put(writer, STREAM_XOR + plane, writer->left, count - 1, plane);
        }
    }
    return err;
}

static int values_put(struct sample_block_writer *writer, const struct sample *samples,
                      size_t count, struct chunk_head *head)
{
    unsigned scale = 0;
    if (!sample_scale_find(samples, count, &scale, writer->numbers)) {
        patterns_take(writer, samples, count, head);
        return patterns_put(writer, count, head->bytes[head->len - 1]);
    }
    struct number_plan plan = number_plan_make(writer->numbers, count);
    int err = planes_reserve(writer, plan.bits, count, STREAM_VALUE_TOP, STREAM_VALUE_LOW);
    if (err == 0) {
        head->bytes[0] |= (unsigned char)(scale << CHUNK_SCALE_SHIFT);
        head->bytes[0] |= plan.order == 2 ? CHUNK_VALUE_TWICE : 0;
        head->len += plan_put(&plan, 0, head->bytes + head->len);
        column_put(writer, &plan, writer->numbers, count, STREAM_VALUE_TOP, STREAM_VALUE_LOW);
    }
    return err;
}

/* Samples, with what a chunk of the worst kind adds: eight bytes each for time and value. */
static bool has_room(struct sample_block_writer *writer, size_t worst_bytes)
{
    if (writer->is_ended) {
        block_restart(writer);
    }
    return writer->plain_bytes + worst_bytes + CHUNK_BYTES_MAX <= SAMPLE_BLOCK_PLAIN_MAX;
}

int sample_block_add(struct sample_block_writer *writer, const struct sample *samples, size_t count,
                     uint32_t *chunk)
{
    struct chunk_head head;
    if (count == 0 || count > SAMPLE_CHUNK_MAX) {
        return -EINVAL;
    }
    if (!has_room(writer, count * sizeof(struct sample))) {
        return -ENOBUFS;
    }
    int err = times_plan(writer, samples, sizeof(samples[0]), count, &head);
    err = err != 0 ? err : stream_reserve(writer, STREAM_CHUNKS, CHUNK_BYTES_MAX);
    if (err != 0) {
        return err;
    }
    times_put(writer, &head, count);
    err = values_put(writer, samples, count, &head);
    if (err == 0) {
        head_put(writer, &head, chunk);
    }
    return err;
}

static size_t messages_bytes(const struct sample_message *messages, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i].bytes.len > MESSAGE_MAX) {
            return SIZE_MAX;
        }
        sum += messages[i].bytes.len + VARINT_BYTES_MAX + sizeof(int64_t);
    }
    return sum;
}

static void messages_put(struct sample_block_writer *writer, const struct sample_message *messages,
                         size_t count)
{
    struct block *block = &writer->streams[STREAM_MESSAGES];
    size_t before = block->len;
    for (size_t i = 0; i < count; i++) {
        unsigned char *at = (unsigned char *)block->data + block->len;
        size_t len = varint_put(at, messages[i].bytes.len);
        if (messages[i].bytes.len > 0) {
            memcpy(at + len, messages[i].bytes.data, messages[i].bytes.len);
        }
        block->len += len + messages[i].bytes.len;
    }
    writer->plain_bytes += block->len - before;
}

int sample_block_add_messages(struct sample_block_writer *writer,
                              const struct sample_message *messages, size_t count, uint32_t *chunk)
{
    struct chunk_head head;
    if (count == 0 || count > SAMPLE_CHUNK_MAX) {
        return -EINVAL;
    }
    size_t bytes = messages_bytes(messages, count);
    if (bytes > SAMPLE_BLOCK_PLAIN_MAX || !has_room(writer, bytes)) {
        return bytes == SIZE_MAX ? -EINVAL : -ENOBUFS;
    }
    int err = times_plan(writer, messages, sizeof(messages[0]), count, &head);
    err = err != 0 ? err : stream_reserve(writer, STREAM_CHUNKS, CHUNK_BYTES_MAX);
    err = err != 0 ? err : stream_reserve(writer, STREAM_MESSAGES, bytes);
    if (err != 0) {
        return err;
    }
    head.bytes[0] |= CHUNK_MESSAGES;
    times_put(writer, &head, count);
    messages_put(writer, messages, count);
    head_put(writer, &head, chunk);
    return 0;
}

size_t sample_block_pending_bytes(const struct sample_block_writer *writer)
{
    return writer->is_ended ? 0 : writer->plain_bytes;
}

/*
 * Pack a stream in the way that makes it shortest, at `to` with room for all. Matches are what zstd
 * finds; where there are none, its code of whole bits loses against shares.
 */
static enum stream_kept stream_pack(struct sample_block_writer *writer, const struct block *stream,
                                    char *to, size_t most, size_t *stored)
{
    struct slu_bytes plain = {stream->data, stream->len};
    enum stream_kept kept = STREAM_KEPT_PLAIN;
    size_t packed = 0;
    size_t coded = 0;
    *stored = stream->len;
    if (zstd_pack(writer->packer, writer->level, plain, to, most, &packed) == 0 &&
        packed < *stored) {
        kept = STREAM_KEPT_ZSTD;
        *stored = packed;
    }
    if (rans_pack(plain, to + *stored, most - *stored, &coded) == 0 && coded < *stored) {
        memmove(to, to + *stored, coded);
        kept = STREAM_KEPT_RANS;
        *stored = coded;
    }
    if (kept == STREAM_KEPT_PLAIN) {
        memcpy(to, stream->data, stream->len);
    }
    return kept;
}

/* Pack a stream behind what `out` has, and tell of it in `head`. */
static int stream_end(struct sample_block_writer *writer, const struct block *stream,
                      struct block *out, unsigned char *head, size_t *head_len)
{
    size_t most = stream->len + zstd_packed_max(stream->len) + rans_packed_max(stream->len);
    size_t stored = 0;
    int err = 0;
    while (err == 0 && out->size_bytes - out->len < most) {
        err = block_grow(writer->budget, out, 6 * SAMPLE_BLOCK_PLAIN_MAX);
    }
    if (err == 0) {
        enum stream_kept kept =
            stream_pack(writer, stream, (char *)out->data + out->len, most, &stored);
        head[(*head_len)++] = (unsigned char)kept;
        *head_len += varint_put(head + *head_len, stream->len);
        *head_len += varint_put(head + *head_len, stored);
        out->len += stored;
    }
    return err;
}

int sample_block_end(struct sample_block_writer *writer, struct slu_bytes *bytes)
{
    unsigned char head[9 + VARINT_BYTES_MAX + SAMPLE_STREAM_COUNT * (1 + 2 * VARINT_BYTES_MAX)];
    struct block packed = {0};
    uint64_t present = 0;
    int err = block_begin(writer->budget, PACKED_FIRST, &packed);
    size_t len = 9;
    len += varint_put(head + len, writer->chunk_count);
    for (size_t i = 0; err == 0 && i < SAMPLE_STREAM_COUNT; i++) {
        if (writer->streams[i].len > 0) {
            present |= UINT64_C(1) << i;
            err = stream_end(writer, &writer->streams[i], &packed, head, &len);
        }
    }
    head[0] = SAMPLE_BLOCK_VERSION;
    put_64(head + 1, present);
    writer->out.len = 0;
    err = err != 0 ? err : block_append(writer->budget, &writer->out, head, len);
    err = err != 0 ? err : block_append(writer->budget, &writer->out, packed.data, packed.len);
    block_free(writer->budget, &packed);
    if (err == 0) {
        *bytes = (struct slu_bytes){writer->out.data, writer->out.len};
        writer->is_ended = true;
    }
    return err;
}

/*
 * Property: bytes that are no block are refused, whatever they are, and what is taken for one is
 * walked within its memory, leaves the budget as it was, and written again reads the same; samples
 * and messages that are written read back to the bit.
 *
 * The first byte says what the others are: a block; streams that are not compressed, each a byte of
 * which and two of its length, behind two bytes of the count of chunks; or chunks, each a byte of
 * what it is and of its count before its times and values.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/bytes.h"
#include "memory_file.h"
#include "store/little_endian.h"
#include "store/sample_block.h"
#include "store/sample_block_format.h"
#include "store/varint.h"

#define BUDGET     ((uint64_t)256 << 20)
#define BLOCK_MAX  ((size_t)1 << 20)
#define CHUNKS_MAX 64
#define COUNT_MAX  64
#define WALKED_MAX ((size_t)1 << 17) /* samples of a block: a byte may stand for 8192 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Samples of a chunk as they are read, or messages. */
struct walked {
    struct sample samples[SAMPLE_CHUNK_MAX];
    struct sample_message messages[SAMPLE_CHUNK_MAX];
    size_t count;
    enum sample_kind kind;
};

static void chunk_walk(const struct sample_block *block, uint32_t chunk, struct walked *walked)
{
    struct sample_cursor cursor;
    int err = 0;
    SLU_ASSERT(sample_block_chunk(block, chunk, &cursor) == 0);
    SLU_ASSERT(cursor.count > 0 && cursor.count <= SAMPLE_CHUNK_MAX);
    walked->kind = cursor.kind;
    walked->count = 0;
    while (err == 0) {
        err = cursor.kind == SAMPLE_NUMBERS
                  ? sample_next(&cursor, &walked->samples[walked->count])
                  : sample_next_message(&cursor, &walked->messages[walked->count]);
        walked->count += err == 0;
        SLU_ASSERT(err != 0 || walked->count <= cursor.count);
        if (walked->count == SAMPLE_CHUNK_MAX) {
            break;
        }
    }
    SLU_ASSERT(walked->count == cursor.count && (err == 0 || err == -ENODATA));
}

static void walked_equal(const struct walked *one, const struct walked *other)
{
    SLU_ASSERT(one->kind == other->kind && one->count == other->count);
    for (size_t i = 0; i < one->count; i++) {
        if (one->kind == SAMPLE_NUMBERS) {
            SLU_ASSERT(memcmp(&one->samples[i], &other->samples[i], sizeof(one->samples[i])) == 0);
        } else {
            SLU_ASSERT(one->messages[i].time_ms == other->messages[i].time_ms);
            SLU_ASSERT(bytes_equal(one->messages[i].bytes, other->messages[i].bytes));
        }
    }
}

static int walked_add(struct sample_block_writer *writer, const struct walked *walked)
{
    uint32_t chunk = 0;
    return walked->kind == SAMPLE_NUMBERS
               ? sample_block_add(writer, walked->samples, walked->count, &chunk)
               : sample_block_add_messages(writer, walked->messages, walked->count, &chunk);
}

/* Write a chunk alone, and read it. One whose times do not ascend, or that is too large, is not. */
static void chunk_again(struct sample_block_writer *writer, struct slu_budget *budget,
                        const struct walked *walked)
{
    static struct walked again;
    struct block memory = {0};
    struct sample_block block;
    struct slu_bytes bytes;
    int err = walked_add(writer, walked);
    SLU_ASSERT(err == 0 || err == -EINVAL || err == -ENOBUFS);
    if (err != 0) {
        return;
    }
    SLU_ASSERT(sample_block_end(writer, &bytes) == 0);
    SLU_ASSERT(sample_block_decode(bytes, budget, &memory, &block) == 0);
    SLU_ASSERT(block.chunk_count == 1);
    chunk_walk(&block, 0, &again);
    walked_equal(walked, &again);
    block_free(budget, &memory);
}

static void block_check(struct slu_bytes bytes, struct slu_budget *budget)
{
    static struct walked walked;
    struct sample_block_writer *writer = NULL;
    struct block memory = {0};
    struct sample_block block;
    size_t sum = 0;
    int err = sample_block_decode(bytes, budget, &memory, &block);
    SLU_ASSERT(err == 0 || err == -EBADMSG);
    if (err != 0) {
        SLU_ASSERT(memory.data == NULL);
        return;
    }
    SLU_ASSERT(sample_block_writer_create(budget, 1, &writer) == 0);
    for (uint32_t i = 0; i < block.chunk_count && sum < WALKED_MAX; i++) {
        chunk_walk(&block, i, &walked);
        sum += walked.count;
        if (i < 16) {
            chunk_again(writer, budget, &walked);
        }
    }
    struct sample_cursor cursor;
    SLU_ASSERT(sample_block_chunk(&block, block.chunk_count, &cursor) == -ENOENT);
    sample_block_writer_destroy(&writer);
    block_free(budget, &memory);
}

/* Streams in ascending order, each at most once, as their bits say. */
static void streams_check(struct slu_bytes rest, struct slu_budget *budget)
{
    static unsigned char bytes[BLOCK_MAX];
    struct slu_bytes streams[SAMPLE_STREAM_COUNT] = {{NULL, 0}};
    uint64_t chunk_count = input_number(&rest, 2);
    uint64_t present = 0;
    if (rest.len > BLOCK_MAX / 2) {
        return;
    }
    while (rest.len > 0) {
        uint64_t stream = input_number(&rest, 1) % SAMPLE_STREAM_COUNT;
        size_t len = (size_t)input_number(&rest, 2);
        streams[stream] = input_take(&rest, len);
        present |= UINT64_C(1) << stream;
    }
    bytes[0] = SAMPLE_BLOCK_VERSION;
    put_64(bytes + 1, present);
    size_t at = 9 + varint_put(bytes + 9, chunk_count);
    for (size_t i = 0; i < SAMPLE_STREAM_COUNT; i++) {
        if ((present >> i & 1) != 0) {
            at += varint_put(bytes + at, streams[i].len);
            at += varint_put(bytes + at, streams[i].len);
        }
    }
    for (size_t i = 0; i < SAMPLE_STREAM_COUNT; i++) {
        if (streams[i].len > 0) {
            memcpy(bytes + at, streams[i].data, streams[i].len);
            at += streams[i].len;
        }
    }
    block_check((struct slu_bytes){bytes, at}, budget);
}

/* Times by steps of one or eight bytes; values by patterns, small numbers, or the same again. */
static void chunk_take(struct slu_bytes *rest, struct walked *walked)
{
    uint64_t what = input_number(rest, 1);
    uint64_t bits = 0;
    uint64_t time = input_number(rest, 8);
    walked->kind = (what & 1) != 0 ? SAMPLE_MESSAGES : SAMPLE_NUMBERS;
    walked->count = 1 + input_number(rest, 1) % COUNT_MAX;
    for (size_t i = 0; i < walked->count; i++) {
        double value = (double)(int8_t)input_number(rest, 1) / ((what & 8) != 0 ? 10 : 1);
        switch (what >> 1 & 3) {
        case 0:
            bits = input_number(rest, 8);
            break;
        case 1:
            memcpy(&bits, &value, sizeof(bits));
            break;
        default:
            break;
        }
        walked->samples[i].time_ms = (int64_t)time;
        memcpy(&walked->samples[i].value, &bits, sizeof(bits));
        walked->messages[i] = (struct sample_message){(int64_t)time, {NULL, 0}};
        if (walked->kind == SAMPLE_MESSAGES) {
            walked->messages[i].bytes = input_take(rest, (size_t)bits % 50);
        }
        time += (what & 16) != 0 ? input_number(rest, 8) : 1 + input_number(rest, 1);
    }
}

static bool times_ascend(const struct walked *walked)
{
    for (size_t i = 1; i < walked->count; i++) {
        if (walked->samples[i].time_ms <= walked->samples[i - 1].time_ms) {
            return false;
        }
    }
    return true;
}

static void round_trip(struct slu_bytes rest, struct slu_budget *budget)
{
    static struct walked chunks[CHUNKS_MAX];
    static struct walked read;
    struct sample_block_writer *writer = NULL;
    struct block memory = {0};
    struct sample_block block;
    struct slu_bytes bytes;
    uint32_t count = 0;
    SLU_ASSERT(sample_block_writer_create(budget, 1, &writer) == 0);
    while (count < CHUNKS_MAX && rest.len > 0) {
        chunk_take(&rest, &chunks[count]);
        int err = walked_add(writer, &chunks[count]);
        SLU_ASSERT(err == (times_ascend(&chunks[count]) ? 0 : -EINVAL));
        count += err == 0;
    }
    SLU_ASSERT(sample_block_end(writer, &bytes) == 0);
    int err = sample_block_decode(bytes, budget, &memory, &block);
    SLU_ASSERT(err == 0 && block.chunk_count == count);
    for (uint32_t i = 0; i < count; i++) {
        chunk_walk(&block, i, &read);
        walked_equal(&chunks[i], &read);
    }
    block_free(budget, &memory);
    sample_block_writer_destroy(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    if (size == 0 || slu_budget_create(NULL, "fuzz", BUDGET, &budget) != 0) {
        return 0;
    }
    struct slu_bytes rest = {data + 1, size - 1};
    switch (data[0] % 3) {
    case 0:
        block_check(rest, budget);
        break;
    case 1:
        streams_check(rest, budget);
        break;
    default:
        round_trip(rest, budget);
        break;
    }
    slu_budget_destroy(&budget); /* asserts that nothing is charged */
    return 0;
}

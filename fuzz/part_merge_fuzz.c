/*
 * Property: parts whose checks are right and whose indexes say anything are merged into a part that
 * reads to its end, or are told to be damaged, and then nothing is left; within the memory that
 * there is, and the budget is left as it was.
 *
 * The first byte's lowest bit is the signal's. Then come things that are put into one of two parts,
 * each a byte of what it is and two of its length before its bytes: blocks made of rows (of
 * samples, if that is the signal) that the bytes say; blocks as they are; filters of the next
 * block; values of streams as they are, and as varints of a byte each.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "memory_file.h"
#include "store/labels.h"
#include "store/part_merge.h"
#include "store/part_samples.h"
#include "store/part_writer.h"
#include "store/row_part.h"
#include "store/sample_gather.h"
#include "store/varint.h"

#define BUDGET        ((uint64_t)64 << 20)
#define SALT          UINT64_C(0x9a27)
#define PIECES        2
#define THINGS_MAX    32
#define INPUT_MAX     ((size_t)1 << 13)
#define VALUE_MAX     16 /* bytes of a value: each chunk may be of the largest block */
#define SMALL_VARINTS 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum thing {
    THING_RECORDS,
    THING_BLOCK,
    THING_FILTER,
    THING_VALUE,
    THING_NUMBERS,
    THING_COUNT
};

/* The pieces, and what they are merged to. */
static struct memory_file files[PIECES + 1];

static void is_done_or_damaged(int err)
{
    SLU_ASSERT(err == 0 || err == -EBADMSG || err == -EDQUOT);
}

/* ---- Forging. ---- */

struct forging {
    struct part_writer writer;
    struct slu_budget *budget;
    struct slu_bytes filter;
    uint32_t signal;
    uint32_t stream_count;
};

static void block_put(struct forging *forging, struct slu_bytes bytes, struct slu_bytes filter)
{
    uint32_t number = 0;
    SLU_ASSERT(part_writer_block(&forging->writer, bytes, filter, 0, 100, &number) == 0);
}

static void rows_put(struct forging *forging, struct slu_bytes rest)
{
    struct row_block_writer *writer = NULL;
    struct row_block_facts facts;
    struct slu_bytes bytes;
    struct slu_bytes filter;
    SLU_ASSERT(row_block_writer_create(forging->budget, 1, &writer) == 0);
    while (rest.len > 0) {
        uint64_t head = input_number(&rest, 2);
        struct row row = {.time_ns = (int64_t)(head % 128),
                          .key = {"0123456789abcdef", head / 128 % 2 * 16},
                          .text = input_take(&rest, head >> 8)};
        SLU_ASSERT(row_block_add(writer, &row) == 0);
    }
    if (row_block_pending_rows(writer) > 0) {
        SLU_ASSERT(row_block_end(writer, &bytes, &filter, &facts) == 0);
        block_put(forging, bytes, filter);
    }
    row_block_writer_destroy(&writer);
}

/* Chunks of numbers and of messages in turn; times may stand still, which no merge relies on. */
static void samples_put(struct forging *forging, struct slu_bytes rest)
{
    struct sample_block_writer *writer = NULL;
    struct slu_bytes bytes;
    SLU_ASSERT(sample_block_writer_create(forging->budget, 1, &writer) == 0);
    for (uint32_t chunk = 0; rest.len > 0;) {
        struct sample samples[8];
        struct sample_message messages[8];
        uint64_t head = input_number(&rest, 1);
        size_t count = 1 + head % 8;
        for (size_t i = 0; i < count; i++) {
            int64_t time_ms = (int64_t)(head / 16 + i);
            samples[i] = (struct sample){time_ms, (double)input_number(&rest, 2)};
            messages[i] = (struct sample_message){time_ms, {"message", head / 16 % 8}};
        }
        int err = head / 8 % 2 == 0 ? sample_block_add(writer, samples, count, &chunk)
                                    : sample_block_add_messages(writer, messages, count, &chunk);
        SLU_ASSERT(err == 0);
    }
    if (sample_block_pending_bytes(writer) > 0) {
        SLU_ASSERT(sample_block_end(writer, &bytes) == 0);
        block_put(forging, bytes, (struct slu_bytes){NULL, 0});
    }
    sample_block_writer_destroy(&writer);
}

static void stream_put(struct forging *forging, struct slu_bytes value)
{
    unsigned char labels[LABELS_BYTES_MAX];
    char text[8];
    size_t len = 0;
    int text_len = snprintf(text, sizeof(text), "%03u", forging->stream_count);
    struct label label = {{"a", 1}, {text, (size_t)text_len}};
    value.len = value.len < VALUE_MAX ? value.len : VALUE_MAX;
    SLU_ASSERT(labels_encode(&label, 1, labels, &len) == 0);
    SLU_ASSERT(part_writer_stream(&forging->writer, (struct slu_bytes){labels, len}, value,
                                  forging->stream_count++) == 0);
}

static void numbers_put(struct forging *forging, struct slu_bytes rest)
{
    unsigned char value[SMALL_VARINTS * VARINT_BYTES_MAX];
    size_t len = 0;
    for (size_t i = 0; i < SMALL_VARINTS && rest.len > 0; i++) {
        len += varint_put(value + len, input_number(&rest, 1));
    }
    stream_put(forging, (struct slu_bytes){value, len});
}

static void thing_put(struct forging *forging, enum thing thing, struct slu_bytes bytes)
{
    switch (thing) {
    case THING_RECORDS:
        if (forging->signal == 0) {
            samples_put(forging, bytes);
        } else {
            rows_put(forging, bytes);
        }
        break;
    case THING_BLOCK:
        block_put(forging, bytes, forging->filter);
        forging->filter = (struct slu_bytes){NULL, 0};
        break;
    case THING_FILTER:
        forging->filter = bytes;
        break;
    case THING_VALUE:
        stream_put(forging, bytes);
        break;
    default:
        numbers_put(forging, bytes);
        break;
    }
}

static void part_forge(struct slu_bytes rest, size_t at, uint32_t signal, struct slu_budget *budget,
                       struct part *part)
{
    struct store_io io = memory_file_io(&files[at]);
    const struct segment_directory directory = {&io, "d"};
    struct forging forging = {.budget = budget, .signal = signal};
    struct part_name name = {.day = 1, .first_sequence = at, .last_sequence = at};
    SLU_ASSERT(part_writer_begin(&forging.writer, &directory, &name, signal, SALT, budget) == 0);
    for (size_t i = 0; i < THINGS_MAX && rest.len > 0; i++) {
        uint64_t what = input_number(&rest, 1);
        size_t len = (size_t)input_number(&rest, 2);
        struct slu_bytes bytes = input_take(&rest, len);
        if (what / THING_COUNT % PIECES == at) {
            thing_put(&forging, (enum thing)(what % THING_COUNT), bytes);
        }
    }
    SLU_ASSERT(part_writer_end(&forging.writer, (struct slu_bytes){NULL, 0}, part) == 0);
}

/* ---- Merging, and reading what came of it. ---- */

static int row_take(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct row_blocks blocks;
    const struct part *part = arg;
    (void)stream;
    SLU_ASSERT(labels_are_right(labels) && row_blocks_read(value, &blocks));
    SLU_ASSERT(blocks.count > 0 && blocks.first + blocks.count <= part->facts.block_count);
    return 0;
}

static void rows_read(struct part *part, struct slu_budget *budget)
{
    struct label_index index = {.section = part->section, .root = part->facts.index};
    struct block directory = {0};
    SLU_ASSERT(label_index_select(&index, NULL, 0, budget, row_take, part) == 0);
    SLU_ASSERT(section_read(&part->section, &part->facts.blocks, budget, &directory) == 0);
    for (size_t at = 0; at + PART_BLOCK_BYTES <= directory.len; at += PART_BLOCK_BYTES) {
        struct part_block place;
        struct block stored = {0};
        struct row_block block;
        part_block_decode((const unsigned char *)directory.data + at, &place);
        SLU_ASSERT(section_read(&part->section, &place.data, budget, &stored) == 0);
        SLU_ASSERT(row_block_open((struct slu_bytes){stored.data, stored.len}, budget,
                                  (1U << ROW_COLUMN_COUNT) - 1, &block) == 0);
        row_block_close(&block);
        block_free(budget, &stored);
    }
    block_free(budget, &directory);
}

static void samples_read(const struct part *part, struct slu_budget *budget)
{
    struct part_samples samples;
    SLU_ASSERT(part_samples_open(&samples, part, NULL, 0, NULL, budget) == 0);
    while (!samples.is_at_end) {
        for (int kind = 0; kind < STORE_SAMPLE_KINDS; kind++) {
            struct sample_gather gather;
            size_t count = 0;
            SLU_ASSERT(sample_gather_init(&gather, budget, INT64_MIN, INT64_MAX) == 0);
            sample_gather_begin(&gather, (enum store_sample_kind)kind);
            SLU_ASSERT(sample_gather_part(&gather, &samples) == 0);
            SLU_ASSERT(sample_gather_sort(&gather, &count) == 0);
            sample_gather_deinit(&gather);
        }
        SLU_ASSERT(part_samples_next(&samples) == 0);
    }
    part_samples_close(&samples);
}

static void merge_check(uint32_t signal, struct part *pieces, struct slu_budget *budget)
{
    struct store_io io = memory_file_io(&files[PIECES]);
    const struct segment_directory directory = {&io, "d"};
    struct part *parts[PIECES];
    struct part out = {.section = {.fd = -1}, .name = {.day = 1, .last_sequence = PIECES}};
    for (size_t i = 0; i < PIECES; i++) {
        parts[i] = &pieces[i];
    }
    struct part_merge merge = {.directory = &directory,
                               .budget = budget,
                               .salt = SALT,
                               .signal = signal,
                               .parts = parts,
                               .part_count = PIECES,
                               .from_ns = 3};
    int err = signal == 0 ? part_merge_samples(&merge, &out) : part_merge_rows(&merge, &out);
    is_done_or_damaged(err);
    if (err == 0) {
        struct part merged = {.section = {.fd = -1}};
        SLU_ASSERT(part_facts_read(&io, 0, &merged.section, &merged.facts) == 0);
        if (signal == 0) {
            samples_read(&merged, budget);
        } else {
            rows_read(&merged, budget);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    struct part pieces[PIECES];
    struct store_io ios[PIECES];
    if (size == 0 || size > INPUT_MAX || slu_budget_create(NULL, "fuzz", BUDGET, &budget) != 0) {
        return 0;
    }
    uint32_t signal = data[0] % 2;
    for (size_t i = 0; i < PIECES; i++) {
        struct part written = {.section = {.fd = -1}};
        ios[i] = memory_file_io(&files[i]);
        part_forge((struct slu_bytes){data + 1, size - 1}, i, signal, budget, &written);
        pieces[i] = (struct part){.section = {.fd = -1}};
        SLU_ASSERT(part_facts_read(&ios[i], 0, &pieces[i].section, &pieces[i].facts) == 0);
    }
    merge_check(signal, pieces, budget);
    slu_budget_destroy(&budget);
    return 0;
}

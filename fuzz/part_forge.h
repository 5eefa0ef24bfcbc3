/*
 * Parts whose checks are right and whose blocks and indexes say anything, for targets that read
 * them.
 *
 * An input is things that are put into one of two parts, each a byte of what it is and two of its
 * length before its bytes: blocks made of rows (of samples, if that is the signal) that the bytes
 * say; blocks as they are; filters of the next block; values of streams as they are, and as varints
 * of a byte each.
 */
#ifndef FUZZ_PART_FORGE_H
#define FUZZ_PART_FORGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/assert.h"
#include "memory_file.h"
#include "store/labels.h"
#include "store/part_writer.h"
#include "store/row_block.h"
#include "store/sample_block.h"
#include "store/varint.h"

#define FORGED_PARTS      2
#define FORGED_SALT       UINT64_C(0x9a27)
#define FORGED_THINGS_MAX 32
#define FORGED_VALUE_MAX  16 /* bytes of a value: each chunk may be of the largest block */
#define FORGED_VARINTS    10

enum thing {
    THING_RECORDS,
    THING_BLOCK,
    THING_FILTER,
    THING_VALUE,
    THING_NUMBERS,
    THING_COUNT
};

struct forging {
    struct part_writer writer;
    struct slu_budget *budget;
    struct slu_bytes filter;
    uint32_t signal;
    uint32_t stream_count;
};

static inline void block_put(struct forging *forging, struct slu_bytes bytes,
                             struct slu_bytes filter)
{
    uint32_t number = 0;
    SLU_ASSERT(part_writer_block(&forging->writer, bytes, filter, 0, 100, &number) == 0);
}

static inline void rows_put(struct forging *forging, struct slu_bytes rest)
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
static inline void samples_put(struct forging *forging, struct slu_bytes rest)
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

static inline void stream_put(struct forging *forging, struct slu_bytes value)
{
    unsigned char labels[LABELS_BYTES_MAX];
    char text[8];
    size_t len = 0;
    int text_len = snprintf(text, sizeof(text), "%03u", forging->stream_count);
    struct label label = {{"a", 1}, {text, (size_t)text_len}};
    value.len = value.len < FORGED_VALUE_MAX ? value.len : FORGED_VALUE_MAX;
    SLU_ASSERT(labels_encode(&label, 1, labels, &len) == 0);
    SLU_ASSERT(part_writer_stream(&forging->writer, (struct slu_bytes){labels, len}, value,
                                  forging->stream_count++) == 0);
}

static inline void numbers_put(struct forging *forging, struct slu_bytes rest)
{
    unsigned char value[FORGED_VARINTS * VARINT_BYTES_MAX];
    size_t len = 0;
    for (size_t i = 0; i < FORGED_VARINTS && rest.len > 0; i++) {
        len += varint_put(value + len, input_number(&rest, 1));
    }
    stream_put(forging, (struct slu_bytes){value, len});
}

static inline void thing_put(struct forging *forging, enum thing thing, struct slu_bytes bytes)
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

/* Write the at-th part of FORGED_PARTS: what the input has for it, with an index and checks. */
static inline void part_forge(struct slu_bytes rest, size_t at, uint32_t signal,
                              const struct segment_directory *directory, struct slu_budget *budget,
                              struct part *part)
{
    struct forging forging = {.budget = budget, .signal = signal};
    struct part_name name = {.day = 1, .first_sequence = at, .last_sequence = at};
    SLU_ASSERT(part_writer_begin(&forging.writer, directory, &name, signal, FORGED_SALT, budget) ==
               0);
    for (size_t i = 0; i < FORGED_THINGS_MAX && rest.len > 0; i++) {
        uint64_t what = input_number(&rest, 1);
        size_t len = (size_t)input_number(&rest, 2);
        struct slu_bytes bytes = input_take(&rest, len);
        if (what / THING_COUNT % FORGED_PARTS == at) {
            thing_put(&forging, (enum thing)(what % THING_COUNT), bytes);
        }
    }
    SLU_ASSERT(part_writer_end(&forging.writer, (struct slu_bytes){NULL, 0}, part) == 0);
}

#endif

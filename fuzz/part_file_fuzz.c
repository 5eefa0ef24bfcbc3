/*
 * Property: a file that is no part is refused, whatever it is; what a part says of its blocks,
 * chunks, keys and metadata may be anything, and is walked within its memory or refused; names that
 * are read are written the same. What was put into a part is found in it. The budget is left as it
 * was.
 *
 * The first byte says what the others are: a file; a name; or the signal's lowest bit and things
 * that are put into a part, each a byte of what it is and two of its length before its bytes:
 * blocks, filters of the next block, keys (a hash of two bytes and a block of four, over and over),
 * values of streams, metadata.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/bytes.h"
#include "memory_file.h"
#include "store/labels.h"
#include "store/metadata.h"
#include "store/part_keys.h"
#include "store/part_samples.h"
#include "store/row_part.h"
#include "store/sample_gather.h"

#define BUDGET     ((uint64_t)256 << 20)
#define SALT       UINT64_C(0x9a27)
#define THINGS_MAX 64
#define INPUT_MAX  ((size_t)1 << 18)
#define TAKEN_MAX  100000 /* samples of one walk: chunks may be told over and over */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory_file file;

static void is_read_or_refused(int err)
{
    SLU_ASSERT(err == 0 || err == -EBADMSG);
}

/* ---- Reading. ---- */

static void chunk_walk(struct part_samples *samples, const struct sample_chunk *chunk,
                       size_t *taken)
{
    struct sample_cursor cursor;
    struct sample sample;
    struct sample_message message;
    int err = part_samples_chunk(samples, chunk, &cursor);
    is_read_or_refused(err);
    while (err == 0 && *taken < TAKEN_MAX) {
        err = cursor.kind == SAMPLE_NUMBERS ? sample_next(&cursor, &sample)
                                            : sample_next_message(&cursor, &message);
        SLU_ASSERT(err == 0 || err == -ENODATA);
        ++*taken;
    }
}

static void series_walk(struct part_samples *samples, size_t *taken)
{
    struct slu_bytes rest = samples->chunks;
    struct sample_chunk chunk;
    SLU_ASSERT(labels_are_right(samples->labels));
    while (*taken < TAKEN_MAX && sample_chunk_next(&rest, &chunk)) {
        chunk_walk(samples, &chunk, taken);
        ++*taken;
    }
}

/* Only of values that are short: each chunk that they tell may be of the largest block. */
static void series_gather(struct part_samples *samples, struct slu_budget *budget)
{
    struct sample_gather gather;
    size_t count = 0;
    if (samples->chunks.len > 64) {
        return;
    }
    SLU_ASSERT(sample_gather_init(&gather, budget, INT64_MIN, INT64_MAX) == 0);
    for (uint32_t kind = 0; kind < STORE_SAMPLE_KINDS; kind++) {
        sample_gather_begin(&gather, (enum store_sample_kind)kind);
        int err = sample_gather_part(&gather, samples);
        is_read_or_refused(err);
        SLU_ASSERT(err != 0 || sample_gather_sort(&gather, &count) == 0);
    }
    sample_gather_deinit(&gather);
}

static void samples_walk(const struct part *part, struct slu_budget *budget)
{
    struct part_samples samples;
    size_t taken = 0;
    int err = part_samples_open(&samples, part, NULL, 0, NULL, budget);
    is_read_or_refused(err);
    if (err != 0) {
        return;
    }
    while (err == 0 && !samples.is_at_end && taken < TAKEN_MAX) {
        series_walk(&samples, &taken);
        series_gather(&samples, budget);
        err = part_samples_next(&samples);
        is_read_or_refused(err);
    }
    part_samples_close(&samples);
}

static void block_walk(const struct part *part, const unsigned char *row, struct slu_budget *budget)
{
    struct part_block place;
    struct block stored = {0};
    struct row_block block;
    part_block_decode(row, &place);
    int err = section_read(&part->section, &place.data, budget, &stored);
    is_read_or_refused(err);
    if (err != 0) {
        return;
    }
    err = row_block_open((struct slu_bytes){stored.data, stored.len}, budget,
                         (1U << ROW_COLUMN_COUNT) - 1, &block);
    is_read_or_refused(err);
    if (err == 0) {
        row_block_close(&block);
    }
    block_free(budget, &stored);
}

static void rows_walk(const struct part *part, struct slu_budget *budget)
{
    struct block directory = {0};
    int err = section_read(&part->section, &part->facts.blocks, budget, &directory);
    is_read_or_refused(err);
    for (size_t at = 0; err == 0 && at + PART_BLOCK_BYTES <= directory.len && at < 4096;
         at += PART_BLOCK_BYTES) {
        block_walk(part, (const unsigned char *)directory.data + at, budget);
    }
    if (err == 0) {
        block_free(budget, &directory);
    }
}

static void keys_walk(const struct part *part, struct slu_budget *budget)
{
    for (uint64_t hash = 0; hash < 300; hash += 37) {
        struct block found = {0};
        is_read_or_refused(part_keys_find(part, hash, budget, &found));
        SLU_ASSERT(found.len % sizeof(uint32_t) == 0);
        block_free(budget, &found);
    }
}

static void metadata_walk_all(const struct part *part, struct slu_budget *budget)
{
    struct metadata metadata;
    struct block bytes = {0};
    int err = section_read(&part->section, &part->facts.metadata, budget, &bytes);
    is_read_or_refused(err);
    if (err != 0) {
        return;
    }
    SLU_ASSERT(metadata_init(&metadata, METADATA_NAMES_MAX, budget) == 0);
    is_read_or_refused(metadata_read(&metadata, (struct slu_bytes){bytes.data, bytes.len}));
    metadata_deinit(&metadata);
    block_free(budget, &bytes);
}

static void part_walk(const struct part *part, struct slu_budget *budget)
{
    samples_walk(part, budget);
    rows_walk(part, budget);
    keys_walk(part, budget);
    metadata_walk_all(part, budget);
}

static int part_recall(const struct store_io *io, struct part *part)
{
    *part = (struct part){.section = {.fd = -1}};
    return part_facts_read(io, 0, &part->section, &part->facts);
}

static void file_check(struct slu_bytes bytes, struct slu_budget *budget)
{
    struct store_io io = memory_file_io(&file);
    struct part part;
    if (bytes.len > MEMORY_FILE_MAX) {
        return;
    }
    memcpy(file.bytes, bytes.data, bytes.len);
    file.len = bytes.len;
    int err = part_recall(&io, &part);
    is_read_or_refused(err);
    if (err == 0) {
        part_walk(&part, budget);
    }
}

static void name_check(struct slu_bytes bytes)
{
    char text[2 * PART_NAME_MAX] = {0};
    char again[PART_NAME_MAX];
    struct part_name name;
    memcpy(text, bytes.data, bytes.len < sizeof(text) - 1 ? bytes.len : sizeof(text) - 1);
    if (part_name_parse(text, &name)) {
        part_name_write(&name, again);
        SLU_ASSERT(strcmp(text, again) == 0);
    }
}

/* ---- Putting. ---- */

enum thing {
    THING_BLOCK,
    THING_FILTER,
    THING_KEYS,
    THING_VALUE,
    THING_METADATA,
    THING_COUNT
};

struct things {
    struct slu_bytes blocks[THINGS_MAX];
    struct slu_bytes filters[THINGS_MAX];
    struct slu_bytes values[THINGS_MAX];
    struct slu_bytes keys[THINGS_MAX];
    struct slu_bytes metadata;
    size_t block_count;
    size_t value_count;
    size_t key_count;
};

static void things_take(struct slu_bytes *rest, struct things *things)
{
    struct slu_bytes filter = {NULL, 0};
    for (size_t i = 0; i < THINGS_MAX && rest->len > 0; i++) {
        uint64_t what = input_number(rest, 1);
        size_t len = (size_t)input_number(rest, 2);
        struct slu_bytes bytes = input_take(rest, len);
        switch (what % THING_COUNT) {
        case THING_BLOCK:
            things->filters[things->block_count] = filter;
            things->blocks[things->block_count++] = bytes;
            filter = (struct slu_bytes){NULL, 0};
            break;
        case THING_FILTER:
            filter = bytes;
            break;
        case THING_KEYS:
            things->keys[things->key_count++] = bytes;
            break;
        case THING_VALUE:
            things->values[things->value_count++] = bytes;
            break;
        default:
            things->metadata = bytes;
            break;
        }
    }
}

static void keys_put(struct part_writer *writer, const struct things *things)
{
    for (size_t i = 0; i < things->key_count; i++) {
        struct slu_bytes rest = things->keys[i];
        while (rest.len > 0) {
            uint64_t hash = input_number(&rest, 2);
            uint32_t block = (uint32_t)input_number(&rest, 4);
            SLU_ASSERT(part_writer_key(writer, hash, block) == 0);
        }
    }
}

static void streams_put(struct part_writer *writer, const struct things *things)
{
    for (size_t i = 0; i < things->value_count; i++) {
        unsigned char labels[LABELS_BYTES_MAX];
        char text[8];
        size_t len = 0;
        int text_len = snprintf(text, sizeof(text), "%03zu", i);
        struct label label = {{"a", 1}, {text, (size_t)text_len}};
        SLU_ASSERT(labels_encode(&label, 1, labels, &len) == 0);
        SLU_ASSERT(
            part_writer_stream(writer, (struct slu_bytes){labels, len}, things->values[i], i) == 0);
    }
}

static void part_put(const struct things *things, const struct segment_directory *directory,
                     uint32_t signal, struct slu_budget *budget, struct part *part)
{
    struct part_writer writer;
    struct part_name name = {.day = 1};
    SLU_ASSERT(part_writer_begin(&writer, directory, &name, signal, SALT, budget) == 0);
    for (size_t i = 0; i < things->block_count; i++) {
        uint32_t number = 0;
        SLU_ASSERT(part_writer_block(&writer, things->blocks[i], things->filters[i], (int64_t)i,
                                     (int64_t)i + 1, &number) == 0);
        SLU_ASSERT(number == i);
    }
    keys_put(&writer, things);
    streams_put(&writer, things);
    SLU_ASSERT(part_writer_end(&writer, things->metadata, part) == 0);
}

struct told {
    const struct things *things;
    size_t count;
};

static int value_told(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct told *told = arg;
    struct row_blocks blocks;
    SLU_ASSERT(stream == told->count && labels_are_right(labels));
    SLU_ASSERT(bytes_equal(value, told->things->values[told->count]));
    SLU_ASSERT(!row_blocks_read(value, &blocks) ||
               (blocks.first <= PART_BLOCK_MAX && blocks.count <= PART_BLOCK_MAX));
    told->count++;
    return 0;
}

static void piece_equal(const struct part *part, const struct piece *piece, struct slu_bytes bytes,
                        struct slu_budget *budget)
{
    struct block read = {0};
    SLU_ASSERT(section_read(&part->section, piece, budget, &read) == 0);
    SLU_ASSERT(bytes_equal((struct slu_bytes){read.data, read.len}, bytes));
    block_free(budget, &read);
}

static void blocks_check(const struct part *part, const struct things *things,
                         struct slu_budget *budget)
{
    struct block directory = {0};
    SLU_ASSERT(section_read(&part->section, &part->facts.blocks, budget, &directory) == 0);
    SLU_ASSERT(directory.len == things->block_count * PART_BLOCK_BYTES);
    for (size_t i = 0; i < things->block_count; i++) {
        struct part_block place;
        part_block_decode((const unsigned char *)directory.data + i * PART_BLOCK_BYTES, &place);
        SLU_ASSERT(place.min_ns == (int64_t)i && place.max_ns == (int64_t)i + 1);
        piece_equal(part, &place.data, things->blocks[i], budget);
        SLU_ASSERT(place.filter.plain_bytes == things->filters[i].len);
    }
    block_free(budget, &directory);
}

/* The first key of each piece is found, in its block. */
static void keys_check(const struct part *part, const struct things *things,
                       struct slu_budget *budget)
{
    for (size_t i = 0; i < things->key_count; i++) {
        struct slu_bytes rest = things->keys[i];
        if (rest.len == 0) {
            continue;
        }
        struct block found = {0};
        uint64_t hash = input_number(&rest, 2);
        uint32_t block = (uint32_t)input_number(&rest, 4);
        bool is_told = false;
        SLU_ASSERT(part_keys_find(part, hash, budget, &found) == 0);
        for (size_t at = 0; at < found.len / sizeof(uint32_t); at++) {
            is_told = is_told || ((const uint32_t *)found.data)[at] == block;
        }
        SLU_ASSERT(is_told);
        block_free(budget, &found);
    }
}

static void things_check(uint32_t signal, struct slu_bytes rest, struct slu_budget *budget)
{
    struct store_io io = memory_file_io(&file);
    struct segment_directory directory = {&io, "d"};
    struct things things = {.block_count = 0};
    struct part written = {.section = {.fd = -1}};
    struct part part;
    things_take(&rest, &things);
    part_put(&things, &directory, signal, budget, &written);
    SLU_ASSERT(part_recall(&io, &part) == 0);
    SLU_ASSERT(part.facts.signal == signal && part.facts.block_count == things.block_count);
    SLU_ASSERT(part.section.size_bytes == written.section.size_bytes);
    struct label_index index = {.section = part.section, .root = part.facts.index};
    struct told told = {.things = &things};
    SLU_ASSERT(label_index_select(&index, NULL, 0, budget, value_told, &told) == 0);
    SLU_ASSERT(told.count == things.value_count);
    blocks_check(&part, &things, budget);
    keys_check(&part, &things, budget);
    part_walk(&part, budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    if (size == 0 || size > INPUT_MAX || slu_budget_create(NULL, "fuzz", BUDGET, &budget) != 0) {
        return 0;
    }
    struct slu_bytes rest = {data + 1, size - 1};
    switch (data[0] % 4) {
    case 0:
        file_check(rest, budget);
        break;
    case 1:
        name_check(rest);
        break;
    default:
        things_check(data[0] % 4 - 2, rest, budget);
        break;
    }
    slu_budget_destroy(&budget);
    return 0;
}

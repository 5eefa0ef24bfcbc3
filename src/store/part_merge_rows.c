#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "store/labels.h"
#include "store/part_merge.h"
#include "store/row_part.h"

#define MERGE_LEVEL 3                     /* of zstd */
#define COPIED_MIN  ((uint32_t)160 << 10) /* stored bytes from which a block is copied as it is */

/* One part, stream after stream. */
struct source {
    const struct part *part;
    struct label_index index;
    struct label_cursor cursor;
    struct block directory;
    struct slu_bytes labels;
    struct row_blocks blocks;
    bool is_at_end;
};

struct row_merging {
    const struct part_merge *merge;
    struct row_part_writer writer;
    struct row_block_reader *reader;
    struct source sources[MERGE_PARTS_MAX];
    uint32_t source_count; /* opened */
    unsigned char labels[LABELS_BYTES_MAX];
    size_t labels_len;
};

static int source_next(struct source *source)
{
    uint32_t stream = 0;
    struct slu_bytes value;
    int err = label_cursor_next(&source->cursor, &stream, &source->labels, &value);
    if (err == -ENODATA) {
        source->is_at_end = true;
        return 0;
    }
    if (err == 0 &&
        (!row_blocks_read(value, &source->blocks) ||
         source->blocks.first + source->blocks.count > source->directory.len / PART_BLOCK_BYTES)) {
        err = -EBADMSG;
    }
    return err;
}

static void source_close(struct source *source, struct slu_budget *budget)
{
    label_cursor_close(&source->cursor);
    block_free(budget, &source->directory);
}

static int source_open(struct source *source, const struct part *part, struct slu_budget *budget)
{
    *source = (struct source){.part = part, .index = part_index(part)};
    int err = label_cursor_open(&source->cursor, &source->index, NULL, 0, budget);
    if (err != 0) {
        return err;
    }
    err = section_read(&part->section, &part->facts.blocks, budget, &source->directory);
    err = err != 0 ? err : source_next(source);
    if (err != 0) {
        source_close(source, budget);
    }
    return err;
}

static int rows_copy(struct row_merging *merging, struct slu_bytes stored)
{
    struct row_block block;
    int err = row_block_read(merging->reader, stored, (1U << ROW_COLUMN_COUNT) - 1, &block);
    for (uint32_t i = 0; err == 0 && i < block.row_count; i++) {
        struct row row = row_block_row(&block, i);
        if (row.time_ns >= merging->merge->from_ns) {
            err = row_part_add(&merging->writer, &row);
        }
    }
    return err;
}

/* A block that is large enough goes as it is, with its filter; its keys are noted again. */
static int block_copy(struct row_merging *merging, const struct part *part,
                      const struct part_block *place, struct slu_bytes stored)
{
    struct row_block block;
    struct block filter = {0};
    struct slu_budget *budget = merging->merge->budget;
    int err = row_block_read(merging->reader, stored, 1U << ROW_KEY | 1U << ROW_TIME, &block);
    if (err == 0 && place->filter.plain_bytes > 0) {
        err = section_read(&part->section, &place->filter, budget, &filter);
    }
    if (err == 0) {
        err = row_part_copy(&merging->writer, stored, (struct slu_bytes){filter.data, filter.len},
                            place, &block);
    }
    block_free(budget, &filter);
    return err;
}

static int block_merge(struct row_merging *merging, const struct source *source, uint32_t number)
{
    struct part_block place;
    struct block stored = {0};
    struct slu_budget *budget = merging->merge->budget;
    part_block_decode((const unsigned char *)source->directory.data + number * PART_BLOCK_BYTES,
                      &place);
    if (place.max_ns < merging->merge->from_ns) {
        return 0;
    }
    int err = section_read(&source->part->section, &place.data, budget, &stored);
    if (err == 0) {
        struct slu_bytes bytes = {stored.data, stored.len};
        bool is_large = stored.len >= COPIED_MIN && place.min_ns >= merging->merge->from_ns;
        err =
            is_large ? block_copy(merging, source->part, &place, bytes) : rows_copy(merging, bytes);
        block_free(budget, &stored);
    }
    return err;
}

static bool labels_next_of_all(struct row_merging *merging)
{
    struct slu_bytes lowest = {NULL, 0};
    bool is_found = false;
    for (uint32_t i = 0; i < merging->source_count; i++) {
        const struct source *source = &merging->sources[i];
        if (!source->is_at_end && (!is_found || labels_compare(source->labels, lowest) < 0)) {
            lowest = source->labels;
            is_found = true;
        }
    }
    if (is_found) {
        memcpy(merging->labels, lowest.data, lowest.len);
        merging->labels_len = lowest.len;
    }
    return is_found;
}

static int stream_merge(struct row_merging *merging)
{
    struct slu_bytes labels = {merging->labels, merging->labels_len};
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < merging->source_count; i++) {
        struct source *source = &merging->sources[i];
        if (source->is_at_end || labels_compare(source->labels, labels) != 0) {
            continue;
        }
        for (uint32_t at = 0; err == 0 && at < source->blocks.count; at++) {
            err = block_merge(merging, source, source->blocks.first + at);
        }
        err = err != 0 ? err : source_next(source);
    }
    return err != 0 ? err : row_part_stream(&merging->writer, labels);
}

static int merging_run(struct row_merging *merging, struct part *out)
{
    const struct part_merge *merge = merging->merge;
    int err = row_part_begin(&merging->writer, merge->directory, &out->name, merge->signal,
                             MERGE_LEVEL, merge->salt, merge->budget);
    if (err != 0) {
        return err;
    }
    while (err == 0 && labels_next_of_all(merging)) {
        err = merge->scope != NULL ? slu_scope_error(merge->scope) : 0;
        err = err != 0 ? err : stream_merge(merging);
    }
    if (err != 0) {
        row_part_abort(&merging->writer);
        return err;
    }
    return row_part_end(&merging->writer, out);
}

int part_merge_rows(const struct part_merge *merge, struct part *out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(merge->budget, sizeof(struct row_merging), &memory);
    if (err != 0) {
        return err;
    }
    struct row_merging *merging = memory;
    *merging = (struct row_merging){.merge = merge};
    err = row_block_reader_create(merge->budget, &merging->reader);
    for (uint32_t i = 0; err == 0 && i < merge->part_count; i++) {
        err = source_open(&merging->sources[i], merge->parts[i], merge->budget);
        merging->source_count += err == 0;
    }
    err = err != 0 ? err : merging_run(merging, out);
    for (uint32_t i = 0; i < merging->source_count; i++) {
        source_close(&merging->sources[i], merge->budget);
    }
    row_block_reader_destroy(&merging->reader);
    slu_budget_free(merge->budget, merging, sizeof(*merging));
    return err;
}

/*
 * Rows of parts and of the head. The blocks that may have something wanted are listed from the
 * indexes, a few dozen bytes each, and put in the order of time; then they are read one after
 * another: first the columns that decide, then, where a row is wanted, the rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "store/labels.h"
#include "store/part_keys.h"
#include "store/row_match.h"
#include "store/row_part.h"
#include "store/shelf_view.h"
#include "store/store_state.h"
#include "store/token_filter.h"

#define FIRST_BYTES ((size_t)4096)
#define WORD_BITS   64

/* A block that is to be read. */
struct block_ref {
    struct part_block place;
    uint32_t part;
    uint32_t labels_len;
    size_t labels_at;
};

struct row_reading {
    struct store_row_query *query;
    struct slu_budget *budget;
    struct shelf_view view;
    struct row_match match;
    struct block refs;
    struct block labels;
    struct row_block_reader *reader;
    store_row_fn *visit;
    void *arg;

    /* While a part's blocks are listed. */
    uint32_t part;
    struct block directory;
    struct block wanted; /* numbers of blocks that have the key */
    bool has_wanted;

    /* While the head is walked. */
    const struct row_stream *stream; /* that was asked for last */
    bool takes_stream;
    uint32_t entry_count;

    uint64_t bits[ROW_BLOCK_ROWS_MAX / WORD_BITS + 1];
};

static bool is_within(const struct store_row_query *query, int64_t min_ns, int64_t max_ns)
{
    return max_ns >= query->query.from_ns && min_ns <= query->query.to_ns;
}

static bool is_wanted(const struct row_reading *reading, uint32_t number)
{
    const uint32_t *numbers = reading->wanted.data;
    size_t count = reading->wanted.len / sizeof(uint32_t);
    for (size_t i = 0; reading->has_wanted && i < count; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return !reading->has_wanted;
}

/* List the blocks of a stream. */
static int stream_list(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct row_reading *reading = arg;
    struct row_blocks blocks;
    size_t labels_at = reading->labels.len;
    bool has_labels = false;
    int err = store_query_check(&reading->query->query);
    (void)stream;
    if (err != 0) {
        return err;
    }
    if (!row_blocks_read(value, &blocks) ||
        blocks.first + blocks.count > reading->directory.len / PART_BLOCK_BYTES) {
        return -EBADMSG;
    }
    for (uint32_t i = blocks.first; err == 0 && i < blocks.first + blocks.count; i++) {
        struct block_ref ref = {
            .part = reading->part, .labels_at = labels_at, .labels_len = (uint32_t)labels.len};
        part_block_decode((const unsigned char *)reading->directory.data + i * PART_BLOCK_BYTES,
                          &ref.place);
        if (!is_within(reading->query, ref.place.min_ns, ref.place.max_ns) ||
            !is_wanted(reading, i)) {
            continue;
        }
        if (!has_labels && labels.len > 0) {
            err = block_append(reading->budget, &reading->labels, labels.data, labels.len);
        }
        has_labels = true;
        err = err != 0 ? err : block_append(reading->budget, &reading->refs, &ref, sizeof(ref));
    }
    return err;
}

static int part_list(struct row_reading *reading, uint32_t at)
{
    const struct part *part = shelf_view_part(&reading->view, at);
    const struct store_query *query = &reading->query->query;
    struct label_index index = part_index(part);
    int err = 0;
    reading->part = at;
    reading->has_wanted = reading->query->key.len > 0;
    if (reading->has_wanted) {
        err = part_keys_find(part, row_key_hash(reading->query->key), reading->budget,
                             &reading->wanted);
    }
    if (err == 0 && (!reading->has_wanted || reading->wanted.len > 0)) {
        err =
            section_read(&part->section, &part->facts.blocks, reading->budget, &reading->directory);
        if (err == 0) {
            err = label_index_select(&index, query->matchers, query->matcher_count, reading->budget,
                                     stream_list, reading);
        }
    }
    block_free(reading->budget, &reading->directory);
    block_free(reading->budget, &reading->wanted);
    reading->directory = (struct block){0};
    reading->wanted = (struct block){0};
    return err;
}

static int oldest_first(const void *left, const void *right)
{
    const struct block_ref *first = left;
    const struct block_ref *second = right;
    return (first->place.min_ns > second->place.min_ns) -
           (first->place.min_ns < second->place.min_ns);
}

static int newest_first(const void *left, const void *right)
{
    const struct block_ref *first = left;
    const struct block_ref *second = right;
    return (first->place.max_ns < second->place.max_ns) -
           (first->place.max_ns > second->place.max_ns);
}

/* Whether the block's filter lets all words pass. */
static int filter_ask(const struct row_reading *reading, const struct part *part,
                      const struct piece *filter, bool *may_have)
{
    unsigned char line[TOKEN_FILTER_LINE_BYTES];
    int err = 0;
    *may_have = true;
    for (size_t i = 0;
         err == 0 && *may_have && filter->plain_bytes > 0 && i < reading->match.word_count; i++) {
        uint64_t hash = reading->match.words[i];
        err = section_peek(&part->section, filter, token_filter_line(filter->plain_bytes, hash),
                           line, sizeof(line));
        *may_have = err == 0 && token_line_has(line, hash);
    }
    return err;
}

static void scanned_note(struct row_reading *reading, const struct row_block *block)
{
    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        if (block->ends[i] != NULL && block->row_count > 0) {
            reading->query->scanned_bytes += block->ends[i][block->row_count - 1];
        }
    }
    reading->query->scanned_bytes += block->row_count * sizeof(int64_t);
}

static int rows_visit(struct row_reading *reading, struct slu_bytes labels,
                      const struct row_block *block)
{
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < block->row_count; i++) {
        uint32_t at = reading->query->is_backward ? block->row_count - 1 - i : i;
        if ((reading->bits[at / WORD_BITS] >> (at % WORD_BITS) & 1) != 0) {
            struct row row = row_block_row(block, at);
            err = reading->visit(reading->arg, labels, &row);
        }
    }
    return err;
}

static int block_visit(struct row_reading *reading, const struct block_ref *ref,
                       struct slu_bytes stored)
{
    struct slu_bytes labels = {(const char *)reading->labels.data + ref->labels_at,
                               ref->labels_len};
    struct row_block block;
    uint32_t deciding = row_match_columns(&reading->match);
    uint32_t wanted = deciding | reading->query->columns;
    bool is_searched = deciding != 1U << ROW_TIME;
    uint32_t first = is_searched ? deciding : wanted;
    int err = row_block_read(reading->reader, stored, first, &block);
    if (err != 0) {
        return err;
    }
    scanned_note(reading, &block);
    if (row_match_mark(&reading->match, &block, reading->bits) == 0) {
        return 0;
    }
    if (first != wanted) {
        err = row_block_read(reading->reader, stored, wanted, &block);
    }
    return err != 0 ? err : rows_visit(reading, labels, &block);
}

static int ref_read(struct row_reading *reading, const struct block_ref *ref)
{
    const struct part *part = shelf_view_part(&reading->view, ref->part);
    struct block stored = {0};
    bool may_have = true;
    if (!is_within(reading->query, ref->place.min_ns, ref->place.max_ns)) {
        return 0; /* the query was narrowed */
    }
    int err = filter_ask(reading, part, &ref->place.filter, &may_have);
    if (err != 0 || !may_have) {
        return err;
    }
    err = section_read(&part->section, &ref->place.data, reading->budget, &stored);
    if (err == 0) {
        err = block_visit(reading, ref, (struct slu_bytes){stored.data, stored.len});
        block_free(reading->budget, &stored);
    }
    return err;
}

static int refs_read(struct row_reading *reading)
{
    struct block_ref *refs = reading->refs.data;
    size_t count = reading->refs.len / sizeof(refs[0]);
    int err = 0;
    qsort(refs, count, sizeof(refs[0]), reading->query->is_backward ? newest_first : oldest_first);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = store_query_check(&reading->query->query);
        err = err != 0 ? err : ref_read(reading, &refs[i]);
        err = shelf_view_forgive(&reading->view, shelf_view_part(&reading->view, refs[i].part),
                                 &reading->query->query, err);
    }
    return err;
}

static int entry_visit(void *arg, const struct row_entry *entry)
{
    struct row_reading *reading = arg;
    const struct store_query *query = &reading->query->query;
    int err = store_query_check_row(query, &reading->entry_count);
    if (err != 0) {
        return err;
    }
    if (entry->time_ns < query->from_ns || entry->time_ns > query->to_ns) {
        return 0;
    }
    if (entry->stream != reading->stream) {
        reading->stream = entry->stream;
        reading->takes_stream =
            matchers_take(query->matchers, query->matcher_count, entry->stream->labels);
    }
    struct row row = row_entry_row(entry);
    if (!reading->takes_stream || !row_match_takes(&reading->match, &row)) {
        return 0;
    }
    reading->query->scanned_bytes += row.text.len;
    return reading->visit(reading->arg, entry->stream->labels, &row);
}

static int head_read(struct row_reading *reading)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < 2; i++) {
        size_t at = reading->query->is_backward ? i : 1 - i;
        if (reading->view.generations[at] != NULL) {
            err = row_generation_walk(reading->view.generations[at], (struct row_mark){0},
                                      reading->view.marks[at], entry_visit, reading);
        }
    }
    return err;
}

static int reading_run(struct row_reading *reading)
{
    bool is_backward = reading->query->is_backward;
    int err = block_begin(reading->budget, FIRST_BYTES, &reading->refs);
    err = err != 0 ? err : block_begin(reading->budget, FIRST_BYTES, &reading->labels);
    err = err != 0 ? err : row_block_reader_create(reading->budget, &reading->reader);
    for (uint32_t i = 0; err == 0 && i < reading->view.part_count; i++) {
        err = shelf_view_forgive(&reading->view, shelf_view_part(&reading->view, i),
                                 &reading->query->query, part_list(reading, i));
    }
    if (err == 0 && is_backward) {
        err = head_read(reading);
    }
    err = err != 0 ? err : refs_read(reading);
    if (err == 0 && !is_backward) {
        err = head_read(reading);
    }
    return err;
}

int store_rows(struct store *store, enum store_signal signal, struct store_row_query *query,
               store_row_fn *visit, void *arg)
{
    void *memory = NULL;
    struct slu_budget *budget = query->query.budget;
    int err = slu_budget_alloc(budget, sizeof(struct row_reading), &memory);
    if (err != 0) {
        return err;
    }
    struct row_reading *reading = memory;
    *reading = (struct row_reading){.query = query, .budget = budget, .visit = visit, .arg = arg};
    row_match_init(&reading->match, query);
    err = shelf_view_open(&reading->view, &store->shelves[signal], &query->query);
    if (err == 0) {
        shelf_view_copied(&reading->view); /* the generations are kept */
        err = reading_run(reading);
        row_block_reader_destroy(&reading->reader);
        block_free(budget, &reading->labels);
        block_free(budget, &reading->refs);
        shelf_view_close(&reading->view);
    }
    slu_budget_free(budget, reading, sizeof(*reading));
    return err;
}

/*
 * Rows wait as plain columns; all else (the compressor, the set of words, what it hands out) is
 * there from the end of a block to the next call alone: there may be a writer for each of thousands
 * of streams.
 */
#include "store/row_block.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "store/little_endian.h"
#include "store/row_block_column.h"
#include "store/row_block_pattern.h"
#include "store/token_filter.h"

#define FIRST_BYTES ((size_t)1024)
#define ROW_FIXED   ((size_t)16) /* plain bytes of a row's numbers */
#define SCOPE_SLOTS 512
#define SCOPES_MAX  256 /* that are recognised; later ones stand in the block each time */

/* Values end to end, and where each ends. */
struct waiting {
    struct block bytes;
    struct block ends; /* uint32_t */
};

struct row_block_writer {
    struct slu_budget *budget;
    int level;
    struct block times;     /* int64_t */
    struct block durations; /* int64_t */
    struct block scope_ids; /* uint32_t: which of the different scopes a row has */
    struct waiting columns[ROW_COLUMN_COUNT]; /* of the scope: the different ones */
    uint16_t scope_slots[SCOPE_SLOTS];        /* a scope's number plus one, by its hash */
    struct row_block_facts facts;
    struct block output;
    struct token_set *words;
};

int row_block_writer_create(struct slu_budget *budget, int level, struct row_block_writer **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct row_block_writer), &memory);
    if (err != 0) {
        return err;
    }
    struct row_block_writer *writer = memory;
    writer->budget = budget;
    writer->level = level;
    *out = writer;
    return 0;
}

/* What the last row_block_end has handed out. */
static void handed_out_free(struct row_block_writer *writer)
{
    block_free(writer->budget, &writer->output);
    token_set_destroy(&writer->words);
}

void row_block_writer_destroy(struct row_block_writer **writer)
{
    struct row_block_writer *old = *writer;
    *writer = NULL;
    if (old == NULL) {
        return;
    }
    struct slu_budget *budget = old->budget;
    handed_out_free(old);
    block_free(budget, &old->times);
    block_free(budget, &old->durations);
    block_free(budget, &old->scope_ids);
    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        block_free(budget, &old->columns[i].bytes);
        block_free(budget, &old->columns[i].ends);
    }
    slu_budget_free(budget, old, sizeof(*old));
}

size_t row_block_pending_rows(const struct row_block_writer *writer)
{
    return writer->facts.row_count;
}

size_t row_block_pending_bytes(const struct row_block_writer *writer)
{
    return writer->facts.plain_bytes;
}

static int reserve(struct slu_budget *budget, struct block *block, size_t len)
{
    int err = 0;
    if (block->size_bytes == 0) {
        err = block_begin(budget, len < FIRST_BYTES ? FIRST_BYTES : len, block);
    }
    while (err == 0 && block->size_bytes - block->len < len) {
        err = block_grow(budget, block, SIZE_MAX / 2);
    }
    return err;
}

static void put(struct block *block, const void *bytes, size_t len)
{
    if (len > 0) {
        memcpy((unsigned char *)block->data + block->len, bytes, len);
        block->len += len;
    }
}

static int waiting_reserve(struct slu_budget *budget, struct waiting *waiting, size_t len)
{
    int err = reserve(budget, &waiting->bytes, len);
    return err == 0 ? reserve(budget, &waiting->ends, sizeof(uint32_t)) : err;
}

static void waiting_put(struct waiting *waiting, struct slu_bytes value)
{
    put(&waiting->bytes, value.data, value.len);
    uint32_t end = (uint32_t)waiting->bytes.len;
    put(&waiting->ends, &end, sizeof(end));
}

static size_t waiting_count(const struct waiting *waiting)
{
    return waiting->ends.len / sizeof(uint32_t);
}

static struct slu_bytes waiting_value(const struct waiting *waiting, size_t index)
{
    const uint32_t *ends = waiting->ends.data;
    size_t begin = index == 0 ? 0 : ends[index - 1];
    return (struct slu_bytes){(const unsigned char *)waiting->bytes.data + begin,
                              ends[index] - begin};
}

static uint32_t scope_put(struct row_block_writer *writer, struct slu_bytes scope)
{
    struct waiting *scopes = &writer->columns[ROW_SCOPE];
    size_t count = waiting_count(scopes);
    size_t at = (size_t)(hash_bytes(scope, 0) % SCOPE_SLOTS);
    for (; writer->scope_slots[at] != 0; at = (at + 1) % SCOPE_SLOTS) {
        uint32_t known = writer->scope_slots[at] - 1u;
        if (bytes_equal(waiting_value(scopes, known), scope)) {
            return known;
        }
    }
    if (count < SCOPES_MAX) {
        writer->scope_slots[at] = (uint16_t)(count + 1);
    }
    waiting_put(scopes, scope);
    return (uint32_t)count;
}

/* Mostly that of the row before. */
static uint32_t scope_id(struct row_block_writer *writer, struct slu_bytes scope)
{
    size_t count = writer->facts.row_count;
    if (count > 0) {
        uint32_t last = ((const uint32_t *)writer->scope_ids.data)[count - 1];
        if (bytes_equal(waiting_value(&writer->columns[ROW_SCOPE], last), scope)) {
            return last;
        }
    }
    return scope_put(writer, scope);
}

static int row_reserve(struct row_block_writer *writer, const struct row *row)
{
    struct slu_budget *budget = writer->budget;
    struct waiting *columns = writer->columns;
    int err = reserve(budget, &writer->times, sizeof(int64_t));
    err = err == 0 ? reserve(budget, &writer->durations, sizeof(int64_t)) : err;
    err = err == 0 ? reserve(budget, &writer->scope_ids, sizeof(uint32_t)) : err;
    err = err == 0 ? waiting_reserve(budget, &columns[ROW_KEY], row->key.len) : err;
    err = err == 0 ? waiting_reserve(budget, &columns[ROW_TEXT], row->text.len) : err;
    err = err == 0 ? waiting_reserve(budget, &columns[ROW_SCOPE], row->scope.len) : err;
    return err == 0 ? waiting_reserve(budget, &columns[ROW_REST], row->rest.len) : err;
}

static void row_put(struct row_block_writer *writer, const struct row *row)
{
    uint32_t scope = scope_id(writer, row->scope);
    put(&writer->times, &row->time_ns, sizeof(row->time_ns));
    put(&writer->durations, &row->duration_ns, sizeof(row->duration_ns));
    put(&writer->scope_ids, &scope, sizeof(scope));
    waiting_put(&writer->columns[ROW_KEY], row->key);
    waiting_put(&writer->columns[ROW_TEXT], row->text);
    waiting_put(&writer->columns[ROW_REST], row->rest);
}

static void facts_add(struct row_block_facts *facts, int64_t time_ns, size_t plain_bytes)
{
    bool is_first = facts->row_count == 0;
    facts->time_min_ns = is_first || time_ns < facts->time_min_ns ? time_ns : facts->time_min_ns;
    facts->time_max_ns = is_first || time_ns > facts->time_max_ns ? time_ns : facts->time_max_ns;
    facts->plain_bytes += (uint32_t)plain_bytes;
    facts->row_count++;
}

static bool row_bytes(const struct row *row, size_t *sum)
{
    const size_t lens[] = {row->key.len, row->text.len, row->scope.len, row->rest.len};
    *sum = 0;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        if (lens[i] > ROW_BLOCK_BYTES_MAX / 2 - *sum) {
            return false;
        }
        *sum += lens[i];
    }
    return true;
}

int row_block_add(struct row_block_writer *writer, const struct row *row)
{
    size_t bytes = 0;
    handed_out_free(writer);
    if (!row_bytes(row, &bytes)) {
        return -E2BIG;
    }
    bytes += ROW_FIXED;
    if (writer->facts.row_count == ROW_BLOCK_ROWS_MAX ||
        bytes > ROW_BLOCK_BYTES_MAX - writer->facts.plain_bytes) {
        return -ENOBUFS;
    }
    int err = row_reserve(writer, row);
    if (err == 0) {
        row_put(writer, row);
        facts_add(&writer->facts, row->time_ns, bytes);
    }
    return err;
}

/* Clocks tick in nanoseconds, or in much larger steps: whole ones are counted in those. */
static uint64_t unit_of(const uint64_t *numbers, size_t count)
{
    static const int64_t units[] = {1000000000, 1000000, 1000};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t k = 0;
        while (k < count && (int64_t)numbers[k] % units[i] == 0) {
            k++;
        }
        if (k == count) {
            return (uint64_t)units[i];
        }
    }
    return 1;
}

static int pack_signed(struct column_packer *packer, const struct block *values, bool is_delta)
{
    const int64_t *at = values->data;
    size_t count = values->len / sizeof(int64_t);
    uint64_t base = is_delta && count > 0 ? (uint64_t)at[0] : 0;
    uint64_t last = base;
    unsigned char header[16];
    for (size_t i = 0; i < count; i++) {
        packer->numbers[i] = (uint64_t)at[i] - last;
        last = is_delta ? (uint64_t)at[i] : 0;
    }
    uint64_t unit = unit_of(packer->numbers, count);
    for (size_t i = 0; i < count; i++) {
        int64_t step = (int64_t)packer->numbers[i] / (int64_t)unit;
        packer->numbers[i] = (uint64_t)step << 1 ^ (step < 0 ? UINT64_MAX : 0);
    }
    put_64(header, base);
    put_64(header + 8, unit);
    int err = pack_bytes(packer, header, sizeof(header));
    return err == 0 ? pack_numbers(packer, count) : err;
}

static int pack_size(struct column_packer *packer, size_t size)
{
    unsigned char bytes[4];
    put_32(bytes, (uint32_t)size);
    return pack_bytes(packer, bytes, sizeof(bytes));
}

static struct slu_bytes waiting_all(const struct waiting *waiting)
{
    return (struct slu_bytes){waiting->bytes.data, waiting->bytes.len};
}

/* Lengths, and values end to end. */
static int pack_plainly(struct column_packer *packer, const struct waiting *waiting)
{
    const uint32_t *ends = waiting->ends.data;
    size_t count = waiting_count(waiting);
    uint32_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        packer->numbers[i] = ends[i] - begin;
        begin = ends[i];
    }
    int err = pack_numbers(packer, count);
    return err == 0 ? pack_piece(packer, waiting_all(waiting)) : err;
}

static int pack_values(struct column_packer *packer, const struct waiting *waiting)
{
    int err = pack_size(packer, waiting->bytes.len);
    return err == 0 ? pack_plainly(packer, waiting) : err;
}

/* A zero byte is what patterns know no text to have. */
static int pack_texts(struct column_packer *packer, const struct waiting *waiting)
{
    size_t len = waiting->bytes.len;
    bool has_patterns = len > 0 && memchr(waiting->bytes.data, 0, len) == NULL;
    unsigned char method = has_patterns ? TEXTS_IN_PATTERNS : TEXTS_PLAINLY;
    int err = pack_size(packer, len);
    err = err == 0 ? pack_bytes(packer, &method, 1) : err;
    if (err != 0) {
        return err;
    }
    return has_patterns ? pack_patterns(packer, waiting->bytes.data, waiting->ends.data,
                                        waiting_count(waiting))
                        : pack_plainly(packer, waiting);
}

static int pack_scopes(struct column_packer *packer, const struct row_block_writer *writer)
{
    const struct waiting *scopes = &writer->columns[ROW_SCOPE];
    const uint32_t *ids = writer->scope_ids.data;
    size_t bytes = 0;
    for (size_t i = 0; i < writer->facts.row_count; i++) {
        packer->numbers[i] = ids[i];
        bytes += waiting_value(scopes, ids[i]).len;
    }
    int err = pack_size(packer, bytes);
    err = err == 0 ? pack_size(packer, waiting_count(scopes)) : err;
    err = err == 0 ? pack_numbers(packer, writer->facts.row_count) : err;
    return err == 0 ? pack_values(packer, scopes) : err;
}

static int pack_column(struct column_packer *packer, const struct row_block_writer *writer,
                       enum row_column column)
{
    switch (column) {
    case ROW_TIME:
        return pack_signed(packer, &writer->times, true);
    case ROW_DURATION:
        return pack_signed(packer, &writer->durations, false);
    case ROW_TEXT:
        return pack_texts(packer, &writer->columns[ROW_TEXT]);
    case ROW_SCOPE:
        return pack_scopes(packer, writer);
    default:
        return pack_values(packer, &writer->columns[column]);
    }
}

static int pack_all(struct column_packer *packer, const struct row_block_writer *writer)
{
    unsigned char header[ROW_BLOCK_HEADER_BYTES];
    put_32(header, ROW_BLOCK_MAGIC);
    put_32(header + 4, writer->facts.row_count);
    int err = pack_bytes(packer, header, sizeof(header));
    for (unsigned i = 0; err == 0 && i < ROW_COLUMN_COUNT; i++) {
        size_t begin = packer->output.len;
        err = pack_column(packer, writer, (enum row_column)i);
        put_32(header + 8 + 4 * (size_t)i, (uint32_t)(packer->output.len - begin));
    }
    if (err == 0) {
        memcpy(packer->output.data, header, sizeof(header));
    }
    return err;
}

static int block_pack(const struct row_block_writer *writer, struct block *output)
{
    struct column_packer packer;
    size_t longest = 0;
    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        size_t len = writer->columns[i].bytes.len;
        longest = len > longest ? len : longest;
    }
    longest += writer->facts.row_count; /* variables have zeros behind them */
    int err = column_packer_init(&packer, writer->budget, writer->level, writer->facts.row_count,
                                 longest);
    if (err != 0) {
        return err;
    }
    err = pack_all(&packer, writer);
    if (err == 0) {
        *output = packer.output;
        packer.output = (struct block){0};
    }
    column_packer_deinit(&packer);
    return err;
}

static void rows_forget(struct row_block_writer *writer)
{
    writer->times.len = 0;
    writer->durations.len = 0;
    writer->scope_ids.len = 0;
    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        writer->columns[i].bytes.len = 0;
        writer->columns[i].ends.len = 0;
    }
    memset(writer->scope_slots, 0, sizeof(writer->scope_slots));
    writer->facts = (struct row_block_facts){0};
}

int row_block_end(struct row_block_writer *writer, struct slu_bytes *bytes,
                  struct slu_bytes *filter, struct row_block_facts *facts)
{
    handed_out_free(writer);
    int err = block_pack(writer, &writer->output);
    err = err == 0 ? token_set_create(writer->budget, &writer->words) : err;
    if (err != 0) {
        handed_out_free(writer);
        return err;
    }
    const struct waiting *texts = &writer->columns[ROW_TEXT];
    for (size_t i = 0; i < writer->facts.row_count; i++) {
        token_set_add_words(writer->words, waiting_value(texts, i));
    }
    *bytes = (struct slu_bytes){writer->output.data, writer->output.len};
    *filter = token_set_filter(writer->words);
    *facts = writer->facts;
    rows_forget(writer);
    return 0;
}

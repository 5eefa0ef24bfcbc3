/*
 * A block, little endian, no padding:
 *
 *     offset  bytes  what
 *          0      4  magic "SRB1"
 *          4      4  row count, up to 65536
 *          8   6 x 4  bytes of each column
 *         32      -  columns: time, duration, key, text, scope, rest
 *
 * Times and durations:
 *
 *          0      8  base
 *          8      8  unit
 *         16      -  numbers: zigzag of (time - time before) / unit, where the base is before the
 *                    first; of durations, zigzag of duration / unit
 *
 * Keys, rests:
 *
 *          0      4  bytes of all values
 *          4      -  numbers: the length of each
 *          -      -  a piece: the values, end to end
 *
 * Texts:
 *
 *          0      4  bytes of all texts
 *          4      1  method: 0, as keys from here on; 1, patterns
 *
 *          5      4  count of patterns; the one of number 0 is not among them
 *          9      4  bytes of the patterns
 *         13      4  bytes of the variables
 *         17      -  numbers: the length of each pattern
 *          -      -  a piece: the patterns, end to end, a zero where a variable stands
 *          -      -  numbers: the bytes of each place's variables
 *          -      -  numbers: the pattern of each row; 0: the text is one variable
 *          -      -  a piece: the variables, by place and row, each with a zero behind it
 *
 * Scopes:
 *
 *          0      4  bytes of all rows' scopes
 *          4      4  count of different ones
 *          8      -  numbers: which of them each row has
 *          -      -  the different ones, as keys are
 *
 * Numbers, of a count that is known: a byte, how many bytes wide they are; for each of these, from
 * the lowest on, a piece of that byte of all numbers.
 *
 * A piece, of a size that is known: 4 bytes, of which the highest two bits are the method and the
 * others the size that follows.
 *
 *     0  the bytes as they are
 *     1  nothing follows: all bytes are equal, to the one that stands in place of the size
 *     2  a frame of zstd
 */
#include "store/row_block.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/layout.h"
#include "store/little_endian.h"
#include "store/row_block_column.h"
#include "store/row_block_pattern.h"

#define ALL_COLUMNS ((1u << ROW_COLUMN_COUNT) - 1)

struct row_block_reader {
    struct column_unpacker unpacker;
    struct block rows;
};

struct directory {
    uint32_t row_count;
    struct slu_bytes columns[ROW_COLUMN_COUNT];
};

static int directory_read(struct slu_bytes bytes, struct directory *directory)
{
    const unsigned char *at = bytes.data;
    if (bytes.len < ROW_BLOCK_HEADER_BYTES || get_32(at) != ROW_BLOCK_MAGIC) {
        return -EBADMSG;
    }
    directory->row_count = get_32(at + 4);
    size_t offset = ROW_BLOCK_HEADER_BYTES;
    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        size_t len = get_32(at + 8 + 4 * i);
        if (len > bytes.len - offset) {
            return -EBADMSG;
        }
        directory->columns[i] = (struct slu_bytes){at + offset, len};
        offset += len;
    }
    bool is_right = offset == bytes.len && directory->row_count <= ROW_BLOCK_ROWS_MAX;
    return is_right ? 0 : -EBADMSG;
}

/* Where the parts of the memory are to lie. */
struct plan {
    struct layout layout;
    size_t numbers_at[2];
    size_t ends_at[ROW_COLUMN_COUNT];
    size_t bytes_at[ROW_COLUMN_COUNT];
    size_t lens[ROW_COLUMN_COUNT];
};

static int plan_values(const struct directory *directory, size_t column, size_t *sum,
                       struct plan *plan)
{
    struct slu_bytes stored = directory->columns[column];
    if (stored.len < sizeof(uint32_t)) {
        return -EBADMSG;
    }
    size_t len = get_32(stored.data);
    if (len > ROW_BLOCK_BYTES_MAX - *sum) {
        return -EBADMSG;
    }
    *sum += len;
    plan->lens[column] = len;
    plan->ends_at[column] = layout_add(&plan->layout, directory->row_count, sizeof(uint32_t), 64);
    plan->bytes_at[column] = layout_add(&plan->layout, len + PATTERN_SLACK, 1, 64);
    return 0;
}

static int plan_make(const struct directory *directory, uint32_t columns, struct plan *plan)
{
    size_t sum = 0;
    int err = 0;
    *plan = (struct plan){0};
    for (size_t i = 0; i < ROW_COLUMN_COUNT && err == 0; i++) {
        if ((columns & 1u << i) == 0) {
            continue;
        }
        if (i == ROW_TIME || i == ROW_DURATION) {
            plan->numbers_at[i] =
                layout_add(&plan->layout, directory->row_count, sizeof(int64_t), 64);
        } else {
            err = plan_values(directory, i, &sum, plan);
        }
    }
    layout_add(&plan->layout, 1, 1, 64); /* not empty, whatever was asked for */
    return err;
}

static int unpack_signed(struct column_unpacker *unpacker, int64_t *values, size_t count,
                         bool is_delta)
{
    unsigned char header[16];
    union {
        int64_t *as_signed;
        uint64_t *as_read;
    } at = {.as_signed = values};
    int err = unpack_bytes(unpacker, header, sizeof(header));
    err = err == 0 ? unpack_numbers_64(unpacker, at.as_read, count) : err;
    if (err != 0) {
        return err;
    }
    uint64_t last = get_64(header);
    uint64_t unit = get_64(header + 8);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = at.as_read[i];
        uint64_t value = last + (number >> 1 ^ (0 - (number & 1))) * unit;
        at.as_read[i] = value;
        last = is_delta ? value : last;
    }
    return 0;
}

/* Lengths become ends; they must come to `len`. */
static int ends_sum(uint32_t *ends, size_t count, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += ends[i];
        ends[i] = (uint32_t)sum;
    }
    return sum == len ? 0 : -EBADMSG;
}

static int unpack_plainly(struct column_unpacker *unpacker, uint32_t *ends, size_t count,
                          unsigned char *bytes, size_t len)
{
    int err = unpack_numbers_32(unpacker, ends, count);
    err = err == 0 ? ends_sum(ends, count, len) : err;
    return err == 0 ? unpack_piece(unpacker, bytes, len) : err;
}

static int unpack_values(struct column_unpacker *unpacker, uint32_t *ends, size_t count,
                         unsigned char *bytes, size_t len)
{
    unsigned char size[4];
    int err = unpack_bytes(unpacker, size, sizeof(size)); /* the caller has read it */
    return err == 0 ? unpack_plainly(unpacker, ends, count, bytes, len) : err;
}

static int unpack_texts(struct column_unpacker *unpacker, uint32_t *ends, size_t count,
                        unsigned char *bytes, size_t len)
{
    unsigned char header[5];
    int err = unpack_bytes(unpacker, header, sizeof(header));
    if (err != 0) {
        return err;
    }
    switch (header[4]) {
    case TEXTS_PLAINLY:
        return unpack_plainly(unpacker, ends, count, bytes, len);
    case TEXTS_IN_PATTERNS:
        return unpack_patterns(unpacker, ends, count, bytes, len);
    default:
        return -EBADMSG;
    }
}

/* Where a row's scopes are copied from. */
struct scopes {
    const unsigned char *bytes;
    const uint32_t *ids;
    uint32_t *ends;
    size_t count; /* of different ones */
    size_t len;
};

static int scopes_unpack(struct column_unpacker *unpacker, size_t row_count, struct scopes *scopes)
{
    unsigned char sizes[8];
    uint32_t *ids = unpacker->numbers;
    int err = unpack_bytes(unpacker, sizes, sizeof(sizes));
    err = err == 0 ? unpack_numbers_32(unpacker, ids, row_count) : err;
    if (err != 0) {
        return err;
    }
    if ((size_t)(unpacker->end - unpacker->at) < sizeof(uint32_t)) {
        return -EBADMSG;
    }
    scopes->ids = ids;
    scopes->ends = ids + row_count;
    scopes->count = get_32(sizes + 4);
    scopes->len = get_32(unpacker->at);
    if (scopes->count > row_count || scopes->len > ROW_BLOCK_BYTES_MAX) {
        return -EBADMSG;
    }
    err = memory_room(unpacker->budget, scopes->len + 1, &unpacker->column);
    if (err != 0) {
        return err;
    }
    scopes->bytes = unpacker->column.data;
    return unpack_values(unpacker, scopes->ends, scopes->count, unpacker->column.data, scopes->len);
}

static int scopes_copy(const struct scopes *scopes, size_t row_count, uint32_t *ends,
                       unsigned char *bytes, size_t len)
{
    size_t sum = 0;
    for (size_t i = 0; i < row_count; i++) {
        size_t id = scopes->ids[i];
        if (id >= scopes->count) {
            return -EBADMSG;
        }
        size_t begin = id == 0 ? 0 : scopes->ends[id - 1];
        size_t scope_len = scopes->ends[id] - begin;
        if (scope_len > len - sum) {
            return -EBADMSG;
        }
        memcpy(bytes + sum, scopes->bytes + begin, scope_len);
        sum += scope_len;
        ends[i] = (uint32_t)sum;
    }
    return sum == len ? 0 : -EBADMSG;
}

static int unpack_scopes(struct column_unpacker *unpacker, uint32_t *ends, size_t row_count,
                         unsigned char *bytes, size_t len)
{
    struct scopes scopes;
    int err = scopes_unpack(unpacker, row_count, &scopes);
    return err == 0 ? scopes_copy(&scopes, row_count, ends, bytes, len) : err;
}

typedef int unpack_fn(struct column_unpacker *unpacker, uint32_t *ends, size_t count,
                      unsigned char *bytes, size_t len);

static int unpack_column(struct column_unpacker *unpacker, const struct directory *directory,
                         const struct plan *plan, unsigned i, unsigned char *memory,
                         struct row_block *block)
{
    size_t count = directory->row_count;
    unpacker->at = directory->columns[i].data;
    unpacker->end = unpacker->at + directory->columns[i].len;
    int err;
    if (i == ROW_TIME || i == ROW_DURATION) {
        int64_t *values = (int64_t *)(void *)(memory + plan->numbers_at[i]);
        err = unpack_signed(unpacker, values, count, i == ROW_TIME);
        const int64_t **out = i == ROW_TIME ? &block->times : &block->durations;
        *out = values;
    } else {
        uint32_t *ends = (uint32_t *)(void *)(memory + plan->ends_at[i]);
        unsigned char *bytes = memory + plan->bytes_at[i];
        unpack_fn *unpack = i == ROW_SCOPE  ? unpack_scopes
                            : i == ROW_TEXT ? unpack_texts
                                            : unpack_values;
        err = unpack(unpacker, ends, count, bytes, plan->lens[i]);
        block->ends[i] = ends;
        block->bytes[i] = bytes;
    }
    return err == 0 && unpacker->at != unpacker->end ? -EBADMSG : err;
}

int row_block_reader_create(struct slu_budget *budget, struct row_block_reader **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct row_block_reader), &memory);
    if (err == 0) {
        *out = memory;
        (*out)->unpacker.budget = budget;
    }
    return err;
}

static void reader_deinit(struct row_block_reader *reader)
{
    block_free(reader->unpacker.budget, &reader->rows);
    column_unpacker_deinit(&reader->unpacker);
}

void row_block_reader_destroy(struct row_block_reader **reader)
{
    struct row_block_reader *old = *reader;
    *reader = NULL;
    if (old != NULL) {
        reader_deinit(old);
        slu_budget_free(old->unpacker.budget, old, sizeof(*old));
    }
}

int row_block_read(struct row_block_reader *reader, struct slu_bytes bytes, uint32_t columns,
                   struct row_block *out)
{
    struct column_unpacker *unpacker = &reader->unpacker;
    struct directory directory;
    struct plan plan;
    size_t size_bytes = 0;
    int err = directory_read(bytes, &directory);
    err = err == 0 ? plan_make(&directory, columns, &plan) : err;
    err = err == 0 ? layout_size(&plan.layout, &size_bytes) : err;
    err = err == 0 ? memory_room(unpacker->budget, size_bytes, &reader->rows) : err;
    err = err == 0 ? column_unpacker_begin(unpacker, directory.row_count) : err;
    if (err != 0) {
        return err;
    }
    struct row_block block = {.budget = unpacker->budget,
                              .row_count = directory.row_count,
                              .columns = columns & ALL_COLUMNS};
    for (unsigned i = 0; i < ROW_COLUMN_COUNT && err == 0; i++) {
        if ((columns & 1u << i) != 0) {
            err = unpack_column(unpacker, &directory, &plan, i, reader->rows.data, &block);
        }
    }
    if (err == 0) {
        *out = block;
    }
    return err;
}

int row_block_open(struct slu_bytes bytes, struct slu_budget *budget, uint32_t columns,
                   struct row_block *out)
{
    struct row_block_reader reader = {.unpacker.budget = budget};
    struct row_block block;
    int err = row_block_read(&reader, bytes, columns, &block);
    if (err == 0) {
        block.memory = reader.rows.data;
        block.memory_bytes = reader.rows.size_bytes;
        reader.rows = (struct block){0};
        *out = block;
    }
    reader_deinit(&reader);
    return err;
}

void row_block_close(struct row_block *block)
{
    slu_budget_free(block->budget, block->memory, block->memory_bytes);
    *block = (struct row_block){0};
}

static struct slu_bytes value_of(const struct row_block *block, enum row_column column,
                                 uint32_t index)
{
    const uint32_t *ends = block->ends[column];
    if (ends == NULL) {
        return (struct slu_bytes){0};
    }
    size_t begin = index == 0 ? 0 : ends[index - 1];
    return (struct slu_bytes){block->bytes[column] + begin, ends[index] - begin};
}

struct row row_block_row(const struct row_block *block, uint32_t index)
{
    SLU_ASSERT(index < block->row_count);
    return (struct row){.time_ns = block->times == NULL ? 0 : block->times[index],
                        .duration_ns = block->durations == NULL ? 0 : block->durations[index],
                        .key = value_of(block, ROW_KEY, index),
                        .text = value_of(block, ROW_TEXT, index),
                        .scope = value_of(block, ROW_SCOPE, index),
                        .rest = value_of(block, ROW_REST, index)};
}

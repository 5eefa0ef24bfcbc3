/*
 * Rows of one stream (log records, spans, profiles) as a block of columns: each column is
 * compressed on its own, so that who looks for a word unpacks the text alone.
 *
 * Formats  docs/formats/row-block.md
 */
#ifndef STORE_ROW_BLOCK_H
#define STORE_ROW_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct block;
struct slu_budget;

enum row_column {
    ROW_TIME,     /* int64 */
    ROW_DURATION, /* int64 */
    ROW_KEY,      /* bytes: a trace's id, mostly 16 bytes or none */
    ROW_TEXT,     /* bytes: a log record's body, a span's name, a profile's type */
    ROW_SCOPE,    /* bytes: few different ones */
    ROW_REST,     /* bytes: all else, in Protocol Buffers */
    ROW_COLUMN_COUNT
};

struct row {
    int64_t time_ns;     /* since 1970 */
    int64_t duration_ns; /* of spans; else 0 */
    struct slu_bytes key;
    struct slu_bytes text;
    struct slu_bytes scope;
    struct slu_bytes rest;
};

#define ROW_BLOCK_ROWS_MAX  65536
#define ROW_BLOCK_BYTES_MAX ((size_t)8 << 20) /* of all columns, plain */

/* What the index keeps of a block. */
struct row_block_facts {
    int64_t time_min_ns;
    int64_t time_max_ns;
    uint32_t row_count;
    uint32_t plain_bytes;
};

struct row_block_writer;

/*
 * Make a writer, which keeps the memory of its largest block's columns.
 *
 * level    of zstd; since texts are stored in patterns, 6 saves 3 % of what 1 takes
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int row_block_writer_create(struct slu_budget *budget, int level,
                                         struct row_block_writer **out);
void row_block_writer_destroy(struct row_block_writer **writer);

/*
 * Add a row, whose bytes are copied. Rows of a block may come in any order of time, and are read in
 * the order they came in.
 *
 * Returns  0; -ENOBUFS if the block is full: end it, and add the row to the next (an empty block
 *          has room for any row of up to ROW_BLOCK_BYTES_MAX / 2 bytes; -E2BIG for larger ones);
 *          -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int row_block_add(struct row_block_writer *writer, const struct row *row);

/* Rows and plain bytes that wait in the block. */
size_t row_block_pending_rows(const struct row_block_writer *writer);
size_t row_block_pending_bytes(const struct row_block_writer *writer);

/*
 * End the block: its bytes and its token filter (token_filter.h, of the texts) are valid until the
 * next call on the writer, which then begins another.
 *
 * Returns  0; -EDQUOT; -ENOMEM, and the rows wait as before
 * Cost     meanwhile five times the texts' bytes at the most, and zstd's memory: 0.6 MB for the
 *          level 1, 1.3 MB for 3, 3.7 MB for 6
 */
SLU_MUST_USE int row_block_end(struct row_block_writer *writer, struct slu_bytes *bytes,
                               struct slu_bytes *filter, struct row_block_facts *facts);

/* Rows that were unpacked: views into memory of their own. */
struct row_block {
    struct slu_budget *budget;
    void *memory; /* private; NULL of what a reader has */
    size_t memory_bytes;
    uint32_t row_count;
    uint32_t columns; /* that were asked for, a bit of 1 << enum row_column each */
    const int64_t *times;
    const int64_t *durations;
    const unsigned char *bytes[ROW_COLUMN_COUNT]; /* all values of a column, end to end */
    const uint32_t *ends[ROW_COLUMN_COUNT];       /* row_count of them: where each value ends */
};

/*
 * Unpack some columns of a block. What is unpacked is checked: a block that is not well formed is
 * an error, whatever its bytes are.
 *
 * columns  bits; those that were not asked for read as empty and 0
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM
 * Owner    the caller, until row_block_close
 */
SLU_MUST_USE int row_block_open(struct slu_bytes bytes, struct slu_budget *budget, uint32_t columns,
                                struct row_block *out);
void row_block_close(struct row_block *block);

/*
 * The same for one block after another in the same memory, which takes half the time: fresh pages
 * cost as much as unpacking does.
 */
struct row_block_reader;

/* Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int row_block_reader_create(struct slu_budget *budget, struct row_block_reader **out);
void row_block_reader_destroy(struct row_block_reader **reader);

/*
 * As row_block_open.
 *
 * Owner  the reader: what `out` shows is valid until the next call on it; not to be closed
 */
SLU_MUST_USE int row_block_read(struct row_block_reader *reader, struct slu_bytes bytes,
                                uint32_t columns, struct row_block *out);

/* The index-th row, below row_count. */
struct row row_block_row(const struct row_block *block, uint32_t index);

/*
 * The next row whose text has `needle`, found by one search of the whole column. Without the texts,
 * they read as empty.
 *
 * from     of the first row that is looked at
 * Returns  its index; row_count: there is none
 */
uint32_t row_block_find(const struct row_block *block, struct slu_bytes needle, uint32_t from);

#endif

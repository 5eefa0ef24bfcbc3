/*
 * Property: bytes that are no block are refused, whatever they are, and what is taken for one reads
 * within its memory, finds what a search row by row finds, and leaves the budget as it was; rows
 * that are written read back, and their filter has each of their words.
 *
 * The first byte says what the others are: a block; columns, whose header is made right; or rows,
 * each with a byte of flags and the lengths of its values before these.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "store/little_endian.h"
#include "store/row_block.h"
#include "store/row_block_column.h"
#include "store/token_filter.h"

#define ALL_COLUMNS ((1u << ROW_COLUMN_COUNT) - 1)
#define BLOCK_MAX   ((size_t)1 << 16)
#define ROWS_MAX    512
#define BUDGET      ((uint64_t)128 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool text_has(struct slu_bytes text, struct slu_bytes needle)
{
    return memmem(text.data, text.len, needle.data, needle.len) != NULL;
}

/* Needles are the ends and beginnings of texts, and what lies across two of them. */
static void found_check(const struct row_block *block)
{
    for (uint32_t i = 0; i < block->row_count && i < 16; i++) {
        struct slu_bytes text = row_block_row(block, i).text;
        struct slu_bytes needle = {(const unsigned char *)text.data + text.len / 2,
                                   text.len - text.len / 2};
        if (i + 1 < block->row_count && i % 2 == 0) {
            needle.len += row_block_row(block, i + 1).text.len / 2;
        }
        uint32_t from = i % 3 == 0 ? 0 : i;
        uint32_t wanted = from;
        while (wanted < block->row_count && needle.len > 0 &&
               !text_has(row_block_row(block, wanted).text, needle)) {
            wanted++;
        }
        SLU_ASSERT(row_block_find(block, needle, from) == wanted);
    }
}

static void block_read(struct slu_bytes bytes, struct slu_budget *budget, uint32_t columns)
{
    struct row_block block;
    int err = row_block_open(bytes, budget, columns, &block);
    SLU_ASSERT(err == 0 || err == -EBADMSG);
    if (err != 0) {
        return;
    }
    size_t len = 0;
    for (uint32_t i = 0; i < block.row_count; i++) {
        struct row row = row_block_row(&block, i);
        len += row.key.len + row.text.len + row.scope.len + row.rest.len;
        SLU_ASSERT(len <= ROW_BLOCK_BYTES_MAX);
    }
    if ((columns & 1u << ROW_TEXT) != 0) {
        found_check(&block);
    }
    row_block_close(&block);
}

/* Row count and five lengths stand before the columns; the last one has what is left. */
static void columns_read(const uint8_t *data, size_t size, struct slu_budget *budget)
{
    static unsigned char bytes[BLOCK_MAX];
    size_t head = 2 * ROW_COLUMN_COUNT;
    if (size < head || size - head > BLOCK_MAX - ROW_BLOCK_HEADER_BYTES) {
        return;
    }
    size_t left = size - head;
    put_32(bytes, ROW_BLOCK_MAGIC);
    put_32(bytes + 4, (uint32_t)data[0] | (uint32_t)data[1] << 8);
    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        size_t len = left;
        if (i + 1 < ROW_COLUMN_COUNT) {
            size_t wanted = (size_t)data[2 + 2 * i] | (size_t)data[3 + 2 * i] << 8;
            len = wanted < left ? wanted : left;
        }
        put_32(bytes + 8 + 4 * i, (uint32_t)len);
        left -= len;
    }
    memcpy(bytes + ROW_BLOCK_HEADER_BYTES, data + head, size - head);
    for (uint32_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        block_read((struct slu_bytes){bytes, ROW_BLOCK_HEADER_BYTES + size - head}, budget,
                   1u << i);
    }
}

static struct slu_bytes value_take(const uint8_t **data, size_t *size, size_t len)
{
    len = len < *size ? len : *size;
    struct slu_bytes value = {*data, len};
    *data += len;
    *size -= len;
    return value;
}

/* A value that the flags do not ask for is that of the row before. */
static bool row_take(const uint8_t **data, size_t *size, struct row *row)
{
    if (*size < 4) {
        return false;
    }
    const uint8_t *head = *data;
    *data += 4;
    *size -= 4;
    row->text = (head[0] & 1) != 0 ? value_take(data, size, head[1]) : row->text;
    row->scope = (head[0] & 2) != 0 ? value_take(data, size, head[2]) : row->scope;
    row->rest = (head[0] & 4) != 0 ? value_take(data, size, head[3] % 32) : row->rest;
    row->key = (head[0] & 8) != 0 ? value_take(data, size, 16) : (struct slu_bytes){0};
    uint64_t step = (uint64_t)head[3] << (head[0] >> 4) * 4 % 56;
    row->time_ns = (int64_t)((uint64_t)row->time_ns + step);
    row->duration_ns = (int64_t)head[2] - 100;
    return true;
}

static void row_check(struct row read, struct row written)
{
    SLU_ASSERT(read.time_ns == written.time_ns && read.duration_ns == written.duration_ns);
    SLU_ASSERT(bytes_equal(read.key, written.key) && bytes_equal(read.text, written.text));
    SLU_ASSERT(bytes_equal(read.scope, written.scope) && bytes_equal(read.rest, written.rest));
}

static void words_check(struct slu_bytes filter, struct slu_bytes text)
{
    struct slu_bytes token;
    while (token_next(&text, &token)) {
        uint64_t hash = token_hash(token);
        const unsigned char *lines = filter.data;
        SLU_ASSERT(token_line_has(lines + token_filter_line(filter.len, hash), hash));
    }
}

static void rows_round_trip(const uint8_t *data, size_t size, struct slu_budget *budget)
{
    static struct row rows[ROWS_MAX];
    struct row_block_writer *writer = NULL;
    struct row row = {0};
    uint32_t count = 0;
    SLU_ASSERT(row_block_writer_create(budget, 1, &writer) == 0);
    while (count < ROWS_MAX && row_take(&data, &size, &row)) {
        SLU_ASSERT(row_block_add(writer, &row) == 0);
        rows[count++] = row;
    }
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    struct row_block block;
    SLU_ASSERT(row_block_end(writer, &bytes, &filter, &facts) == 0);
    SLU_ASSERT(facts.row_count == count);
    SLU_ASSERT(row_block_open(bytes, budget, ALL_COLUMNS, &block) == 0);
    SLU_ASSERT(block.row_count == count);
    for (uint32_t i = 0; i < count; i++) {
        row_check(row_block_row(&block, i), rows[i]);
        words_check(filter, rows[i].text);
    }
    found_check(&block);
    row_block_close(&block);
    row_block_writer_destroy(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    if (size == 0 || slu_budget_create(NULL, "fuzz", BUDGET, &budget) != 0) {
        return 0;
    }
    switch (data[0] % 3) {
    case 0:
        block_read((struct slu_bytes){data + 1, size - 1}, budget, ALL_COLUMNS);
        break;
    case 1:
        columns_read(data + 1, size - 1, budget);
        break;
    default:
        rows_round_trip(data + 1, size - 1, budget);
        break;
    }
    slu_budget_destroy(&budget);
    return 0;
}

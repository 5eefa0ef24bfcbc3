/* Which rows a query wants, of a block or of a head. */
#ifndef STORE_ROW_MATCH_H
#define STORE_ROW_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "store/row_block.h"
#include "store/store.h"

#define ROW_NEEDLE_WORDS 8

/* What is asked, prepared once. */
struct row_match {
    const struct store_row_query *query;
    uint64_t words[ROW_NEEDLE_WORDS]; /* that filters are asked for */
    size_t word_count;
};

void row_match_init(struct row_match *match, const struct store_row_query *query);

/* Columns that deciding takes. */
uint32_t row_match_columns(const struct row_match *match);

bool row_match_takes(const struct row_match *match, const struct row *row);

/*
 * Mark the rows of a block that are wanted: bits of `row_count`, cleared before.
 *
 * Returns  how many
 */
uint32_t row_match_mark(const struct row_match *match, const struct row_block *block,
                        uint64_t *bits);

#endif

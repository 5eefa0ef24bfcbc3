/*
 * Tables for people. Text stands left; numbers, with or without units, stand with their decimal
 * points and their units one below another. Where the terminal is too narrow, the columns that may
 * be cut give way, the widest first, and then each line ends at the edge.
 */
#ifndef DRAW_TABLE_H
#define DRAW_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "draw/terminal.h"
#include "draw/text.h"

#define DRAW_TABLE_COLUMNS_MAX 16
#define DRAW_TABLE_CELL_MAX    4096 /* bytes of an escaped cell; more is cut off */

enum draw_align {
    DRAW_LEFT,
    DRAW_NUMBER, /* what draw_number writes, or any number and unit */
};

struct draw_column {
    const char *title;
    enum draw_align align;
    enum draw_cut cut; /* of numbers: never */
};

/*
 * Cells are asked for when they are drawn, twice each, so that a table holds no rows. They are
 * escaped here: `cell` may write any bytes, and the same ones when asked again.
 */
struct draw_table {
    const struct draw_column *columns;
    uint32_t column_count; /* 1 to DRAW_TABLE_COLUMNS_MAX */
    size_t row_count;
    void (*cell)(const void *context, size_t row, uint32_t column, struct sink *out);
    enum draw_style (*row_style)(const void *context, size_t row); /* NULL: plain */
    const void *context;
};

/*
 * Write titles and rows, a line each.
 *
 * Cost  two calls of `cell` a cell; allocates nothing
 */
void draw_table(const struct draw_table *table, const struct draw_terminal *terminal,
                struct sink *out);

#endif

#include "draw/table.h"

#include <string.h>

#include "base/assert.h"
#include "base/sink.h"

#define GAP           2 /* columns between columns */
#define CUT_WIDTH_MIN 8 /* what a cut column keeps at least */

/* A cell's text, escaped, and for numbers its three parts: 12 | .3 |  k/s */
struct cell {
    char text[DRAW_TABLE_CELL_MAX];
    size_t len;
    size_t number_len; /* bytes of the first two parts */
    uint32_t whole_width;
    uint32_t fraction_width; /* with the point */
    uint32_t unit_width;
};

struct column_width {
    uint32_t total;
    uint32_t whole; /* of numbers: the widest of each part */
    uint32_t fraction;
    uint32_t unit;
};

struct drawing {
    const struct draw_table *table;
    const struct draw_terminal *terminal;
    struct sink *out;
    struct column_width widths[DRAW_TABLE_COLUMNS_MAX];
    struct cell cell;                   /* the one being measured or drawn */
    char raw[DRAW_TABLE_CELL_MAX];      /* as the caller wrote it */
    char line[2 * DRAW_TABLE_CELL_MAX]; /* a line that may have to end at the edge */
};

static void cell_split(struct cell *cell)
{
    size_t whole_len = strcspn(cell->text, ". %");
    cell->number_len = whole_len + strcspn(cell->text + whole_len, " %");
    cell->whole_width = draw_text_width(cell->text, whole_len);
    cell->fraction_width = draw_text_width(cell->text + whole_len, cell->number_len - whole_len);
    cell->unit_width = draw_text_width(cell->text + cell->number_len, cell->len - cell->number_len);
}

static void cell_read(struct drawing *drawing, size_t row, uint32_t column)
{
    struct sink raw;
    struct sink escaped;
    sink_init_fixed(&raw, drawing->raw, sizeof(drawing->raw));
    drawing->table->cell(drawing->table->context, row, column, &raw);
    sink_init_fixed(&escaped, drawing->cell.text, sizeof(drawing->cell.text));
    draw_text_escape(&escaped, drawing->raw, raw.len, drawing->terminal->utf8);
    drawing->cell.len = escaped.len;
    cell_split(&drawing->cell);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return b > a ? b : a;
}

static void width_include(struct column_width *width, const struct cell *cell,
                          enum draw_align align)
{
    width->total = larger(width->total, draw_text_width(cell->text, cell->len));
    if (align == DRAW_NUMBER) {
        width->whole = larger(width->whole, cell->whole_width);
        width->fraction = larger(width->fraction, cell->fraction_width);
        width->unit = larger(width->unit, cell->unit_width);
        width->total = larger(width->total, width->whole + width->fraction + width->unit);
    }
}

static void measure(struct drawing *drawing)
{
    const struct draw_table *table = drawing->table;
    for (uint32_t column = 0; column < table->column_count; column++) {
        struct column_width *width = &drawing->widths[column];
        const char *title = table->columns[column].title;
        SLU_ASSERT(table->columns[column].align != DRAW_NUMBER ||
                   table->columns[column].cut == DRAW_CUT_NEVER);
        *width = (struct column_width){.total = draw_text_width(title, strlen(title))};
        for (size_t row = 0; row < table->row_count; row++) {
            cell_read(drawing, row, column);
            width_include(width, &drawing->cell, table->columns[column].align);
        }
    }
}

/* The widest column that may still give way, or -1. */
static int widest_to_cut(const struct drawing *drawing)
{
    int widest = -1;
    for (uint32_t column = 0; column < drawing->table->column_count; column++) {
        uint32_t width = drawing->widths[column].total;
        if (drawing->table->columns[column].cut != DRAW_CUT_NEVER && width > CUT_WIDTH_MIN &&
            (widest < 0 || width > drawing->widths[widest].total)) {
            widest = (int)column;
        }
    }
    return widest;
}

static void fit(struct drawing *drawing)
{
    uint32_t total = GAP * (drawing->table->column_count - 1);
    for (uint32_t column = 0; column < drawing->table->column_count; column++) {
        total += drawing->widths[column].total;
    }
    uint32_t limit = drawing->terminal->width;
    while (limit != 0 && total > limit) {
        int widest = widest_to_cut(drawing);
        if (widest < 0) {
            return;
        }
        drawing->widths[widest].total--;
        total--;
    }
}

static void draw_left(struct drawing *drawing, struct sink *line, uint32_t column, bool is_last)
{
    uint32_t width = drawing->widths[column].total;
    uint32_t taken = draw_text_cut(line, drawing->cell.text, drawing->cell.len, width,
                                   drawing->table->columns[column].cut, drawing->terminal->utf8);
    if (!is_last && taken < width) {
        sink_repeat(line, ' ', width - taken);
    }
}

/* The parts of a number stand at the right end of the column, under its title's end. */
static void draw_parts(const struct drawing *drawing, struct sink *line, uint32_t column,
                       bool is_last)
{
    const struct column_width *width = &drawing->widths[column];
    const struct cell *cell = &drawing->cell;
    uint32_t parts = width->whole + width->fraction + width->unit;
    sink_repeat(line, ' ', width->total - parts + width->whole - cell->whole_width);
    sink_put(line, cell->text, cell->number_len);
    if (!is_last || cell->unit_width > 0) {
        sink_repeat(line, ' ', width->fraction - cell->fraction_width);
        sink_put(line, cell->text + cell->number_len, cell->len - cell->number_len);
    }
    if (!is_last) {
        sink_repeat(line, ' ', width->unit - cell->unit_width);
    }
}

static void draw_title(struct drawing *drawing, struct sink *line, uint32_t column, bool is_last)
{
    const struct draw_column *described = &drawing->table->columns[column];
    struct sink title;
    sink_init_fixed(&title, drawing->cell.text, sizeof(drawing->cell.text));
    sink_text(&title, described->title);
    drawing->cell.len = title.len;
    if (described->align == DRAW_NUMBER) {
        uint32_t width = draw_text_width(drawing->cell.text, drawing->cell.len);
        sink_repeat(line, ' ', drawing->widths[column].total - width);
        sink_put(line, drawing->cell.text, drawing->cell.len);
    } else {
        draw_left(drawing, line, column, is_last);
    }
}

#define TITLE_ROW SIZE_MAX

static void draw_cells(struct drawing *drawing, size_t row, struct sink *line)
{
    const struct draw_table *table = drawing->table;
    for (uint32_t column = 0; column < table->column_count; column++) {
        bool is_last = column + 1 == table->column_count;
        if (row == TITLE_ROW) {
            draw_title(drawing, line, column, is_last);
        } else {
            cell_read(drawing, row, column);
            if (table->columns[column].align == DRAW_NUMBER) {
                draw_parts(drawing, line, column, is_last);
            } else {
                draw_left(drawing, line, column, is_last);
            }
        }
        sink_repeat(line, ' ', is_last ? 0 : GAP);
    }
}

static void draw_row(struct drawing *drawing, size_t row, enum draw_style style)
{
    uint32_t limit = drawing->terminal->width;
    draw_style_begin(drawing->out, drawing->terminal, style);
    if (limit == 0) {
        draw_cells(drawing, row, drawing->out);
    } else {
        struct sink line;
        sink_init_fixed(&line, drawing->line, sizeof(drawing->line));
        draw_cells(drawing, row, &line);
        (void)draw_text_cut(drawing->out, drawing->line, line.len, limit, DRAW_CUT_END,
                            drawing->terminal->utf8);
    }
    draw_style_end(drawing->out, drawing->terminal, style);
    sink_char(drawing->out, '\n');
}

void draw_table(const struct draw_table *table, const struct draw_terminal *terminal,
                struct sink *out)
{
    SLU_ASSERT(table->column_count > 0 && table->column_count <= DRAW_TABLE_COLUMNS_MAX);
    struct drawing drawing;
    drawing.table = table;
    drawing.terminal = terminal;
    drawing.out = out;
    measure(&drawing);
    fit(&drawing);
    draw_row(&drawing, TITLE_ROW, DRAW_BOLD);
    for (size_t row = 0; row < table->row_count; row++) {
        enum draw_style style =
            table->row_style == NULL ? DRAW_PLAIN : table->row_style(table->context, row);
        draw_row(&drawing, row, style);
    }
}

#include <string.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/heap_who_view.h"
#include "draw/draw.h"
#include "view/page.h"

#define HEAD_BYTES 16384
#define CELL_BYTES 4096

static void head_write(const struct cli *cli, const struct report *report, const char *source,
                       struct sink *out)
{
    char text[HEAD_BYTES];
    struct sink sink;
    struct cli plain = *cli;
    sink_init_fixed(&sink, text, sizeof(text));
    plain.out = &sink;
    plain.out_terminal = (struct draw_terminal){.utf8 = true};
    heap_who_view_head(&plain, report, source);
    sink_text(out, "<pre>");
    page_text(out, (struct slu_bytes){text, sink.len});
    sink_text(out, "</pre>\n");
}

static void cell_write(const struct draw_table *table, size_t row, uint32_t column,
                       struct sink *out)
{
    char text[CELL_BYTES];
    struct sink cell;
    bool is_number = table->columns[column].align == DRAW_NUMBER;
    sink_init_fixed(&cell, text, sizeof(text));
    table->cell(table->context, row, column, &cell);
    sink_text(out, is_number ? "<td class=\"number\">" : "<td>");
    page_text(out, (struct slu_bytes){text, cell.len});
    sink_text(out, "</td>");
}

static void table_write(const struct heap_who_table *shown, struct sink *out)
{
    const struct draw_table *table = &shown->table;
    sink_text(out, "<table>\n<caption>");
    page_text(out, (struct slu_bytes){shown->title, strlen(shown->title)});
    sink_text(out, "</caption>\n<thead><tr>");
    for (uint32_t column = 0; column < table->column_count; column++) {
        sink_format(out, "<th scope=\"col\">%s</th>", table->columns[column].title);
    }
    sink_text(out, "</tr></thead>\n<tbody>\n");
    for (size_t row = 0; row < table->row_count; row++) {
        sink_text(out, "<tr>");
        for (uint32_t column = 0; column < table->column_count; column++) {
            cell_write(table, row, column, out);
        }
        sink_text(out, "</tr>\n");
    }
    sink_text(out, "</tbody>\n</table>\n");
}

void heap_who_page(const struct cli *cli, const struct report *report, const char *source,
                   struct sink *out)
{
    struct heap_who_table tables[WHO_TABLES];
    size_t count = heap_who_tables(report, tables);
    page_begin(out, "Who holds the memory");
    head_write(cli, report, source, out);
    for (size_t i = 0; i < count; i++) {
        table_write(&tables[i], out);
    }
    page_end(out);
}

/* A report of who holds the memory, for people: in a terminal, and as a page. */
#ifndef CLI_HEAP_WHO_VIEW_H
#define CLI_HEAP_WHO_VIEW_H

#include <stddef.h>

#include "draw/draw.h"

struct cli;
struct report;
struct sink;

#define WHO_TABLES 5

struct heap_who_table {
    const char *title;
    struct draw_table table;
};

void heap_who_view(struct cli *cli, const struct report *report, const char *source);

/* What comes before the tables; of one block that was asked for, all. */
void heap_who_view_head(struct cli *cli, const struct report *report, const char *source);

/* The tables that have rows. Returns how many. */
size_t heap_who_tables(const struct report *report, struct heap_who_table tables[WHO_TABLES]);

/* A page that stands alone. */
void heap_who_page(const struct cli *cli, const struct report *report, const char *source,
                   struct sink *out);

#endif

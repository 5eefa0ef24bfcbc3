/*
 * A line that says how far work has come: on a terminal alone, only once the work has taken a
 * second, and gone without a trace at its end.
 */
#ifndef DRAW_PROGRESS_H
#define DRAW_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "draw/number.h"
#include "draw/terminal.h"

/* Meant for the stack; members are private. */
struct draw_progress {
    const struct draw_terminal *terminal;
    struct sink *out;
    const char *label;
    uint64_t total;
    enum draw_unit unit;
    uint64_t start_ns;
    uint64_t drawn_ns;
    bool visible;
};

/*
 * label    what is being done: "reading app.heap"; escaped here
 * total    how much there is to do, in `unit`; 0: not known
 * out      flushed each time that the line changes
 */
void draw_progress_begin(struct draw_progress *progress, const struct draw_terminal *terminal,
                         struct sink *out, const char *label, uint64_t total, enum draw_unit unit,
                         uint64_t now_ns);

/* Cost: a comparison, but for at most ten drawings a second. */
void draw_progress_update(struct draw_progress *progress, uint64_t now_ns, uint64_t done);

/* Erase the line. */
void draw_progress_end(struct draw_progress *progress);

#endif

#include "draw/terminal.h"

#include "base/sink.h"

void draw_style_begin(struct sink *out, const struct draw_terminal *terminal, enum draw_style style)
{
    static const char *const begins[] = {
        [DRAW_PLAIN] = "",           [DRAW_BOLD] = "\x1b[1m",   [DRAW_DIM] = "\x1b[2m",
        [DRAW_RED] = "\x1b[31m",     [DRAW_GREEN] = "\x1b[32m", [DRAW_YELLOW] = "\x1b[33m",
        [DRAW_MAGENTA] = "\x1b[35m", [DRAW_CYAN] = "\x1b[36m",
    };
    if (terminal->colour) {
        sink_text(out, begins[style]);
    }
}

void draw_style_end(struct sink *out, const struct draw_terminal *terminal, enum draw_style style)
{
    if (terminal->colour && style != DRAW_PLAIN) {
        sink_text(out, "\x1b[0m");
    }
}

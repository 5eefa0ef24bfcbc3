#include "draw/screen.h"

#include <string.h>

#include "base/sink.h"

#define ENTER_SCREEN "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define LEAVE_SCREEN "\x1b[?7h\x1b[?25h\x1b[?1049l"
#define TO_TOP       "\x1b[H"
#define CLEAR_LINE   "\x1b[K"
#define CLEAR_BELOW  "\x1b[J"

void draw_screen_enter(struct sink *out)
{
    sink_text(out, ENTER_SCREEN);
}

void draw_screen_leave(struct sink *out)
{
    sink_text(out, LEAVE_SCREEN);
}

void draw_screen_show(struct sink *out, const struct draw_terminal *terminal, const char *text)
{
    const char *line = text;
    sink_text(out, TO_TOP);
    /* A newline on the last row would scroll. */
    for (uint32_t row = 1; *line != '\0' && (terminal->height == 0 || row < terminal->height);
         row++) {
        size_t len = strcspn(line, "\n");
        sink_text(out, CLEAR_LINE); /* before: after a full line it would take the last one */
        sink_put(out, line, len);
        sink_char(out, '\n');
        line += len + (line[len] == '\n');
    }
    sink_text(out, CLEAR_BELOW);
}

/* What `sluice heap watch` shows: a picture on a terminal, lines elsewhere, or JSON Lines. */
#ifndef CLI_WATCH_VIEW_H
#define CLI_WATCH_VIEW_H

#include <stdint.h>

struct cli;
struct evidence;
struct report;

struct watch_state {
    const char *name; /* of what is watched */
    const struct evidence *evidence;
    const struct report *report;
    uint32_t look_count;
    double seconds;      /* since the first look */
    const char *trouble; /* why the last look saw nothing; NULL: it saw something */
};

/* One picture, over the last one. */
void watch_view_frame(struct cli *cli, const struct watch_state *state);

/* One line of text, or of JSON of kind "look". */
void watch_view_line(struct cli *cli, const struct watch_state *state);
void watch_view_json(struct cli *cli, const struct watch_state *state, const char *kind);

#endif

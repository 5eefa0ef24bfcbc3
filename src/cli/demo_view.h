/* What the demonstration shows: a live picture, lines on a pipe, JSON Lines, and the summary. */
#ifndef CLI_DEMO_VIEW_H
#define CLI_DEMO_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "cli/demo_race.h"
#include "draw/chart.h"

struct cli;

#define HISTORY_POINT_MAX 512

/* Memory over time, in fixed room: when it is full, every other point goes. */
struct demo_history {
    struct draw_point growing[HISTORY_POINT_MAX];
    struct draw_point ring[HISTORY_POINT_MAX];
    size_t point_count;
    uint64_t interval_ns; /* the least between two points */
};

void demo_history_add(struct demo_history *history, const struct race_sample *sample);

struct demo_view {
    const struct race_options *options;
    uint64_t duration_ns; /* planned */
    const struct demo_history *history;
};

/* One picture of the live view, over the last one; and what stands before and after them all. */
void demo_view_open(struct cli *cli);
void demo_view_frame(struct cli *cli, const struct demo_view *view,
                     const struct race_sample *sample);
void demo_view_close(struct cli *cli);

/* One line of text, or of JSON Lines. */
void demo_view_line(struct cli *cli, const struct race_sample *sample);
void demo_view_json(struct cli *cli, const struct race_sample *sample);

/* What was seen, in a table, a chart and in words; or the last line of the JSON Lines. */
void demo_view_summary(struct cli *cli, const struct demo_view *view,
                       const struct race_sample *sample);
void demo_view_json_summary(struct cli *cli, const struct race_sample *sample);

#endif

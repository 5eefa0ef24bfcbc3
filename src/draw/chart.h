/*
 * A chart of a few series over time, in braille dots (2 x 4 to a character) or in ASCII, with axes
 * in human units and each series named where it ends.
 */
#ifndef DRAW_CHART_H
#define DRAW_CHART_H

#include <stddef.h>
#include <stdint.h>

#include "draw/number.h"
#include "draw/terminal.h"

#define DRAW_CHART_SERIES_MAX 4
#define DRAW_CHART_WIDTH_MAX  200
#define DRAW_CHART_HEIGHT_MAX 40
#define DRAW_CHART_HEIGHT_MIN 4

struct draw_point {
    double x;
    double y; /* NaN: a gap in the line */
};

struct draw_series {
    const char *label; /* escaped here */
    const struct draw_point *points;
    size_t point_count;
    enum draw_style style;
};

struct draw_chart {
    const struct draw_series *series;
    uint32_t series_count; /* 1 to DRAW_CHART_SERIES_MAX; a later one covers an earlier one */
    double x_min;
    double x_max; /* above x_min */
    enum draw_unit x_unit;
    enum draw_unit y_unit; /* the y axis goes from 0 to a round number */
    uint32_t height;       /* rows of the plot, brought into MIN to MAX; two more for the x axis */
};

/*
 * Write the chart as wide as the terminal (80 columns where that is unlimited). Nothing is
 * written where there is no room for the y axis and a plot of 12 columns.
 *
 * Values below 0 are drawn at 0; points outside the x axis are left out.
 *
 * Cost  O(points + characters); allocates nothing
 */
void draw_chart(const struct draw_chart *chart, const struct draw_terminal *terminal,
                struct sink *out);

#endif

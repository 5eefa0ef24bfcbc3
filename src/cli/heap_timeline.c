#include "cli/heap_timeline.h"

#include <math.h>
#include <string.h>

#include "base/sink.h"
#include "cli/heap_session.h"
#include "profile/model.h"
#include "view/page.h"
#include "view/timeline.h"

#define LINES_MAX    8
#define CHART_WIDTH  960.0
#define CHART_HEIGHT 280.0
#define TICKS        4
#define TIME_TICKS   2

#define HOUR_SECONDS   3600.0
#define MINUTE_SECONDS 60.0

static const char *const dashes[LINES_MAX] = {"none", "6 3",  "2 3",     "10 3 2 3",
                                              "none", "12 4", "4 2 1 2", "1 2"};
static const char *const strokes[LINES_MAX] = {"#0072b2", "#d55e00", "#009e73", "#b04a86",
                                               "#7a7a7a", "#56a0d3", "#a07800", "#c04040"};

struct chart {
    const struct heap_session *session;
    const struct timeline *timeline;
    struct sink *out;
    double top;  /* the value at the upper edge */
    double wide; /* seconds at the right edge */
};

static struct slu_bytes row_label(const struct chart *chart, uint32_t row)
{
    uint32_t entry = chart->timeline->entries[row];
    return entry == MODEL_NONE ? (struct slu_bytes){"all", 3}
                               : view_label(chart->session->view, entry);
}

static uint32_t drawn_count(const struct chart *chart)
{
    return chart->timeline->row_count < LINES_MAX ? chart->timeline->row_count : LINES_MAX;
}

static void chart_measure(struct chart *chart)
{
    const struct timeline *timeline = chart->timeline;
    for (uint32_t row = 0; row < drawn_count(chart); row++) {
        for (uint32_t i = 0; i < timeline->profile_count; i++) {
            double value = (double)timeline_value(timeline, row, i);
            chart->top = value > chart->top ? value : chart->top;
        }
    }
    chart->top = chart->top > 0 ? chart->top : 1;
    chart->wide = timeline->seconds[timeline->profile_count - 1];
    chart->wide = chart->wide > 0 ? chart->wide : 1;
}

static double tick_y(int tick)
{
    return CHART_HEIGHT - CHART_HEIGHT * tick / TICKS;
}

/* Beside and below the picture, which is as wide as there is room. */
static void values_write(const struct chart *chart)
{
    sink_text(chart->out, "<div class=\"values\">");
    for (int tick = 0; tick <= TICKS; tick++) {
        sink_text(chart->out, "<span>");
        view_unit_write(chart->out, chart->top * tick / TICKS, &chart->session->unit);
        sink_text(chart->out, "</span>");
    }
    sink_text(chart->out, "</div>\n");
}

/* Of times, the unit that keeps numbers short; steps have none. */
static const struct {
    const char *name;
    double seconds;
} time_units[] = {{" h", HOUR_SECONDS}, {" min", MINUTE_SECONDS}, {" s", 1}, {"", 1}};

static void times_write(const struct chart *chart)
{
    size_t unit = chart->timeline->has_times ? 0 : 3;
    while (unit < 2 && chart->wide < 2 * time_units[unit].seconds) {
        unit++;
    }
    sink_text(chart->out, "<div class=\"times\">");
    for (int tick = 0; tick <= TIME_TICKS; tick++) {
        sink_format(chart->out, "<span>%.3g%s</span>",
                    chart->wide * tick / TIME_TICKS / time_units[unit].seconds,
                    time_units[unit].name);
    }
    sink_text(chart->out, "</div>\n");
}

static void grid_write(const struct chart *chart)
{
    for (int tick = 0; tick <= TICKS; tick++) {
        sink_format(chart->out,
                    "<line x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" "
                    "stroke-opacity=\"0.15\" vector-effect=\"non-scaling-stroke\"/>\n",
                    CHART_WIDTH, tick_y(tick), tick_y(tick));
    }
}

static void line_write(const struct chart *chart, uint32_t row)
{
    const struct timeline *timeline = chart->timeline;
    sink_format(chart->out,
                "<polyline fill=\"none\" vector-effect=\"non-scaling-stroke\" "
                "stroke=\"%s\" stroke-width=\"%d\" "
                "stroke-dasharray=\"%s\" points=\"",
                row == 0 ? "currentColor" : strokes[row], row == 0 ? 2 : 1, dashes[row]);
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        double value = (double)timeline_value(timeline, row, i);
        sink_format(chart->out, "%.1f,%.1f ", CHART_WIDTH * timeline->seconds[i] / chart->wide,
                    CHART_HEIGHT - CHART_HEIGHT * (value > 0 ? value : 0) / chart->top);
    }
    sink_text(chart->out, "\"><title>");
    page_text(chart->out, row_label(chart, row));
    sink_text(chart->out, "</title></polyline>\n");
}

static void swatch_write(const struct chart *chart, uint32_t row)
{
    if (row < LINES_MAX) {
        sink_format(chart->out,
                    "<svg width=\"36\" height=\"10\" aria-hidden=\"true\"><line x1=\"0\" x2=\"36\" "
                    "y1=\"5\" y2=\"5\" stroke=\"%s\" stroke-width=\"2\" "
                    "stroke-dasharray=\"%s\"/></svg>",
                    row == 0 ? "currentColor" : strokes[row], dashes[row]);
    }
}

static void put_per_second(const struct chart *chart, double value)
{
    if (isnan(value)) {
        sink_text(chart->out, "-");
        return;
    }
    view_unit_write(chart->out, value, &chart->session->unit);
    sink_text(chart->out, "/s");
}

static void row_write(const struct chart *chart, uint32_t row)
{
    const struct timeline *timeline = chart->timeline;
    const struct view_unit *unit = &chart->session->unit;
    uint32_t last = timeline->profile_count - 1;
    sink_text(chart->out, "<tr><td>");
    swatch_write(chart, row);
    sink_text(chart->out, "</td><td class=\"code\">");
    page_text(chart->out, row_label(chart, row));
    sink_text(chart->out, "</td><td class=\"number\">");
    view_unit_write(chart->out, (double)timeline_value(timeline, row, 0), unit);
    sink_text(chart->out, "</td><td class=\"number\">");
    view_unit_write(chart->out, (double)timeline_value(timeline, row, last), unit);
    sink_text(chart->out, "</td><td class=\"number\">");
    put_per_second(chart, timeline_growth(timeline, row));
    sink_text(chart->out, "</td><td class=\"number\">");
    put_per_second(chart, timeline_rate(timeline, row, last));
    sink_text(chart->out, "</td></tr>\n");
}

void heap_timeline_write_html(const struct heap_session *session, const struct timeline *timeline,
                              struct sink *out)
{
    struct chart chart = {.session = session, .timeline = timeline, .out = out};
    chart_measure(&chart);
    page_begin(out, "Timeline");
    sink_format(out, "<p>%u profiles over %.0f %s</p>\n<div class=\"chart\">\n",
                timeline->profile_count, chart.wide, timeline->has_times ? "seconds" : "steps");
    values_write(&chart);
    sink_format(out,
                "<svg viewBox=\"0 -2 %.0f %.0f\" preserveAspectRatio=\"none\" role=\"img\" "
                "aria-label=\"What each site holds over time; the table below has the "
                "figures\">\n",
                CHART_WIDTH, CHART_HEIGHT + 4);
    grid_write(&chart);
    for (uint32_t row = 0; row < drawn_count(&chart); row++) {
        line_write(&chart, row);
    }
    sink_text(out, "</svg>\n");
    times_write(&chart);
    sink_text(out, "</div>\n<div class=\"scroll\"><table>\n<tr><th></th><th>function</th>"
                   "<th class=\"number\">first</th><th class=\"number\">last</th>"
                   "<th class=\"number\">growth</th><th class=\"number\">allocated</th></tr>\n");
    for (uint32_t row = 0; row < timeline->row_count; row++) {
        row_write(&chart, row);
    }
    sink_text(out, "</table></div>\n");
    page_end(out);
}

#include "cli/watch_view.h"

#include <math.h>
#include <string.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "codec/json_writer.h"
#include "diagnose/evidence.h"
#include "diagnose/roles.h"
#include "diagnose/sites.h"
#include "diagnose/verdict.h"
#include "draw/draw.h"

#define FRAME_BYTES_MAX  65536
#define ROWS_MAX         8
#define LINES_BESIDE     22 /* of a screen, beside the rows of the chart */
#define CHART_HEIGHT_MAX 12

/* The sites that grow fastest. */
struct growers {
    const struct sites *heap;
    const struct site *sites[ROWS_MAX];
    struct trend trends[ROWS_MAX];
    uint32_t count;
};

static void grower_add(struct growers *growers, const struct site *site, const struct trend *trend)
{
    uint32_t place = growers->count < ROWS_MAX ? growers->count++ : ROWS_MAX - 1;
    if (growers->sites[place] != NULL && growers->trends[place].slope.mid >= trend->slope.mid) {
        return;
    }
    for (; place > 0 && growers->trends[place - 1].slope.mid < trend->slope.mid; place--) {
        growers->sites[place] = growers->sites[place - 1];
        growers->trends[place] = growers->trends[place - 1];
    }
    growers->sites[place] = site;
    growers->trends[place] = *trend;
}

static void growers_find(const struct sites *heap, struct growers *growers)
{
    *growers = (struct growers){.heap = heap};
    for (uint32_t i = 1; i < heap->site_count; i++) {
        struct trend trend;
        struct series series = sites_series(heap, heap->sites[i], MEASURE_BYTES, NULL);
        series_trend(&series, &trend);
        if (trend.is_known && (heap->sites[i]->roles & ROLE_OBSERVER) == 0) {
            grower_add(growers, heap->sites[i], &trend);
        }
    }
}

static void grower_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct growers *growers = context;
    const struct trend *trend = &growers->trends[row];
    switch (column) {
    case 0:
        draw_number(out, trend->slope.mid, DRAW_BYTES_PER_SECOND);
        break;
    case 1:
        draw_number(out, (trend->slope.high - trend->slope.low) / 2, DRAW_BYTES_PER_SECOND);
        break;
    case 2:
        draw_number(out, site_last(growers->heap, growers->sites[row], MEASURE_BYTES), DRAW_BYTES);
        break;
    default:
        sink_text(out, growers->sites[row]->function);
        if (growers->sites[row]->line > 0) {
            sink_format(out, ":%u", growers->sites[row]->line);
        }
    }
}

static enum draw_style grower_style(const void *context, size_t row)
{
    const struct growers *growers = context;
    return growers->trends[row].grows ? DRAW_RED : DRAW_PLAIN;
}

static void write_growers(struct sink *out, const struct draw_terminal *terminal,
                          const struct sites *heap)
{
    static const struct draw_column columns[] = {
        {"growth", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"+-", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"in use", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"site", DRAW_LEFT, DRAW_CUT_START},
    };
    struct growers growers;
    growers_find(heap, &growers);
    struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = growers.count,
        .cell = grower_cell,
        .row_style = grower_style,
        .context = &growers,
    };
    draw_table(&table, terminal, out);
}

static uint32_t points_of(const double *seconds, const double *values, uint32_t count, double begin,
                          struct draw_point *points)
{
    for (uint32_t i = 0; i < count; i++) {
        points[i] = (struct draw_point){(seconds[i] - begin) * 1e9, values[i]};
    }
    return count;
}

static void write_chart(struct sink *out, const struct draw_terminal *terminal,
                        const struct evidence *evidence, uint32_t height)
{
    static struct draw_point heap_points[SERIES_POINTS_MAX];
    static struct draw_point rss_points[SERIES_POINTS_MAX];
    double room[SERIES_POINTS_MAX];
    struct series heap = sites_series(evidence->heap, NULL, MEASURE_BYTES, room);
    const struct record *rss = &evidence->rss;
    double begin = heap.count > 0 ? heap.seconds[0] : INFINITY;
    double end = heap.count > 0 ? heap.seconds[heap.count - 1] : 0;
    begin = rss->count > 0 ? fmin(begin, rss->seconds[0]) : begin;
    end = rss->count > 0 ? fmax(end, rss->seconds[rss->count - 1]) : end;
    if (!(end > begin)) {
        return;
    }
    struct draw_series series[2] = {
        {"in use", heap_points,
         points_of(heap.seconds, heap.values, heap.count, begin, heap_points), DRAW_CYAN},
        {"resident", rss_points,
         points_of(rss->seconds, rss->values, rss->count, begin, rss_points), DRAW_YELLOW},
    };
    uint32_t first = heap.count > 0 ? 0 : 1;
    struct draw_chart chart = {
        .series = series + first,
        .series_count = (rss->count > 0 ? 2U : 1U) - first,
        .x_max = (end - begin) * 1e9,
        .x_unit = DRAW_NANOSECONDS,
        .y_unit = DRAW_BYTES,
        .height = height,
    };
    draw_chart(&chart, terminal, out);
}

static double heap_bytes(const struct evidence *evidence)
{
    double room[SERIES_POINTS_MAX];
    struct series heap = sites_series(evidence->heap, NULL, MEASURE_BYTES, room);
    return heap.count == 0 ? 0 : heap.values[heap.count - 1];
}

static void write_numbers(struct sink *out, const struct watch_state *state)
{
    const struct evidence *evidence = state->evidence;
    sink_text(out, "in use ");
    draw_number(out, heap_bytes(evidence), DRAW_BYTES);
    if (evidence->rss.count > 0) {
        sink_text(out, ", resident ");
        draw_number(out, record_last(&evidence->rss), DRAW_BYTES);
    }
    if (evidence->thread_count.count > 0) {
        sink_format(out, ", %.0f threads", record_last(&evidence->thread_count));
    }
    sink_text(out, ", growth ");
    draw_number(out, state->report->growth.mid, DRAW_BYTES_PER_SECOND);
    if (state->report->seconds_to_limit >= 0) {
        sink_text(out, ", limit in ");
        draw_number(out, state->report->seconds_to_limit * 1e9, DRAW_NANOSECONDS);
    }
}

static void write_verdict(struct sink *out, const struct draw_terminal *terminal,
                          const struct verdict *verdict)
{
    char escaped[4 * VERDICT_TEXT_BYTES + 1];
    struct sink sink;
    enum draw_style style = verdict->pattern == PATTERN_HEALTHY ? DRAW_GREEN : DRAW_RED;
    style = verdict->pattern == PATTERN_UNDETERMINED ? DRAW_YELLOW : style;
    draw_style_begin(out, terminal, style);
    sink_text(out, pattern_info_of(verdict->pattern)->id);
    draw_style_end(out, terminal, style);
    sink_format(out, " (%.0f %%)", 100 * verdict->confidence);
    if (verdict->has_site) {
        sink_init_fixed(&sink, escaped, sizeof(escaped));
        draw_text_escape(&sink, verdict->function, strlen(verdict->function), terminal->utf8);
        sink_format(out, " at %.100s", escaped);
    }
    sink_char(out, '\n');
    for (uint32_t i = 0; i < verdict->evidence_count && i < 4; i++) {
        sink_init_fixed(&sink, escaped, sizeof(escaped));
        draw_text_escape(&sink, verdict->evidence[i], strlen(verdict->evidence[i]), terminal->utf8);
        sink_text(out, "  - ");
        (void)draw_text_cut(out, escaped, sink.len, terminal->width > 6 ? terminal->width - 5 : 75,
                            DRAW_CUT_END, terminal->utf8);
        sink_char(out, '\n');
    }
}

static void write_picture(struct sink *out, const struct draw_terminal *terminal,
                          const struct watch_state *state)
{
    draw_style_begin(out, terminal, DRAW_BOLD);
    draw_text_escape(out, state->name, strlen(state->name), terminal->utf8);
    draw_style_end(out, terminal, DRAW_BOLD);
    sink_text(out, ": ");
    draw_number(out, state->seconds * 1e9, DRAW_NANOSECONDS);
    sink_format(out, ", %u looks; ctrl-C ends it with a report\n", state->look_count);
    write_numbers(out, state);
    sink_text(out, "\n\n");
    if (state->trouble != NULL) {
        draw_text_escape(out, state->trouble, strlen(state->trouble), terminal->utf8);
        sink_text(out, "\n\n");
    }
    for (uint32_t i = 0; i < state->report->verdict_count && i < 2; i++) {
        write_verdict(out, terminal, &state->report->verdicts[i]);
    }
    sink_char(out, '\n');
    write_growers(out, terminal, state->evidence->heap);
    uint32_t height = terminal->height > LINES_BESIDE ? terminal->height - LINES_BESIDE : 0;
    if (height >= DRAW_CHART_HEIGHT_MIN) {
        sink_char(out, '\n');
        write_chart(out, terminal, state->evidence,
                    height < CHART_HEIGHT_MAX ? height : CHART_HEIGHT_MAX);
    }
}

void watch_view_frame(struct cli *cli, const struct watch_state *state)
{
    char text[FRAME_BYTES_MAX];
    struct sink frame;
    sink_init_fixed(&frame, text, sizeof(text));
    write_picture(&frame, &cli->out_terminal, state);
    draw_screen_show(cli->out, &cli->out_terminal, text);
}

void watch_view_line(struct cli *cli, const struct watch_state *state)
{
    const struct verdict *verdict = &state->report->verdicts[0];
    sink_format(cli->out, "%.1f s  ", state->seconds);
    write_numbers(cli->out, state);
    sink_format(cli->out, "; %s", pattern_info_of(verdict->pattern)->id);
    if (verdict->has_site) {
        sink_text(cli->out, " at ");
        draw_text_escape(cli->out, verdict->function, strlen(verdict->function),
                         cli->out_terminal.utf8);
    }
    if (state->trouble != NULL) {
        sink_text(cli->out, "; ");
        draw_text_escape(cli->out, state->trouble, strlen(state->trouble), cli->out_terminal.utf8);
    }
    sink_char(cli->out, '\n');
}

void watch_view_json(struct cli *cli, const struct watch_state *state, const char *kind)
{
    struct json_writer json;
    json_writer_init(&json, cli->out, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "kind");
    json_write_string(&json, kind);
    json_write_key(&json, "seconds");
    json_write_double(&json, state->seconds);
    json_write_key(&json, "looks");
    json_write_uint(&json, state->look_count);
    json_write_key(&json, "in_use_bytes");
    json_write_double(&json, heap_bytes(state->evidence));
    json_write_key(&json, "resident_bytes");
    json_write_double(&json, record_last(&state->evidence->rss));
    json_write_key(&json, "trouble");
    if (state->trouble != NULL) {
        json_write_string(&json, state->trouble);
    } else {
        json_write_null(&json);
    }
    json_write_key(&json, "report");
    verdict_write_json(state->report, &json);
    json_end_object(&json);
    json_writer_end(&json);
}

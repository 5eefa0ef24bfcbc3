#include "cli/demo_view.h"

#include <math.h>
#include <string.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "codec/json_writer.h"
#include "draw/draw.h"

#define FRAME_BYTES_MAX  32768
#define VERDICT_MAX      768
#define TABLE_ROW_COUNT  7
#define LINES_BESIDE     17 /* of a screen, beside the rows of the chart */
#define CHART_HEIGHT_MAX 14
#define SUMMARY_CHART    8
#define SAME_ANSWER      0.05 /* the ring knows time to one slot of fifty */

static void thin_out(struct demo_history *history)
{
    for (size_t at = 0; 2 * at < history->point_count; at++) {
        history->growing[at] = history->growing[2 * at];
        history->ring[at] = history->ring[2 * at];
    }
    history->point_count = (history->point_count + 1) / 2;
    history->interval_ns = 2 * history->interval_ns;
}

void demo_history_add(struct demo_history *history, const struct race_sample *sample)
{
    double now = (double)sample->elapsed_ns;
    size_t count = history->point_count;
    if (count > 0 && now < history->growing[count - 1].x + (double)history->interval_ns) {
        return;
    }
    if (count == HISTORY_POINT_MAX) {
        thin_out(history);
        count = history->point_count;
    }
    history->growing[count] = (struct draw_point){now, (double)sample->growing.held_bytes};
    history->ring[count] = (struct draw_point){now, (double)sample->ring.held_bytes};
    history->point_count = count + 1;
}

/* One row of the table: the same figure of both sides. */
static void write_figure(struct sink *out, size_t row, const struct race_side *side)
{
    switch (row) {
    case 0:
        draw_number(out, (double)side->held_bytes, DRAW_BYTES);
        break;
    case 1:
        draw_number(out, (double)side->allocation_count, DRAW_COUNT);
        break;
    case 2:
        draw_number(out, (double)side->event_count, DRAW_COUNT);
        break;
    case 3:
        draw_number(out, side->rate, DRAW_PER_SECOND);
        break;
    case 4:
        draw_number(out, side->mean, DRAW_COUNT);
        break;
    case 5:
        draw_number(out, side->add_ns, DRAW_NANOSECONDS);
        break;
    default:
        draw_number(out, side->answer_ns, DRAW_NANOSECONDS);
    }
}

static void table_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    static const char *const labels[TABLE_ROW_COUNT] = {
        "memory held",        "allocations", "events taken",  "answer: events a second",
        "answer: mean value", "time to add", "time to answer"};
    const struct race_sample *sample = context;
    if (column == 0) {
        sink_text(out, labels[row]);
    } else {
        write_figure(out, row, column == 1 ? &sample->growing : &sample->ring);
    }
}

static void write_table(struct sink *out, const struct draw_terminal *terminal,
                        const struct race_sample *sample)
{
    static const struct draw_column columns[] = {
        {.title = "over the last second", .cut = DRAW_CUT_END},
        {.title = "growing array", .align = DRAW_NUMBER},
        {.title = "ring of 50 slots", .align = DRAW_NUMBER},
    };
    _Static_assert(RACE_SLOT_COUNT == 50, "as the title says");
    struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = TABLE_ROW_COUNT,
        .cell = table_cell,
        .context = sample,
    };
    draw_table(&table, terminal, out);
}

static void write_chart(struct sink *out, const struct draw_terminal *terminal,
                        const struct demo_view *view, double x_max, uint32_t height)
{
    const struct demo_history *history = view->history;
    struct draw_series series[] = {
        {"growing array", history->growing, history->point_count, DRAW_MAGENTA},
        {"ring", history->ring, history->point_count, DRAW_CYAN},
    };
    struct draw_chart chart = {
        .series = series,
        .series_count = sizeof(series) / sizeof(series[0]),
        .x_max = x_max,
        .x_unit = DRAW_NANOSECONDS,
        .y_unit = DRAW_BYTES,
        .height = height,
    };
    draw_chart(&chart, terminal, out);
}

static void write_time(struct sink *out, uint64_t nanoseconds)
{
    sink_format(out, "%.1f s", (double)nanoseconds / 1e9);
}

static void write_picture(struct sink *out, const struct draw_terminal *terminal,
                          const struct demo_view *view, const struct race_sample *sample)
{
    draw_style_begin(out, terminal, DRAW_BOLD);
    sink_text(out, "Two sliding windows under the same load: ");
    draw_number(out, (double)view->options->rate, DRAW_PER_SECOND);
    draw_style_end(out, terminal, DRAW_BOLD);
    sink_text(out, "\n");
    write_time(out, sample->elapsed_ns);
    sink_text(out, " of ");
    write_time(out, view->duration_ns);
    sink_text(out, "; ctrl-C ends it with the summary\n\n");
    write_table(out, terminal, sample);
    sink_text(out, "process in memory: ");
    draw_number(out, (double)sample->resident_bytes, DRAW_BYTES);
    sink_text(out,
              sample->growing_is_full ? "; the growing array has reached its limit\n\n" : "\n\n");
    uint32_t height = terminal->height > LINES_BESIDE ? terminal->height - LINES_BESIDE : 0;
    if (height >= DRAW_CHART_HEIGHT_MIN) {
        sink_text(out, "memory held\n");
        write_chart(out, terminal, view,
                    fmax((double)view->duration_ns, (double)sample->elapsed_ns),
                    height < CHART_HEIGHT_MAX ? height : CHART_HEIGHT_MAX);
    }
}

void demo_view_open(struct cli *cli)
{
    draw_screen_enter(cli->out);
}

void demo_view_close(struct cli *cli)
{
    draw_screen_leave(cli->out);
}

void demo_view_frame(struct cli *cli, const struct demo_view *view,
                     const struct race_sample *sample)
{
    char text[FRAME_BYTES_MAX];
    struct sink frame;
    sink_init_fixed(&frame, text, sizeof(text));
    write_picture(&frame, &cli->out_terminal, view, sample);
    draw_screen_show(cli->out, &cli->out_terminal, text);
}

static void write_allocations(struct sink *out, const struct race_side *side)
{
    sink_format(out, "%llu allocation%s", (unsigned long long)side->allocation_count,
                side->allocation_count == 1 ? "" : "s");
}

void demo_view_line(struct cli *cli, const struct race_sample *sample)
{
    struct sink *out = cli->out;
    sink_format(out, "%5.1f s  growing array: ", (double)sample->elapsed_ns / 1e9);
    draw_number(out, (double)sample->growing.held_bytes, DRAW_BYTES);
    sink_text(out, ", ");
    write_allocations(out, &sample->growing);
    sink_text(out, ", ");
    draw_number(out, sample->growing.rate, DRAW_PER_SECOND);
    sink_text(out, "; ring: ");
    draw_number(out, (double)sample->ring.held_bytes, DRAW_BYTES);
    sink_text(out, ", ");
    write_allocations(out, &sample->ring);
    sink_text(out, ", ");
    draw_number(out, sample->ring.rate, DRAW_PER_SECOND);
    sink_text(out, "; process: ");
    draw_number(out, (double)sample->resident_bytes, DRAW_BYTES);
    sink_char(out, '\n');
}

static void json_side(struct json_writer *json, const char *key, const struct race_side *side)
{
    json_write_key(json, key);
    json_begin_object(json);
    json_write_key(json, "held_bytes");
    json_write_uint(json, side->held_bytes);
    json_write_key(json, "allocation_count");
    json_write_uint(json, side->allocation_count);
    json_write_key(json, "event_count");
    json_write_uint(json, side->event_count);
    json_write_key(json, "events_per_second");
    json_write_double(json, side->rate);
    json_write_key(json, "mean");
    json_write_double(json, side->mean);
    json_write_key(json, "add_ns");
    json_write_double(json, side->add_ns);
    json_write_key(json, "answer_ns");
    json_write_double(json, side->answer_ns);
    json_end_object(json);
}

/* What a sample and the summary have in common; the object stays open. */
static void json_sample(struct json_writer *json, const char *kind,
                        const struct race_sample *sample)
{
    json_begin_object(json);
    json_write_key(json, "kind");
    json_write_string(json, kind);
    json_write_key(json, "elapsed_ns");
    json_write_uint(json, sample->elapsed_ns);
    json_side(json, "growing_array", &sample->growing);
    json_side(json, "ring", &sample->ring);
    json_write_key(json, "stale_bytes");
    json_write_uint(json, sample->stale_bytes);
    json_write_key(json, "resident_bytes");
    json_write_uint(json, sample->resident_bytes);
    json_write_key(json, "growing_array_is_full");
    json_write_bool(json, sample->growing_is_full);
}

void demo_view_json(struct cli *cli, const struct race_sample *sample)
{
    struct json_writer json;
    json_writer_init(&json, cli->out, JSON_COMPACT);
    json_sample(&json, "sample", sample);
    json_end_object(&json);
    json_writer_end(&json);
}

static void write_answers(struct sink *out, const struct race_sample *sample)
{
    double growing = sample->growing.rate;
    double ring = sample->ring.rate;
    sink_text(out, "In ");
    write_time(out, sample->elapsed_ns);
    sink_text(out, " the ring took ");
    draw_number(out, (double)sample->ring.event_count, DRAW_COUNT);
    sink_text(out, " events. ");
    if (sample->growing_is_full) {
        sink_text(out, "The growing array took ");
        draw_number(out, (double)sample->growing.event_count, DRAW_COUNT);
        sink_text(out, " of them, then reached its limit and had to stop. ");
    } else if (fabs(growing - ring) <= SAME_ANSWER * fmax(growing, ring)) {
        sink_text(out, "So did the growing array, and both give the same answer. ");
    } else {
        sink_text(out, "So did the growing array; asked for the rate, it says ");
        draw_number(out, growing, DRAW_PER_SECOND);
        sink_text(out, " and the ring ");
        draw_number(out, ring, DRAW_PER_SECOND);
        sink_text(out, ". ");
    }
}

static void write_growing_verdict(struct sink *out, const struct race_sample *sample)
{
    const struct race_side *growing = &sample->growing;
    sink_text(out, "The growing array holds ");
    draw_number(out, (double)growing->held_bytes, DRAW_BYTES);
    sink_text(out, " after ");
    write_allocations(out, growing);
    sink_text(out, "; ");
    draw_number(out, (double)sample->stale_bytes, DRAW_BYTES);
    sink_text(out, " of it are events that have left the window, and it never gives them back. ");
}

static void write_ring_verdict(struct sink *out, const struct race_sample *sample)
{
    const struct race_side *ring = &sample->ring;
    sink_text(out, "The ring holds ");
    draw_number(out, (double)ring->held_bytes, DRAW_BYTES);
    if (ring->allocation_count == 1) {
        sink_text(out, ", allocated once, when it was made.");
    } else {
        sink_text(out, " after ");
        write_allocations(out, ring);
        sink_char(out, '.');
    }
    if (sample->growing.held_bytes <= ring->held_bytes) {
        sink_text(out, " So few events take less room than its slots; a higher --rate or more "
                       "--seconds show the difference.");
    }
}

static void write_verdict(char text[VERDICT_MAX], const struct race_sample *sample)
{
    struct sink out;
    sink_init_fixed(&out, text, VERDICT_MAX);
    write_answers(&out, sample);
    write_growing_verdict(&out, sample);
    write_ring_verdict(&out, sample);
}

void demo_view_summary(struct cli *cli, const struct demo_view *view,
                       const struct race_sample *sample)
{
    char verdict[VERDICT_MAX];
    const struct draw_terminal *terminal = &cli->out_terminal;
    if (sample->elapsed_ns > 0) {
        sink_text(cli->out, "memory held\n");
        write_chart(cli->out, terminal, view, (double)sample->elapsed_ns, SUMMARY_CHART);
        sink_char(cli->out, '\n');
    }
    write_table(cli->out, terminal, sample);
    sink_char(cli->out, '\n');
    write_verdict(verdict, sample);
    draw_text_wrapped(cli->out, verdict, 0, terminal->width == 0 ? 80 : terminal->width);
}

void demo_view_json_summary(struct cli *cli, const struct race_sample *sample)
{
    char verdict[VERDICT_MAX];
    struct json_writer json;
    json_writer_init(&json, cli->out, JSON_COMPACT);
    json_sample(&json, "summary", sample);
    write_verdict(verdict, sample);
    json_write_key(&json, "verdict");
    json_write_string(&json, verdict);
    json_end_object(&json);
    json_writer_end(&json);
}

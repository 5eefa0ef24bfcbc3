#include "cli/lab_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/lab_run.h"
#include "codec/json_writer.h"
#include "draw/draw.h"

#define CHART_HEIGHT 10
#define LABEL_BYTES  32

int lab_view_is_right(const struct lab_result *result)
{
    const char *found = pattern_info_of(result->report.verdicts[0].pattern)->id;
    bool is_faulty = strcmp(result->form, "faulty") == 0;
    const char *expected =
        is_faulty && result->row->pattern != NULL ? result->row->pattern : "healthy";
    return strcmp(found, expected) == 0;
}

/* Resident memory as lines, what is in use below it. */
static void show_chart(const struct cli *cli, const struct lab_result *results, size_t count)
{
    static const enum draw_style styles[] = {DRAW_RED, DRAW_GREEN};
    static struct draw_point points[2][2][LAB_MOMENTS_MAX];
    char labels[2][2][LABEL_BYTES];
    struct draw_series series[4];
    struct draw_chart chart = {.series = series,
                               .x_unit = DRAW_NANOSECONDS,
                               .y_unit = DRAW_BYTES,
                               .height = CHART_HEIGHT,
                               .x_max = 1};
    for (size_t i = 0; i < count; i++) {
        for (uint32_t at = 0; at < results[i].moment_count; at++) {
            const struct lab_moment *moment = &results[i].moments[at];
            double x = moment->seconds * 1e9;
            points[i][0][at] = (struct draw_point){x, moment->resident_bytes};
            points[i][1][at] = (struct draw_point){x, moment->live_bytes};
            chart.x_max = x > chart.x_max ? x : chart.x_max;
        }
        for (size_t kind = 0; kind < 2; kind++) {
            snprintf(labels[i][kind], LABEL_BYTES, "%.10s %s", results[i].form,
                     kind == 0 ? "resident" : "in use");
            series[chart.series_count++] =
                (struct draw_series){labels[i][kind], points[i][kind], results[i].moment_count,
                                     styles[strcmp(results[i].form, "fixed") == 0]};
        }
    }
    draw_chart(&chart, &cli->out_terminal, cli->out);
}

static const struct draw_column columns[] = {
    {"form", DRAW_LEFT, DRAW_CUT_NEVER},     {"served", DRAW_NUMBER, DRAW_CUT_NEVER},
    {"late", DRAW_NUMBER, DRAW_CUT_NEVER},   {"failed", DRAW_NUMBER, DRAW_CUT_NEVER},
    {"p99", DRAW_NUMBER, DRAW_CUT_NEVER},    {"resident", DRAW_NUMBER, DRAW_CUT_NEVER},
    {"in use", DRAW_NUMBER, DRAW_CUT_NEVER}, {"verdict", DRAW_LEFT, DRAW_CUT_END},
};

#define NUMBERS 6 /* columns, behind that of the form */

static void cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct lab_result *result = (const struct lab_result *)context + row;
    const struct lab_moment none = {0};
    const struct lab_moment *last =
        result->moment_count == 0 ? &none : &result->moments[result->moment_count - 1];
    const struct {
        double value;
        enum draw_unit unit;
    } numbers[NUMBERS] = {
        {(double)result->served_count, DRAW_COUNT}, {(double)result->late_count, DRAW_COUNT},
        {(double)result->failed_count, DRAW_COUNT}, {result->p99_ms * 1e6, DRAW_NANOSECONDS},
        {last->resident_bytes, DRAW_BYTES},         {last->live_bytes, DRAW_BYTES},
    };
    if (column == 0) {
        sink_text(out, result->form);
    } else if (column <= NUMBERS) {
        draw_number(out, numbers[column - 1].value, numbers[column - 1].unit);
    } else {
        sink_text(out, pattern_info_of(result->report.verdicts[0].pattern)->id);
    }
}

static void show_verdict(const struct cli *cli, const struct lab_result *result)
{
    const struct verdict *verdict = &result->report.verdicts[0];
    sink_format(cli->out, "\n%s: %s (confidence %.0f %%)", result->form,
                pattern_info_of(verdict->pattern)->id, 100 * verdict->confidence);
    if (verdict->has_site) {
        sink_text(cli->out, " at ");
        draw_text_escape(cli->out, verdict->function, strlen(verdict->function),
                         cli->out_terminal.utf8);
    }
    sink_char(cli->out, '\n');
    for (uint32_t i = 0; i < verdict->evidence_count; i++) {
        sink_text(cli->out, "  - ");
        draw_text_escape(cli->out, verdict->evidence[i], strlen(verdict->evidence[i]),
                         cli->out_terminal.utf8);
        sink_char(cli->out, '\n');
    }
    sink_format(cli->out, "  figures: %s\n", result->figures);
}

void lab_view_show(struct cli *cli, const struct lab_result *results, size_t count)
{
    const struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = count,
        .cell = cell,
        .context = results,
    };
    sink_format(cli->out, "%s: %s\n\n", results[0].row->name, results[0].row->title);
    show_chart(cli, results, count);
    sink_char(cli->out, '\n');
    draw_table(&table, &cli->out_terminal, cli->out);
    for (size_t i = 0; i < count; i++) {
        show_verdict(cli, &results[i]);
    }
}

static void write_counts(struct json_writer *json, const struct lab_result *result)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"requests", result->served_count},     {"sent", result->sent_count},
        {"answered", result->answered_count},   {"refused", result->refused_count},
        {"abandoned", result->abandoned_count}, {"failed", result->failed_count},
        {"late", result->late_count},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_write_key(json, counts[i].name);
        json_write_uint(json, counts[i].value);
    }
}

static void write_times(struct json_writer *json, const struct lab_result *result)
{
    const struct {
        const char *name;
        double value;
    } times[] = {
        {"p50_ms", result->p50_ms}, {"p99_ms", result->p99_ms}, {"p999_ms", result->p999_ms}};
    json_write_key(json, "latency");
    json_begin_object(json);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        json_write_key(json, times[i].name);
        json_write_double(json, times[i].value);
    }
    json_end_object(json);
}

static void write_memory(struct json_writer *json, const struct lab_result *result)
{
    json_write_key(json, "memory");
    json_begin_array(json);
    for (uint32_t i = 0; i < result->moment_count; i++) {
        const struct lab_moment *moment = &result->moments[i];
        json_begin_object(json);
        json_write_key(json, "t");
        json_write_double(json, moment->seconds);
        json_write_key(json, "rss");
        json_write_double(json, moment->resident_bytes);
        json_write_key(json, "anonymous");
        json_write_double(json, moment->anonymous_bytes);
        json_write_key(json, "live");
        json_write_double(json, moment->live_bytes);
        json_end_object(json);
    }
    json_end_array(json);
}

/* {"name":number,...}, as the service has written it. */
static void write_figures(struct json_writer *json, const char *figures)
{
    char name[64];
    double value = 0;
    int len = 0;
    json_write_key(json, "figures");
    json_begin_object(json);
    while (sscanf(figures, "%*[{,]\"%63[^\"]\":%lf%n", name, &value, &len) == 2) {
        json_write_key(json, name);
        json_write_double(json, value);
        figures += len;
    }
    json_end_object(json);
}

void lab_view_json(struct cli *cli, const struct lab_result *result)
{
    struct json_writer json;
    json_writer_init(&json, cli->out, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "name");
    json_write_string(&json, result->row->name);
    json_write_key(&json, "form");
    json_write_string(&json, result->form);
    write_counts(&json, result);
    write_times(&json, result);
    write_figures(&json, result->figures);
    write_memory(&json, result);
    json_write_key(&json, "verdicts");
    verdicts_write_json(&result->report, &json);
    json_end_object(&json);
    json_writer_end(&json);
}

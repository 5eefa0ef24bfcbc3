#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_session.h"
#include "cli/heap_timeline.h"
#include "cli/result_file.h"
#include "codec/json_writer.h"
#include "draw/draw.h"
#include "profile/model.h"
#include "view/timeline.h"

#define CHART_ROWS  10
#define LABEL_BYTES 48

enum {
    TIMELINE_NODECOUNT = HEAP_OWN,
    TIMELINE_CUM,
    TIMELINE_HTML,
    TIMELINE_OUT,
    TIMELINE_JSON,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [TIMELINE_NODECOUNT] = HEAP_NODECOUNT_OPTION("15", 1, TIMELINE_ROWS_MAX),
    [TIMELINE_CUM] = HEAP_CUM_OPTION,
    [TIMELINE_HTML] = HEAP_HTML_OPTION,
    [TIMELINE_OUT] = HEAP_OUT_OPTION,
    [TIMELINE_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap timeline profiles/", "what changed most over the profiles of a folder"},
    {"sluice heap timeline --html -o week.html monday.pb.gz tuesday.pb.gz", "a page with a chart"},
};

struct charting {
    const struct heap_session *session;
    struct timeline timeline;
};

static struct slu_bytes row_label(const struct charting *charting, size_t row)
{
    uint32_t entry = charting->timeline.entries[row];
    return entry == MODEL_NONE ? (struct slu_bytes){"all", 3}
                               : view_label(charting->session->view, entry);
}

static void put_per_second(const struct charting *charting, struct sink *out, double value)
{
    if (isnan(value)) {
        sink_char(out, '-');
        return;
    }
    view_unit_write(out, value, &charting->session->unit);
    sink_text(out, "/s");
}

static void cell_write(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct charting *charting = context;
    const struct timeline *timeline = &charting->timeline;
    const struct view_unit *unit = &charting->session->unit;
    struct slu_bytes label = row_label(charting, row);
    uint32_t last = timeline->profile_count - 1;
    switch (column) {
    case 0:
        view_unit_write(out, (double)timeline_value(timeline, (uint32_t)row, 0), unit);
        break;
    case 1:
        view_unit_write(out, (double)timeline_value(timeline, (uint32_t)row, last), unit);
        break;
    case 2:
        put_per_second(charting, out, timeline_growth(timeline, (uint32_t)row));
        break;
    case 3:
        put_per_second(charting, out, timeline_rate(timeline, (uint32_t)row, last));
        break;
    default:
        sink_put(out, label.data, label.len);
    }
}

static void table_write(const struct charting *charting, const struct draw_terminal *terminal,
                        struct sink *out)
{
    static const struct draw_column columns[] = {
        {"first", DRAW_NUMBER, DRAW_CUT_NEVER},  {"last", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"growth", DRAW_NUMBER, DRAW_CUT_NEVER}, {"allocated", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"function", DRAW_LEFT, DRAW_CUT_END},
    };
    const struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = charting->timeline.row_count,
        .cell = cell_write,
        .context = charting,
    };
    draw_table(&table, terminal, out);
}

/* The sum and the three rows that changed most. */
static int chart_write(const struct charting *charting, const struct draw_terminal *terminal,
                       struct sink *out)
{
    static const enum draw_style styles[] = {DRAW_BOLD, DRAW_CYAN, DRAW_YELLOW, DRAW_MAGENTA};
    const struct timeline *timeline = &charting->timeline;
    uint32_t count =
        timeline->row_count < DRAW_CHART_SERIES_MAX ? timeline->row_count : DRAW_CHART_SERIES_MAX;
    size_t bytes = (size_t)count * timeline->profile_count * sizeof(struct draw_point);
    char labels[DRAW_CHART_SERIES_MAX][LABEL_BYTES];
    struct draw_series series[DRAW_CHART_SERIES_MAX];
    void *block = NULL;
    int err = slu_budget_alloc(charting->session->budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    struct draw_point *points = block;
    for (uint32_t row = 0; row < count; row++) {
        struct slu_bytes label = row_label(charting, row);
        size_t len = label.len < LABEL_BYTES ? label.len : LABEL_BYTES - 1;
        memcpy(labels[row], label.data, len);
        labels[row][len] = '\0';
        series[row] =
            (struct draw_series){labels[row], points, timeline->profile_count, styles[row]};
        for (uint32_t i = 0; i < timeline->profile_count; i++) {
            *points++ = (struct draw_point){timeline->seconds[i] * 1e9,
                                            (double)timeline_value(timeline, row, i) *
                                                charting->session->unit.factor};
        }
    }
    const struct draw_chart chart = {
        .series = series,
        .series_count = count,
        .x_max = timeline->seconds[timeline->profile_count - 1] * 1e9,
        .x_unit = DRAW_NANOSECONDS,
        .y_unit = charting->session->unit.kind,
        .height = CHART_ROWS,
    };
    if (timeline->has_times) {
        draw_chart(&chart, terminal, out);
        sink_char(out, '\n');
    }
    slu_budget_free(charting->session->budget, block, bytes);
    return 0;
}

static void row_write_json(const struct charting *charting, uint32_t row, struct json_writer *json)
{
    const struct timeline *timeline = &charting->timeline;
    json_begin_object(json);
    if (timeline->entries[row] == MODEL_NONE) {
        json_write_key(json, "function");
        json_write_null(json);
    } else {
        heap_session_write_json_entry(charting->session, json, timeline->entries[row]);
    }
    json_write_key(json, "growth_per_second");
    json_write_double(json, timeline_growth(timeline, row));
    json_write_key(json, "values");
    json_begin_array(json);
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        json_write_int(json, timeline_value(timeline, row, i));
    }
    json_end_array(json);
    json_write_key(json, "allocated_per_second");
    json_begin_array(json);
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        json_write_double(json, timeline_rate(timeline, row, i));
    }
    json_end_array(json);
    json_end_object(json);
}

static void json_write(const struct charting *charting, struct sink *out)
{
    const struct timeline *timeline = &charting->timeline;
    struct json_writer json;
    json_writer_init(&json, out, JSON_PRETTY);
    json_begin_object(&json);
    heap_session_write_json_head(charting->session, &json);
    json_write_key(&json, "profiles");
    json_begin_array(&json);
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        const struct model_profile *profile =
            model_profile_at(charting->session->model, timeline->profiles[i]);
        json_begin_object(&json);
        json_write_key(&json, "name");
        heap_session_write_json_string(charting->session, &json, profile->name);
        json_write_key(&json, "time_ns");
        json_write_int(&json, profile->time_ns);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_write_key(&json, "rows");
    json_begin_array(&json);
    for (uint32_t row = 0; row < timeline->row_count; row++) {
        row_write_json(charting, row, &json);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_writer_end(&json);
}

static int timeline_take(void *context, struct sink *out)
{
    const struct charting *charting = context;
    const struct heap_session *session = charting->session;
    const struct option_value *values = session->invocation->values;
    if (values[TIMELINE_JSON].given) {
        json_write(charting, out);
        return 0;
    }
    if (values[TIMELINE_HTML].given) {
        heap_timeline_write_html(session, &charting->timeline, out);
        return 0;
    }
    struct draw_terminal terminal = {.utf8 = session->cli->out_terminal.utf8};
    if (out == session->cli->out) {
        terminal = session->cli->out_terminal;
        heap_session_write_head(session);
    }
    int err = chart_write(charting, &terminal, out);
    table_write(charting, &terminal, out);
    return err;
}

/* alloc_space for inuse_space, alloc_objects for inuse_objects. */
static uint32_t allocated_type(const struct heap_session *session)
{
    const struct model *model = session->model;
    struct slu_bytes name = model_text(model, model->types[session->type].type);
    bool is_space =
        name.len >= 5 && memcmp((const char *)name.data + name.len - 5, "space", 5) == 0;
    return model_type_find(model, is_space ? "alloc_space" : "alloc_objects");
}

static int timeline_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    struct charting charting = {.session = &session};
    struct slu_diag diag;
    const struct heap_session_options wanted = {.whole_folders = true};
    const struct option_value *values = invocation->values;
    int status = heap_session_open(&session, cli, invocation, invocation->operands,
                                   invocation->operand_count, &wanted);
    if (status != CLI_FINE) {
        return status;
    }
    const struct timeline_options how = {
        .type = session.type,
        .allocated = allocated_type(&session),
        .row_max = (uint32_t)values[TIMELINE_NODECOUNT].number,
        .by_cum = values[TIMELINE_CUM].given,
    };
    int err = timeline_init(&charting.timeline, session.view, &how);
    if (err == 0) {
        const char *path = values[TIMELINE_OUT].given ? values[TIMELINE_OUT].text : NULL;
        err = result_file_write(cli, path, timeline_take, &charting, &diag);
        status = err == 0 ? CLI_FINE : heap_session_failed(&session, &diag);
        timeline_deinit(&charting.timeline);
    } else {
        status = heap_session_failed_with(&session, err);
    }
    heap_session_close(&session);
    return status;
}

const struct command heap_timeline_command = {
    .name = "heap timeline",
    .summary = "what each function holds and allocates, over time",
    .description =
        "Reads successive profiles of one program, of folders and capsules all, puts them in order "
        "of time and shows the functions whose values changed most: the first and the last value, "
        "the growth by least squares, and what they allocated in a second at the end. A SOURCE is "
        "what 'sluice heap top' takes.",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = timeline_run,
};

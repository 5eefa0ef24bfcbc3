#include <stdbool.h>

#include <sluice/budget.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_session.h"
#include "codec/json_writer.h"
#include "draw/draw.h"
#include "profile/model.h"
#include "view/diff.h"

enum {
    DIFF_NODECOUNT = HEAP_OWN,
    DIFF_CUM,
    DIFF_JSON,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [DIFF_NODECOUNT] = HEAP_NODECOUNT_OPTION("30", 0, UINT32_MAX),
    [DIFF_CUM] = HEAP_CUM_OPTION,
    [DIFF_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap diff before.pb.gz after.pb.gz", "what grew, and what is only noise"},
    {"sluice heap diff --cum --lines -n 10 monday.pb.gz http://localhost:6060/debug/pprof/heap",
     "a file and a running program, by line"},
};

struct comparing {
    const struct heap_session *session;
    struct view_diff diff;
    uint32_t *order;
    uint32_t row_count;
    uint32_t shown_count;
};

static const struct view_change *change_of(const struct comparing *comparing, size_t row)
{
    return &comparing->diff.changes[comparing->order[row]];
}

static int64_t base_of(const struct comparing *comparing, const struct view_change *change)
{
    return comparing->diff.by_cum ? change->base.cum : change->base.flat;
}

static int64_t now_of(const struct comparing *comparing, const struct view_change *change)
{
    return comparing->diff.by_cum ? change->now.cum : change->now.flat;
}

static const char *verdict_of(const struct view_change *change)
{
    return change->is_significant ? "sure" : "noise";
}

static void put_signed(struct sink *out, double value, const struct view_unit *unit)
{
    sink_text(out, value > 0 ? "+" : "");
    view_unit_write(out, value, unit);
}

static void cell_write(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct comparing *comparing = context;
    const struct view_change *change = change_of(comparing, row);
    const struct view_unit *unit = &comparing->session->unit;
    struct slu_bytes label = view_label(comparing->session->view, comparing->order[row]);
    switch (column) {
    case 0:
        put_signed(out, (double)view_change_delta(&comparing->diff, change), unit);
        break;
    case 1:
        view_unit_write(out, view_change_error(&comparing->diff, change), unit);
        break;
    case 2:
        sink_text(out, verdict_of(change));
        break;
    case 3:
        view_unit_write(out, (double)base_of(comparing, change), unit);
        break;
    case 4:
        view_unit_write(out, (double)now_of(comparing, change), unit);
        break;
    default:
        sink_put(out, label.data, label.len);
    }
}

static enum draw_style row_style(const void *context, size_t row)
{
    const struct comparing *comparing = context;
    return change_of(comparing, row)->is_significant ? DRAW_PLAIN : DRAW_DIM;
}

static void table_write(const struct comparing *comparing)
{
    static const struct draw_column columns[] = {
        {"change", DRAW_NUMBER, DRAW_CUT_NEVER}, {"+-", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"at 95%", DRAW_LEFT, DRAW_CUT_NEVER},   {"before", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"now", DRAW_NUMBER, DRAW_CUT_NEVER},    {"function", DRAW_LEFT, DRAW_CUT_END},
    };
    const struct cli *cli = comparing->session->cli;
    const struct view_unit *unit = &comparing->session->unit;
    const struct view_diff *diff = &comparing->diff;
    const struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = comparing->shown_count,
        .cell = cell_write,
        .row_style = row_style,
        .context = comparing,
    };
    heap_session_write_head(comparing->session);
    put_signed(cli->out, (double)(diff->now_total - diff->base_total), unit);
    sink_text(cli->out, " (+- ");
    view_unit_write(cli->out, diff->total_error, unit);
    sink_text(cli->out, "), from ");
    view_unit_write(cli->out, (double)diff->base_total, unit);
    sink_text(cli->out, " to ");
    view_unit_write(cli->out, (double)diff->now_total, unit);
    sink_format(cli->out, "; %u of %u rows%s\n\n", comparing->shown_count, comparing->row_count,
                diff->is_sampled ? "" : "; the profiles are not sampled: every change counts");
    draw_table(&table, &cli->out_terminal, cli->out);
}

static void row_write_json(const struct comparing *comparing, size_t row, struct json_writer *json)
{
    const struct view_change *change = change_of(comparing, row);
    json_begin_object(json);
    heap_session_write_json_entry(comparing->session, json, comparing->order[row]);
    json_write_key(json, "base");
    json_write_int(json, base_of(comparing, change));
    json_write_key(json, "now");
    json_write_int(json, now_of(comparing, change));
    json_write_key(json, "delta");
    json_write_int(json, view_change_delta(&comparing->diff, change));
    json_write_key(json, "error");
    json_write_double(json, view_change_error(&comparing->diff, change));
    json_write_key(json, "probability");
    json_write_double(json, change->probability);
    json_write_key(json, "significant");
    json_write_bool(json, change->is_significant);
    json_end_object(json);
}

static void json_write(const struct comparing *comparing)
{
    const struct view_diff *diff = &comparing->diff;
    struct json_writer json;
    json_writer_init(&json, comparing->session->cli->out, JSON_PRETTY);
    json_begin_object(&json);
    heap_session_write_json_head(comparing->session, &json);
    json_write_key(&json, "base_total");
    json_write_int(&json, diff->base_total);
    json_write_key(&json, "now_total");
    json_write_int(&json, diff->now_total);
    json_write_key(&json, "total_error");
    json_write_double(&json, diff->total_error);
    json_write_key(&json, "sampled");
    json_write_bool(&json, diff->is_sampled);
    json_write_key(&json, "level");
    json_write_double(&json, VIEW_DIFF_LEVEL);
    json_write_key(&json, "rows");
    json_begin_array(&json);
    for (size_t row = 0; row < comparing->shown_count; row++) {
        row_write_json(comparing, row, &json);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_writer_end(&json);
}

static int changes_write(struct comparing *comparing)
{
    const struct heap_session *session = comparing->session;
    const struct option_value *values = session->invocation->values;
    size_t bytes = ((size_t)session->view->entries.count + 1) * sizeof(uint32_t);
    void *block = NULL;
    int err = slu_budget_alloc(session->budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    comparing->order = block;
    comparing->row_count = view_diff_order(&comparing->diff, session->view, comparing->order);
    uint64_t most = values[DIFF_NODECOUNT].number;
    comparing->shown_count =
        most == 0 || most > comparing->row_count ? comparing->row_count : (uint32_t)most;
    if (values[DIFF_JSON].given) {
        json_write(comparing);
    } else {
        table_write(comparing);
    }
    slu_budget_free(session->budget, block, bytes);
    return 0;
}

static int diff_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    struct comparing comparing = {.session = &session};
    int status = heap_session_open(&session, cli, invocation, invocation->operands,
                                   invocation->operand_count, NULL);
    if (status != CLI_FINE) {
        return status;
    }
    const struct model_profile *base = model_profile_at(session.model, 0);
    const struct model_profile *now = model_profile_at(session.model, 1);
    struct view_range base_range = {base->sample_first, base->sample_count};
    struct view_range now_range = {now->sample_first, now->sample_count};
    int err = view_diff_init(&comparing.diff, session.view, session.type, base_range, now_range,
                             invocation->values[DIFF_CUM].given);
    if (err == 0) {
        err = changes_write(&comparing);
        view_diff_deinit(&comparing.diff);
    }
    status = err == 0 ? CLI_FINE : heap_session_failed_with(&session, err);
    heap_session_close(&session);
    return status;
}

const struct command heap_diff_command = {
    .name = "heap diff",
    .summary = "what changed between two profiles, and what is noise",
    .description =
        "Compares two profiles function by function. A sampled profile is an estimate: beside each "
        "change stands its standard error, and 'sure' says that noise of sampling alone would "
        "not make one like it in any row, in 95 comparisons of 100. The other rows are greyed. "
        "BASE and NOW are what 'sluice heap top' takes as SOURCE.",
    .operands = {.synopsis = "BASE NOW", .kind = OPERAND_FILE, .min = 2, .max = 2},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = diff_run,
};

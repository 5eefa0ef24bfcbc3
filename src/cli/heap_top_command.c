#include <stdbool.h>

#include <sluice/budget.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_session.h"
#include "codec/json_writer.h"
#include "draw/draw.h"
#include "profile/model.h"
#include "view/count.h"

enum {
    TOP_NODECOUNT = HEAP_OWN,
    TOP_CUM,
    TOP_JSON,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [TOP_NODECOUNT] = HEAP_NODECOUNT_OPTION("30", 0, UINT32_MAX),
    [TOP_CUM] = HEAP_CUM_OPTION,
    [TOP_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap top sluice-heap.4711.pb.gz", "which functions hold the memory"},
    {"sluice heap top -s alloc_space --lines --focus parse heap.pb.gz",
     "which lines of a parser allocated most, also what is freed by now"},
    {"sluice heap top http://localhost:6060/debug/pprof/heap", "of a running Go program"},
};

struct top {
    const struct heap_session *session;
    struct view_count count;
    uint32_t *order;
    int64_t *sums;      /* of flat values up to each row */
    uint32_t row_count; /* all */
    uint32_t shown_count;
};

static const struct view_value *value_of(const struct top *top, size_t row)
{
    return &top->count.values[top->order[row]];
}

/* Of the first rows. */
static int64_t flat_sum(const struct top *top, size_t row_count)
{
    return row_count == 0 ? 0 : top->sums[row_count - 1];
}

static const char *inlined_remark(const struct top *top, size_t row)
{
    switch (top->count.ways[top->order[row]]) {
    case VIEW_CALLED_INLINE:
        return " (inline)";
    case VIEW_CALLED | VIEW_CALLED_INLINE:
        return " (partial-inline)";
    default:
        return "";
    }
}

static void cell_write(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct top *top = context;
    const struct view_value *value = value_of(top, row);
    const struct view_unit *unit = &top->session->unit;
    struct slu_bytes label = view_label(top->session->view, top->order[row]);
    switch (column) {
    case 0:
        view_unit_write(out, (double)value->flat, unit);
        break;
    case 1:
        draw_number(out, view_percent(value->flat, top->count.total), DRAW_PERCENT);
        break;
    case 2:
        draw_number(out, view_percent(flat_sum(top, row + 1), top->count.total), DRAW_PERCENT);
        break;
    case 3:
        view_unit_write(out, (double)value->cum, unit);
        break;
    case 4:
        draw_number(out, view_percent(value->cum, top->count.total), DRAW_PERCENT);
        break;
    default:
        sink_put(out, label.data, label.len);
        sink_text(out, inlined_remark(top, row));
    }
}

static void table_write(const struct top *top)
{
    static const struct draw_column columns[] = {
        {"flat", DRAW_NUMBER, DRAW_CUT_NEVER}, {"flat%", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"sum%", DRAW_NUMBER, DRAW_CUT_NEVER}, {"cum", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"cum%", DRAW_NUMBER, DRAW_CUT_NEVER}, {"function", DRAW_LEFT, DRAW_CUT_END},
    };
    const struct cli *cli = top->session->cli;
    const struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = top->shown_count,
        .cell = cell_write,
        .context = top,
    };
    heap_session_write_head(top->session);
    sink_format(cli->out, "%u of %u rows: ", top->shown_count, top->row_count);
    int64_t sum = flat_sum(top, top->shown_count);
    view_unit_write(cli->out, (double)sum, &top->session->unit);
    sink_text(cli->out, " of ");
    view_unit_write(cli->out, (double)top->count.total, &top->session->unit);
    sink_text(cli->out, " (");
    draw_number(cli->out, view_percent(sum, top->count.total), DRAW_PERCENT);
    sink_text(cli->out, ")\n\n");
    draw_table(&table, &cli->out_terminal, cli->out);
}

static void row_write_json(const struct top *top, size_t row, struct json_writer *json)
{
    const struct heap_session *session = top->session;
    const struct view_value *value = value_of(top, row);
    json_begin_object(json);
    heap_session_write_json_entry(session, json, top->order[row]);
    json_write_key(json, "flat");
    json_write_int(json, value->flat);
    json_write_key(json, "cum");
    json_write_int(json, value->cum);
    json_end_object(json);
}

static void json_write(const struct top *top)
{
    struct json_writer json;
    json_writer_init(&json, top->session->cli->out, JSON_PRETTY);
    json_begin_object(&json);
    heap_session_write_json_head(top->session, &json);
    json_write_key(&json, "total");
    json_write_int(&json, top->count.total);
    json_write_key(&json, "rows");
    json_begin_array(&json);
    for (size_t row = 0; row < top->shown_count; row++) {
        row_write_json(top, row, &json);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_writer_end(&json);
}

static void top_write(struct top *top)
{
    const struct option_value *values = top->session->invocation->values;
    uint64_t most = values[TOP_NODECOUNT].number;
    int64_t sum = 0;
    top->row_count =
        view_count_order(&top->count, top->session->view, values[TOP_CUM].given, top->order);
    top->shown_count = most == 0 || most > top->row_count ? top->row_count : (uint32_t)most;
    for (uint32_t row = 0; row < top->row_count; row++) {
        sum += value_of(top, row)->flat;
        top->sums[row] = sum;
    }
    if (values[TOP_JSON].given) {
        json_write(top);
    } else {
        table_write(top);
    }
}

static int top_count(struct top *top)
{
    const struct heap_session *session = top->session;
    size_t entry_count = (size_t)session->view->entries.count + 1;
    size_t bytes = entry_count * (sizeof(*top->sums) + sizeof(*top->order));
    void *block = NULL;
    int err = view_count_init(&top->count, session->view, session->type, 0,
                              heap_session_sample_count(session));
    if (err != 0) {
        return err;
    }
    err = slu_budget_alloc(session->budget, bytes, &block);
    if (err == 0) {
        top->sums = block;
        top->order = (uint32_t *)(top->sums + entry_count);
        top_write(top);
        slu_budget_free(session->budget, block, bytes);
    }
    view_count_deinit(&top->count);
    return err;
}

static int top_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    int status = heap_session_open(&session, cli, invocation, invocation->operands,
                                   invocation->operand_count, NULL);
    if (status != CLI_FINE) {
        return status;
    }
    struct top top = {.session = &session};
    int err = top_count(&top);
    status = err == 0 ? CLI_FINE : heap_session_failed_with(&session, err);
    heap_session_close(&session);
    return status;
}

const struct command heap_top_command = {
    .name = "heap top",
    .summary = "which functions hold or allocated the memory",
    .description =
        "A table of functions, lines, files or addresses: 'flat' is what they hold themselves, "
        "'cum' what they and all that they call hold; a function that calls itself counts once. "
        "Several profiles are added up; of a folder the newest is read.\n\n"
        "A SOURCE is a file in pprof's format (ours, Go's: heap, allocs, goroutine, mutex, block), "
        "the text of Go's debug=1 pages, jemalloc's or gperftools' heap profile, or a recording of "
        "heaptrack, each plain or packed by gzip or zstd; - is standard input; a folder; an http "
        "URL; or the number of a process under 'sluice heap run'.",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = top_run,
};

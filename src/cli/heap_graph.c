#include "cli/heap_graph.h"

#include <errno.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/heap_session.h"
#include "codec/json_writer.h"
#include "draw/draw.h"
#include "profile/model.h"
#include "view/count.h"
#include "view/graph.h"
#include "view/pattern.h"

#define VALUE_WIDTH 12
#define CELL_BYTES  64

struct listing {
    const struct heap_session *session;
    const struct heap_graph_options *options;
    struct pattern pattern;
    struct view_count count;
    struct view_graph graph;
    uint32_t *order;
    uint32_t order_count;
};

/* A number, right-aligned. */
static void put_right(struct sink *out, double value, const struct view_unit *unit, bool is_percent)
{
    char cell[CELL_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, cell, sizeof(cell));
    if (is_percent) {
        draw_number(&sink, value, DRAW_PERCENT);
    } else {
        view_unit_write(&sink, value, unit);
    }
    size_t width = is_percent ? VALUE_WIDTH - 4 : VALUE_WIDTH;
    sink_repeat(out, ' ', sink.len < width ? width - sink.len : 1);
    sink_put(out, cell, sink.len);
}

static void label_put(const struct listing *listing, uint32_t entry)
{
    const struct cli *cli = listing->session->cli;
    struct slu_bytes label = view_label(listing->session->view, entry);
    draw_text_escape(cli->out, label.data, label.len, cli->out_terminal.utf8);
}

/* Callers stand above their entry and callees below it, indented. */
static void edge_put(const struct listing *listing, uint32_t number, bool is_caller)
{
    const struct view_edge *edge = view_graph_edge(&listing->graph, number);
    struct sink *out = listing->session->cli->out;
    int64_t whole = listing->count.values[is_caller ? edge->callee : edge->caller].cum;
    sink_repeat(out, ' ', 2 * VALUE_WIDTH);
    put_right(out, (double)edge->value, &listing->session->unit, false);
    put_right(out, view_percent(edge->value, whole), NULL, true);
    sink_text(out, is_caller ? "    " : "      ");
    label_put(listing, is_caller ? edge->caller : edge->callee);
    sink_text(out, edge->inlined ? " (inline)\n" : "\n");
}

static void entry_put(const struct listing *listing, uint32_t entry)
{
    const struct cli *cli = listing->session->cli;
    const struct view_value *value = &listing->count.values[entry];
    const struct view_unit *unit = &listing->session->unit;
    uint32_t caller_count = 0;
    uint32_t callee_count = 0;
    const uint32_t *callers = view_graph_callers(&listing->graph, entry, &caller_count);
    const uint32_t *callees = view_graph_callees(&listing->graph, entry, &callee_count);
    for (uint32_t i = 0; i < caller_count; i++) {
        edge_put(listing, callers[i], true);
    }
    draw_style_begin(cli->out, &cli->out_terminal, DRAW_BOLD);
    put_right(cli->out, (double)value->flat, unit, false);
    put_right(cli->out, view_percent(value->flat, listing->count.total), NULL, true);
    put_right(cli->out, (double)value->cum, unit, false);
    put_right(cli->out, view_percent(value->cum, listing->count.total), NULL, true);
    sink_text(cli->out, "  ");
    label_put(listing, entry);
    draw_style_end(cli->out, &cli->out_terminal, DRAW_BOLD);
    sink_char(cli->out, '\n');
    for (uint32_t i = 0; i < callee_count; i++) {
        edge_put(listing, callees[i], false);
    }
    sink_char(cli->out, '\n');
}

static void edges_write_json(const struct listing *listing, struct json_writer *json,
                             const char *key, const uint32_t *edges, uint32_t count)
{
    bool are_callers = key[4] == 'e' && key[5] == 'r';
    json_write_key(json, key);
    json_begin_array(json);
    for (uint32_t i = 0; i < count; i++) {
        const struct view_edge *edge = view_graph_edge(&listing->graph, edges[i]);
        json_begin_object(json);
        heap_session_write_json_entry(listing->session, json,
                                      are_callers ? edge->caller : edge->callee);
        json_write_key(json, "value");
        json_write_int(json, edge->value);
        json_write_key(json, "inlined");
        json_write_bool(json, edge->inlined != 0);
        json_end_object(json);
    }
    json_end_array(json);
}

static void entry_write_json(const struct listing *listing, struct json_writer *json,
                             uint32_t entry)
{
    uint32_t count = 0;
    json_begin_object(json);
    heap_session_write_json_entry(listing->session, json, entry);
    json_write_key(json, "flat");
    json_write_int(json, listing->count.values[entry].flat);
    json_write_key(json, "cum");
    json_write_int(json, listing->count.values[entry].cum);
    const uint32_t *edges = view_graph_callers(&listing->graph, entry, &count);
    edges_write_json(listing, json, "callers", edges, count);
    edges = view_graph_callees(&listing->graph, entry, &count);
    edges_write_json(listing, json, "callees", edges, count);
    json_end_object(json);
}

static bool is_wanted(const struct listing *listing, uint32_t entry)
{
    return !listing->pattern.is_set ||
           pattern_matches_bytes(&listing->pattern, view_label(listing->session->view, entry));
}

/* Keep what is wanted at the beginning of the order. */
static void order_select(struct listing *listing)
{
    uint32_t kept = 0;
    uint64_t most = listing->options->entry_max;
    for (uint32_t i = 0; i < listing->order_count && (most == 0 || kept < most); i++) {
        if (is_wanted(listing, listing->order[i])) {
            listing->order[kept++] = listing->order[i];
        }
    }
    listing->order_count = kept;
}

static void listing_write_json(const struct listing *listing)
{
    struct json_writer json;
    json_writer_init(&json, listing->session->cli->out, JSON_PRETTY);
    json_begin_object(&json);
    heap_session_write_json_head(listing->session, &json);
    json_write_key(&json, "total");
    json_write_int(&json, listing->count.total);
    json_write_key(&json, "rows");
    json_begin_array(&json);
    for (uint32_t i = 0; i < listing->order_count; i++) {
        entry_write_json(listing, &json, listing->order[i]);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_writer_end(&json);
}

static int listing_write(struct listing *listing)
{
    const struct heap_session *session = listing->session;
    size_t bytes = ((size_t)session->view->entries.count + 1) * sizeof(uint32_t);
    void *block = NULL;
    int err = slu_budget_alloc(session->budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    listing->order = block;
    listing->order_count =
        view_count_order(&listing->count, session->view, listing->options->by_cum, listing->order);
    order_select(listing);
    if (listing->options->json) {
        listing_write_json(listing);
    } else {
        heap_session_write_head(session);
        sink_text(session->cli->out, "        flat   flat%         cum    cum%  function, between "
                                     "its callers and what it calls\n\n");
        for (uint32_t i = 0; i < listing->order_count; i++) {
            entry_put(listing, listing->order[i]);
        }
    }
    slu_budget_free(session->budget, block, bytes);
    return 0;
}

static int listing_make(struct listing *listing)
{
    const struct heap_session *session = listing->session;
    uint32_t sample_count = heap_session_sample_count(session);
    int err = view_count_init(&listing->count, session->view, session->type, 0, sample_count);
    if (err != 0) {
        return err;
    }
    err = view_graph_init(&listing->graph, session->view, session->type, 0, sample_count);
    if (err == 0) {
        err = listing_write(listing);
        view_graph_deinit(&listing->graph);
    }
    view_count_deinit(&listing->count);
    return err;
}

int heap_graph_write(const struct heap_session *session, const struct heap_graph_options *options)
{
    struct listing listing = {.session = session, .options = options};
    struct slu_diag diag;
    int status = CLI_FINE;
    int err = pattern_init(&listing.pattern, session->model, options->wanted, "REGEX", &diag);
    if (err != 0) {
        status = heap_session_failed(session, &diag);
    } else {
        err = listing_make(&listing);
        status = err == 0 ? CLI_FINE : heap_session_failed_with(session, err);
    }
    if (err == 0 && options->wanted != NULL && listing.order_count == 0) {
        (void)diag_fail(&diag, 0, "nothing in the profile is called like '%.100s'",
                        options->wanted);
        status = heap_session_failed(session, &diag);
    }
    pattern_deinit(&listing.pattern);
    return status;
}

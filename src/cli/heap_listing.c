#include "cli/heap_listing.h"

#include <string.h>

#include <sluice/diag.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/heap_session.h"
#include "cli/source_text.h"
#include "codec/json_writer.h"
#include "draw/draw.h"
#include "profile/model.h"
#include "view/listing.h"
#include "view/page.h"

#define MARGIN      5   /* lines shown around those with a value */
#define GAP_MAX     100 /* lines without a value that are shown; of more, only the margins are */
#define VALUE_WIDTH 11
#define CELL_BYTES  64
#define TAB_BLANKS  4

struct writing {
    const struct heap_session *session;
    const struct listing *listing;
    const struct heap_listing_options *options;
    struct sink *out;
    struct json_writer json;
};

static void put_value(const struct writing *writing, int64_t value)
{
    char cell[CELL_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, cell, sizeof(cell));
    if (value == 0) {
        sink_char(&sink, '.');
    } else {
        view_unit_write(&sink, (double)value, &writing->session->unit);
    }
    if (!writing->options->html) {
        sink_repeat(writing->out, ' ', sink.len < VALUE_WIDTH ? VALUE_WIDTH - sink.len : 1);
    }
    sink_put(writing->out, cell, sink.len);
}

static void put_text(const struct writing *writing, struct slu_bytes text)
{
    const char *bytes = text.data;
    size_t begin = 0;
    if (writing->options->html) {
        page_text(writing->out, text);
        return;
    }
    for (size_t i = 0; i <= text.len; i++) {
        if (i == text.len || bytes[i] == '\t' || bytes[i] == '\r') {
            draw_text_escape(writing->out, bytes + begin, i - begin,
                             writing->session->cli->out_terminal.utf8);
            sink_repeat(writing->out, ' ', i < text.len && bytes[i] == '\t' ? TAB_BLANKS : 0);
            begin = i + 1;
        }
    }
}

static void line_write(const struct writing *writing, uint32_t number,
                       const struct view_value *value, struct slu_bytes text)
{
    struct sink *out = writing->out;
    bool is_html = writing->options->html;
    if (is_html) {
        sink_text(out, value->flat != 0 || value->cum != 0 ? "<tr class=\"hot\">" : "<tr>");
        sink_text(out, "<td class=\"number\">");
    }
    put_value(writing, value->flat);
    sink_text(out, is_html ? "</td><td class=\"number\">" : "");
    put_value(writing, value->cum);
    sink_format(out, is_html ? "</td><td class=\"number dim\">%u</td><td class=\"code\">" : "%7u  ",
                number);
    put_text(writing, text);
    sink_text(out, is_html ? "</td></tr>\n" : "\n");
}

/* The lines of one function in one file, with what stands around them. */
static void source_write(const struct writing *writing, struct source_text *source, uint32_t first,
                         uint32_t end)
{
    const struct listing_line *lines = writing->listing->lines;
    uint32_t last = source_text_line_count(source);
    uint32_t next = first;
    uint32_t from = lines[first].line > MARGIN ? lines[first].line - MARGIN : 1;
    uint32_t to =
        lines[end - 1].line < UINT32_MAX - MARGIN ? lines[end - 1].line + MARGIN : UINT32_MAX;
    for (uint32_t number = from; number <= to && number <= last; number++) {
        struct view_value value = {0};
        while (next < end && lines[next].line < number) {
            next++;
        }
        bool is_far = next > first && next < end && number == lines[next - 1].line + MARGIN + 1 &&
                      lines[next].line - number > GAP_MAX;
        if (is_far) {
            sink_text(writing->out, writing->options->html ? "<tr><td>...</td></tr>\n" : "...\n");
            number = lines[next].line - MARGIN;
        }
        if (next < end && lines[next].line == number) {
            value = lines[next].value;
        }
        line_write(writing, number, &value, source_text_line(source, number));
    }
}

/* Without the source, the numbers of lines alone. */
static void numbers_write(const struct writing *writing, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        const struct listing_line *line = &writing->listing->lines[i];
        line_write(writing, line->line, &line->value, (struct slu_bytes){"", 0});
    }
}

static void head_write(const struct writing *writing, uint32_t first, struct view_value sum,
                       const char *fault)
{
    const struct model *model = writing->session->model;
    const struct listing_line *line = &writing->listing->lines[first];
    struct sink *out = writing->out;
    bool is_html = writing->options->html;
    sink_text(out, is_html ? "<h2>" : "\n");
    put_text(writing, model_text(model, line->name));
    sink_text(out, is_html ? "</h2>\n<p>" : "  ");
    put_text(writing, model_text(model, line->file));
    sink_text(out, is_html ? "<br>" : "\n");
    put_value(writing, sum.flat);
    sink_text(out, is_html ? " flat, " : "");
    put_value(writing, sum.cum);
    sink_text(out, is_html ? " cum, " : "  flat, cum: ");
    int64_t total = writing->options->total;
    draw_number(out, view_percent(sum.cum, total), DRAW_PERCENT);
    sink_text(out, " of all");
    if (fault != NULL) {
        sink_text(out, is_html ? "<br>" : "\n    without its source: ");
        put_text(writing, (struct slu_bytes){fault, strlen(fault)});
    }
    sink_text(out, is_html ? "</p>\n<div class=\"scroll\"><table>\n" : "\n");
}

static void function_write(const struct writing *writing, uint32_t first, uint32_t end)
{
    const struct heap_session *session = writing->session;
    const struct listing_line *line = &writing->listing->lines[first];
    struct source_text source;
    struct slu_diag diag;
    int err = source_text_open(&source, session->budget, model_text(session->model, line->file),
                               writing->options->folder, &diag);
    head_write(writing, first, listing_sum(writing->listing, first, end),
               err == 0 ? NULL : diag.message);
    if (err == 0) {
        source_write(writing, &source, first, end);
    } else {
        numbers_write(writing, first, end);
    }
    sink_text(writing->out, writing->options->html ? "</table></div>\n" : "");
    source_text_close(&source);
}

static void function_write_json(struct writing *writing, uint32_t first, uint32_t end)
{
    const struct heap_session *session = writing->session;
    struct json_writer *json = &writing->json;
    struct view_value sum = listing_sum(writing->listing, first, end);
    json_begin_object(json);
    json_write_key(json, "function");
    heap_session_write_json_string(session, json, writing->listing->lines[first].name);
    json_write_key(json, "file");
    heap_session_write_json_string(session, json, writing->listing->lines[first].file);
    json_write_key(json, "flat");
    json_write_int(json, sum.flat);
    json_write_key(json, "cum");
    json_write_int(json, sum.cum);
    json_write_key(json, "lines");
    json_begin_array(json);
    for (uint32_t i = first; i < end; i++) {
        const struct listing_line *line = &writing->listing->lines[i];
        json_begin_object(json);
        json_write_key(json, "line");
        json_write_uint(json, line->line);
        json_write_key(json, "flat");
        json_write_int(json, line->value.flat);
        json_write_key(json, "cum");
        json_write_int(json, line->value.cum);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}

static void functions_write(struct writing *writing)
{
    uint32_t end = 0;
    for (uint32_t first = 0; first < writing->listing->line_count; first = end) {
        end = listing_end_of(writing->listing, first);
        if (writing->options->json) {
            function_write_json(writing, first, end);
        } else {
            function_write(writing, first, end);
        }
    }
}

int heap_listing_write(const struct heap_session *session, const struct listing *listing,
                       const struct heap_listing_options *options, struct sink *out)
{
    struct writing writing = {
        .session = session, .listing = listing, .options = options, .out = out};
    if (options->json) {
        json_writer_init(&writing.json, out, JSON_PRETTY);
        json_begin_object(&writing.json);
        heap_session_write_json_head(session, &writing.json);
        json_write_key(&writing.json, "total");
        json_write_int(&writing.json, options->total);
        json_write_key(&writing.json, "functions");
        json_begin_array(&writing.json);
        functions_write(&writing);
        json_end_array(&writing.json);
        json_end_object(&writing.json);
        json_writer_end(&writing.json);
    } else if (options->html) {
        page_begin(out, session->invocation->operands[0]);
        functions_write(&writing);
        page_end(out);
    } else {
        heap_session_write_head(session);
        functions_write(&writing);
    }
    return out->err;
}

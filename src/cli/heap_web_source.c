#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/heap_session.h"
#include "cli/heap_web.h"
#include "cli/page_request.h"
#include "cli/source_text.h"
#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/document.h"
#include "view/view.h"

#define NAME_BYTES     ((size_t)4096)
#define ANSWER_BYTES   ((size_t)16 * 1024)
#define MARGIN         4 /* lines shown around the function */
#define TEXT_LINES_MAX 4000
#define TEXT_BYTES_MAX ((size_t)1 << 20)

/* A line of the function that is asked about. */
struct source_line {
    uint32_t line;
    uint32_t seen; /* the last sample that it was in, plus one */
    int64_t self[MODEL_TYPES_MAX];
    int64_t total[MODEL_TYPES_MAX];
};

struct listing_lines {
    const struct heap_web *web;
    const struct view *view;
    char name[NAME_BYTES];
    char file[NAME_BYTES];
    struct source_line *lines; /* by entry of the view, those of the function from 1 on */
    uint32_t *places;          /* by entry: its line, from 1; 0: of another function */
    uint32_t *order;           /* lines by number */
    uint32_t line_count;
    uint32_t start_line;
    void *block;
    size_t block_bytes;
};

static bool text_is(struct slu_bytes text, const char *wanted)
{
    return text.len == strlen(wanted) && memcmp(text.data, wanted, text.len) == 0;
}

static bool is_of_function(const struct listing_lines *listing, const struct view_entry *entry)
{
    const struct model *model = listing->view->model;
    uint32_t file = entry->file;
    if (entry->function != MODEL_NONE) {
        file = model_function_at(model, entry->function)->file;
    }
    return text_is(model_text(model, entry->name), listing->name) &&
           text_is(model_text(model, file), listing->file);
}

static uint32_t entries_count(const struct listing_lines *listing)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < listing->view->entries.count; i++) {
        count += is_of_function(listing, view_entry_at(listing->view, i));
    }
    return count;
}

static int lines_find(struct listing_lines *listing)
{
    uint32_t entry_count = listing->view->entries.count;
    size_t room = entries_count(listing);
    listing->block_bytes = room * (sizeof(struct source_line) + sizeof(uint32_t)) +
                           (entry_count + 1) * sizeof(uint32_t);
    int err =
        slu_budget_alloc(listing->web->session->budget, listing->block_bytes, &listing->block);
    if (err != 0) {
        listing->block = NULL;
        return err;
    }
    memset(listing->block, 0, listing->block_bytes);
    listing->lines = listing->block;
    listing->places = (uint32_t *)(listing->lines + room);
    listing->order = listing->places + entry_count + 1;
    for (uint32_t i = 0; i < entry_count; i++) {
        const struct view_entry *entry = view_entry_at(listing->view, i);
        if (is_of_function(listing, entry)) {
            listing->lines[listing->line_count].line = entry->line;
            listing->order[listing->line_count] = listing->line_count;
            listing->places[i] = ++listing->line_count;
            if (entry->function != MODEL_NONE) {
                listing->start_line =
                    model_function_at(listing->view->model, entry->function)->start_line;
            }
        }
    }
    return 0;
}

static int stack_count(void *context, const struct view_stack *stack)
{
    const struct listing_lines *listing = context;
    const struct model *model = listing->view->model;
    for (uint32_t i = 0; i < stack->count; i++) {
        uint32_t place = listing->places[VIEW_ENTRY(stack->entries[i])];
        if (place == 0) {
            continue;
        }
        struct source_line *line = &listing->lines[place - 1];
        bool is_new = line->seen != stack->sample + 1;
        line->seen = stack->sample + 1;
        for (uint32_t type = 0; type < model->type_count; type++) {
            int64_t value = model_value(model, type, stack->sample);
            line->self[type] += i == 0 ? value : 0;
            line->total[type] += is_new ? value : 0;
        }
    }
    return 0;
}

static int line_order(const void *left, const void *right, void *context)
{
    const struct listing_lines *listing = context;
    uint32_t left_line = listing->lines[*(const uint32_t *)left].line;
    uint32_t right_line = listing->lines[*(const uint32_t *)right].line;
    return (left_line > right_line) - (left_line < right_line);
}

static void lines_write(const struct listing_lines *listing, struct json_writer *json)
{
    json_write_key(json, "lines");
    json_begin_object(json);
    json_write_key(json, "line");
    json_begin_array(json);
    for (uint32_t i = 0; i < listing->line_count; i++) {
        json_write_uint(json, listing->lines[listing->order[i]].line);
    }
    json_end_array(json);
    for (int of_total = 0; of_total < 2; of_total++) {
        json_write_key(json, of_total ? "total" : "self");
        json_begin_array(json);
        for (uint32_t type = 0; type < listing->view->model->type_count; type++) {
            json_begin_array(json);
            for (uint32_t i = 0; i < listing->line_count; i++) {
                const struct source_line *line = &listing->lines[listing->order[i]];
                json_write_int(json, of_total ? line->total[type] : line->self[type]);
            }
            json_end_array(json);
        }
        json_end_array(json);
    }
    json_end_object(json);
}

/* `text` is NULL where the file cannot be read. */
static void text_write(const struct listing_lines *listing, struct source_text *text,
                       struct json_writer *json)
{
    uint32_t begin = listing->start_line;
    uint32_t end = begin;
    for (uint32_t i = 0; i < listing->line_count; i++) {
        uint32_t line = listing->lines[i].line;
        begin = (begin == 0 || line < begin) && line > 0 ? line : begin;
        end = line > end ? line : end;
    }
    begin = begin > MARGIN ? begin - MARGIN : 1;
    document_number(json, "first", begin);
    json_write_key(json, "text");
    json_begin_array(json);
    uint32_t last = text == NULL ? 0 : source_text_line_count(text);
    last = last < end + 2 * MARGIN ? last : end + 2 * MARGIN;
    size_t written = 0;
    for (uint32_t line = begin; line <= last && line - begin < TEXT_LINES_MAX; line++) {
        struct slu_bytes bytes = source_text_line(text, line);
        written += bytes.len;
        if (written > TEXT_BYTES_MAX) {
            break;
        }
        json_write_string_bytes(json, bytes.data, bytes.len);
    }
    json_end_array(json);
}

static void listing_write(const struct listing_lines *listing, struct sink *out)
{
    const struct heap_web *web = listing->web;
    struct slu_diag diag;
    struct json_writer json;
    struct source_text text;
    struct slu_bytes path = {listing->file, strlen(listing->file)};
    int err = source_text_open(&text, web->session->budget, path, web->source_folder, &diag);
    json_writer_init(&json, out, JSON_COMPACT);
    json_begin_object(&json);
    document_number(&json, "version", DOCUMENT_VERSION);
    json_write_key(&json, "function");
    json_begin_object(&json);
    json_write_key(&json, "name");
    json_write_string(&json, listing->name);
    json_write_key(&json, "file");
    json_write_string(&json, listing->file);
    document_number(&json, "line", listing->start_line);
    json_end_object(&json);
    json_write_key(&json, "path");
    json_write_string(&json, listing->file);
    json_write_key(&json, "problem");
    if (err == 0) {
        json_write_null(&json);
    } else {
        json_write_string(&json, diag.message);
    }
    document_types(listing->view, &json, 0, listing->view->model->type_count);
    text_write(listing, err == 0 ? &text : NULL, &json);
    lines_write(listing, &json);
    json_end_object(&json);
    json_writer_end(&json);
    source_text_close(&text);
}

static int listing_count(struct listing_lines *listing, uint32_t profile, struct slu_diag *diag)
{
    const struct model_profile *shown = model_profile_at(listing->view->model, profile);
    int err = lines_find(listing);
    if (err == 0) {
        err = view_each(listing->view, shown->sample_first, shown->sample_count, stack_count,
                        listing);
    }
    if (err != 0) {
        return diag_fail(diag, err, "%s", slu_error_text(err));
    }
    if (listing->line_count == 0) {
        return diag_fail(diag, -ENOENT, "the profile has no function '%.150s'", listing->name);
    }
    qsort_r(listing->order, listing->line_count, sizeof(uint32_t), line_order, listing);
    return 0;
}

static int listing_make(struct listing_lines *listing, const struct page_request *request,
                        struct slu_diag *diag)
{
    uint32_t profile = 0;
    struct view *view = NULL;
    int err = page_request_value(request, "name", listing->name, sizeof(listing->name));
    if (err != 0) {
        return diag_fail(diag, -EINVAL, "name: whose source?");
    }
    err = page_request_value(request, "file", listing->file, sizeof(listing->file));
    if (err != 0 && err != -ENOENT) {
        return diag_fail(diag, -EINVAL, "file: cannot be read");
    }
    err = heap_web_moment(listing->web, request, "at", &profile, diag);
    if (err == 0) {
        err = heap_web_view(listing->web, request, true, diag, &view);
    }
    if (err == 0) {
        listing->view = view;
        err = listing_count(listing, profile, diag);
    }
    return err;
}

int heap_web_source(const struct heap_web *web, const struct page_request *request,
                    struct page_answer *answer, struct slu_diag *diag)
{
    struct slu_budget *budget = web->session->budget;
    struct listing_lines listing = {.web = web};
    char staging[ANSWER_BYTES];
    int err = listing_make(&listing, request, diag);
    if (err == 0) {
        struct sink sink;
        sink_init(&sink, heap_web_send, answer, staging, sizeof(staging));
        listing_write(&listing, &sink);
        sink_flush(&sink); /* answer->err has what goes wrong */
    }
    slu_budget_free(budget, listing.block, listing.block_bytes);
    struct view *view = (struct view *)(uintptr_t)listing.view; /* made here, shown as const */
    view_destroy(&view);
    return err;
}

#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>

#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/document.h"
#include "view/timeline.h"
#include "view/view.h"

/* The type that only grows beside one that is in use; MODEL_NONE: there is none. */
static uint32_t allocated_type(const struct view *view)
{
    return model_type_find(view->model, "alloc_space");
}

/* Row 0 is the sum; of the others those that hold most at any time come first. */
static uint32_t rows_order(const struct timeline *timeline, uint32_t *rows)
{
    int64_t most[TIMELINE_ROWS_MAX];
    uint32_t count = 0;
    for (uint32_t row = 1; row < timeline->row_count; row++) {
        int64_t held = 0;
        for (uint32_t i = 0; i < timeline->profile_count; i++) {
            int64_t value = timeline_value(timeline, row, i);
            held = value > held ? value : held;
        }
        uint32_t place = count++;
        for (; place > 0 && most[place - 1] < held; place--) {
            most[place] = most[place - 1];
            rows[place] = rows[place - 1];
        }
        most[place] = held;
        rows[place] = row;
    }
    return count < DOCUMENT_SITES_MAX ? count : DOCUMENT_SITES_MAX;
}

static void values_write(const struct timeline *timeline, struct json_writer *json, uint32_t row)
{
    json_begin_array(json);
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        json_write_int(json, timeline_value(timeline, row, i));
    }
    json_end_array(json);
}

static bool has_rates(const struct view *view, const struct timeline *timeline)
{
    return timeline->has_times && allocated_type(view) != MODEL_NONE;
}

static void rates_write(const struct view *view, const struct timeline *timeline,
                        struct json_writer *json, const uint32_t *rows, uint32_t count)
{
    json_write_key(json, "rate");
    if (!has_rates(view, timeline)) {
        json_write_null(json);
        return;
    }
    json_begin_array(json);
    for (uint32_t at = 0; at < count; at++) {
        json_begin_array(json);
        for (uint32_t i = 0; i < timeline->profile_count; i++) {
            json_write_double(json, timeline_rate(timeline, rows[at], i)); /* NaN becomes null */
        }
        json_end_array(json);
    }
    json_end_array(json);
}

static void resident_write(const struct document *document, const struct timeline *timeline,
                           struct json_writer *json)
{
    json_write_key(json, "resident");
    json_begin_array(json);
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        uint32_t profile = timeline->profiles[i];
        int64_t bytes = document->resident == NULL
                            ? -1
                            : *(const int64_t *)column_at(document->resident, profile);
        if (bytes < 0) {
            json_write_null(json);
        } else {
            json_write_int(json, bytes);
        }
    }
    json_end_array(json);
}

static void sites_write(const struct view *view, const struct timeline *timeline,
                        struct json_writer *json, const uint32_t *rows, uint32_t count)
{
    static const char *const keys[] = {"name", "file", "module"};
    json_write_key(json, "sites");
    json_begin_object(json);
    for (size_t which = 0; which < 3; which++) {
        json_write_key(json, keys[which]);
        json_begin_array(json);
        for (uint32_t at = 0; at < count; at++) {
            const struct view_entry *entry = view_entry_at(view, timeline->entries[rows[at]]);
            bool has_function = entry->function != MODEL_NONE;
            uint32_t file =
                has_function ? model_function_at(view->model, entry->function)->file : entry->file;
            uint32_t string = which == 0 ? entry->label : which == 1 ? file : entry->module;
            struct slu_bytes text = model_text(view->model, string);
            json_write_string_bytes(json, text.data, text.len);
        }
        json_end_array(json);
    }
    json_end_object(json);
}

static void marks_write(struct json_writer *json)
{
    static const char *const keys[] = {"time_ms", "kind", "text"};
    json_write_key(json, "marks");
    json_begin_object(json);
    for (size_t i = 0; i < 3; i++) {
        json_write_key(json, keys[i]);
        json_begin_array(json);
        json_end_array(json);
    }
    json_end_object(json);
}

static void write_timeline(const struct document *document, const struct timeline *timeline,
                           uint32_t type, struct sink *out)
{
    const struct view *view = document->view;
    struct json_writer json;
    uint32_t rows[TIMELINE_ROWS_MAX];
    uint32_t count = rows_order(timeline, rows);
    document_begin(document, &json, out);
    document_string(view, &json, "type", view->model->types[type].type);
    document_string(view, &json, "unit", view->model->types[type].unit);
    json_write_key(&json, "rate_type");
    if (has_rates(view, timeline)) {
        json_write_string(&json, "alloc_space");
    } else {
        json_write_null(&json);
    }
    document_moments(document, &json, timeline->profiles);
    json_write_key(&json, "total");
    values_write(timeline, &json, 0);
    resident_write(document, timeline, &json);
    sites_write(view, timeline, &json, rows, count);
    json_write_key(&json, "live");
    json_begin_array(&json);
    for (uint32_t at = 0; at < count; at++) {
        values_write(timeline, &json, rows[at]);
    }
    json_end_array(&json);
    rates_write(view, timeline, &json, rows, count);
    marks_write(&json);
    json_end_object(&json);
    json_writer_end(&json);
}

int document_timeline(const struct document *document, uint32_t type, struct sink *out)
{
    struct timeline timeline;
    const struct timeline_options options = {
        .type = type,
        .allocated = allocated_type(document->view),
        .row_max = TIMELINE_ROWS_MAX,
    };
    int err = timeline_init(&timeline, document->view, &options);
    if (err != 0) {
        return err;
    }
    write_timeline(document, &timeline, type, out);
    timeline_deinit(&timeline);
    return 0;
}

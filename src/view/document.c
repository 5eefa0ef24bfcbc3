#include "view/document.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/calls.h"
#include "view/diff.h"
#include "view/function_sums.h"
#include "view/view.h"

#define MILLISECOND_NS 1000000

void document_begin(const struct document *document, struct json_writer *json, struct sink *out)
{
    json_writer_init(json, out, JSON_COMPACT);
    json_begin_object(json);
    document_number(json, "version", DOCUMENT_VERSION);
    document_number(json, "generation", (int64_t)document->generation);
}

void document_number(struct json_writer *json, const char *key, int64_t value)
{
    json_write_key(json, key);
    json_write_int(json, value);
}

static void write_bool(struct json_writer *json, const char *key, bool value)
{
    json_write_key(json, key);
    json_write_bool(json, value);
}

void document_string(const struct view *view, struct json_writer *json, const char *key,
                     uint32_t string)
{
    struct slu_bytes text = model_text(view->model, string);
    json_write_key(json, key);
    json_write_string_bytes(json, text.data, text.len);
}

void document_types(const struct view *view, struct json_writer *json, uint32_t first,
                    uint32_t count)
{
    json_write_key(json, "types");
    json_begin_array(json);
    for (uint32_t i = first; i < first + count; i++) {
        json_begin_object(json);
        document_string(view, json, "name", view->model->types[i].type);
        document_string(view, json, "unit", view->model->types[i].unit);
        json_end_object(json);
    }
    json_end_array(json);
}

static int time_order(const void *left, const void *right, void *context)
{
    const struct view *view = context;
    uint32_t left_id = *(const uint32_t *)left;
    uint32_t right_id = *(const uint32_t *)right;
    int64_t left_ns = model_profile_at(view->model, left_id)->time_ns;
    int64_t right_ns = model_profile_at(view->model, right_id)->time_ns;
    return left_ns != right_ns ? (left_ns > right_ns) - (left_ns < right_ns)
                               : (left_id > right_id) - (left_id < right_id);
}

void document_moments_order(const struct view *view, uint32_t *order)
{
    uint32_t count = view->model->profiles.count;
    struct view *context = (struct view *)(uintptr_t)view; /* qsort_r takes no const */
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    qsort_r(order, count, sizeof(uint32_t), time_order, context);
}

void document_moments(const struct document *document, struct json_writer *json,
                      const uint32_t *order)
{
    const struct model *model = document->view->model;
    json_write_key(json, "moments");
    json_begin_object(json);
    json_write_key(json, "id");
    json_begin_array(json);
    for (uint32_t i = 0; i < model->profiles.count; i++) {
        json_write_uint(json, order[i]);
    }
    json_end_array(json);
    json_write_key(json, "time_ms");
    json_begin_array(json);
    for (uint32_t i = 0; i < model->profiles.count; i++) {
        json_write_int(json, model_profile_at(model, order[i])->time_ns / MILLISECOND_NS);
    }
    json_end_array(json);
    json_write_key(json, "name");
    json_begin_array(json);
    for (uint32_t i = 0; i < model->profiles.count; i++) {
        struct slu_bytes name = model_text(model, model_profile_at(model, order[i])->name);
        json_write_string_bytes(json, name.data, name.len);
    }
    json_end_array(json);
    json_end_object(json);
}

uint32_t document_newest(const struct view *view)
{
    uint32_t newest = 0;
    for (uint32_t i = 1; i < view->model->profiles.count; i++) {
        if (model_profile_at(view->model, i)->time_ns >=
            model_profile_at(view->model, newest)->time_ns) {
            newest = i;
        }
    }
    return newest;
}

uint32_t document_default_type(const struct view *view, uint32_t profile)
{
    uint32_t type = model_profile_at(view->model, profile)->default_type;
    return type != MODEL_NONE && type < view->model->type_count ? type
                                                                : view->model->type_count - 1;
}

/* The last part of the path of what was run. */
static void program_write(const struct view *view, struct json_writer *json)
{
    struct slu_bytes file = {"", 0};
    if (view->model->mappings.count > 0) {
        file = model_text(view->model, model_mapping_at(view->model, 0)->file);
    }
    const char *slash = memrchr(file.data, '/', file.len);
    const char *name = slash == NULL ? file.data : slash + 1;
    json_write_key(json, "program");
    json_write_string_bytes(json, name, file.len - (size_t)(name - (const char *)file.data));
}

static void head_write(const struct document *document, struct json_writer *json, uint32_t profile,
                       const uint32_t *order)
{
    const struct view *view = document->view;
    const struct model_profile *shown = model_profile_at(view->model, profile);
    write_bool(json, "live", document->is_live);
    json_write_key(json, "source");
    json_write_string(json, document->source);
    program_write(view, json);
    document_number(json, "time_ms", shown->time_ns / MILLISECOND_NS);
    document_number(json, "duration_ms", shown->duration_ns / MILLISECOND_NS);
    json_write_key(json, "period");
    json_begin_object(json);
    document_number(json, "value", shown->period);
    document_string(view, json, "name", shown->period_type.type);
    document_string(view, json, "unit", shown->period_type.unit);
    json_end_object(json);
    document_moments(document, json, order);
    json_write_key(json, "has");
    json_begin_object(json);
    write_bool(json, "source", true);
    write_bool(json, "memory", document->has_memory);
    write_bool(json, "timeline", view->model->profiles.count > 1);
    json_end_object(json);
}

/* What values are taken from. */
struct taking {
    const struct model *model;
    const struct document_columns *columns;
    struct view_sampling sampling;
    uint32_t age_key;
    uint32_t type;   /* of a diff */
    uint32_t column; /* of a diff: 0 or 1 */
    uint32_t space;  /* the type inuse_space */
};

/* A set's age in seconds; 0 if it does not say. */
static int64_t age_of(const struct taking *taking, uint32_t labels)
{
    uint32_t count = 0;
    const struct model_label *list = model_labels_at(taking->model, labels, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].key == taking->age_key && list[i].is_number) {
            return list[i].number;
        }
    }
    return 0;
}

static void profile_values(void *context, uint32_t sample, double *values)
{
    const struct taking *taking = context;
    uint32_t count = taking->columns->type_count;
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (double)model_value(taking->model, i, sample);
    }
    if (taking->columns->has_age) {
        const struct model_sample *row = column_at(&taking->model->samples, sample);
        values[count] = values[taking->space] * (double)age_of(taking, row->labels);
    }
}

static void diff_values(void *context, uint32_t sample, double *values)
{
    const struct taking *taking = context;
    values[taking->column] = (double)model_value(taking->model, taking->type, sample);
    if (taking->columns->has_variance) {
        values[2] = view_variance_of(&taking->sampling, sample);
    }
}

static bool ages_are_there(const struct taking *taking)
{
    for (uint32_t i = 0; i < taking->model->label_sets.count; i++) {
        if (age_of(taking, i) > 0) {
            return true;
        }
    }
    return false;
}

static struct calls_addition range_of(uint32_t profile, calls_values values, struct taking *taking)
{
    const struct model_profile *added = model_profile_at(taking->model, profile);
    return (struct calls_addition){added->sample_first, added->sample_count, values, taking};
}

/* Both documents end alike: the tables that are needed, then everything is written. */
struct finishing {
    const struct document *document;
    struct calls *calls;
    const struct document_columns *columns;
    uint32_t profile;
    uint32_t order_column;
    uint32_t order_rest;
    uint32_t type_first;
    uint32_t type_count;
    uint32_t base; /* MODEL_NONE: not a diff */
};

static void finish_write(const struct finishing *finishing, const struct document_tree *tree,
                         const uint32_t *order, struct sink *out)
{
    const struct view *view = finishing->document->view;
    bool is_diff = finishing->base != MODEL_NONE;
    struct json_writer json;
    document_begin(finishing->document, &json, out);
    head_write(finishing->document, &json, finishing->profile, order);
    document_types(view, &json, finishing->type_first, finishing->type_count);
    document_number(&json, "default_type", is_diff ? 0 : finishing->order_column);
    if (is_diff) {
        document_number(&json, "a", finishing->base);
    }
    document_number(&json, is_diff ? "b" : "at", finishing->profile);
    document_tree_write(tree, &json, finishing->columns);
    json_end_object(&json);
    json_writer_end(&json);
}

static int finish(const struct finishing *finishing, struct sink *out)
{
    struct slu_budget *budget = finishing->calls->budget;
    const struct view *view = finishing->document->view;
    struct document_tree tree;
    size_t bytes = view->model->profiles.count * sizeof(uint32_t);
    void *order = NULL;
    int err = slu_budget_alloc(budget, bytes, &order);
    if (err != 0) {
        return err;
    }
    err =
        document_tree_init(&tree, finishing->calls, finishing->order_column, finishing->order_rest);
    if (err == 0) {
        document_moments_order(view, order);
        finish_write(finishing, &tree, order, out);
        document_tree_deinit(&tree);
    }
    slu_budget_free(budget, order, bytes);
    return err;
}

static int taking_init(struct taking *taking, const struct document *document,
                       const struct document_columns *columns)
{
    struct model *model = document->view->model;
    *taking = (struct taking){.model = model, .columns = columns};
    taking->space = model_type_find(model, "inuse_space");
    return model_string(model, (struct slu_bytes){"age", 3}, &taking->age_key);
}

int document_profile(const struct document *document, uint32_t profile, struct sink *out)
{
    const struct view *view = document->view;
    struct document_columns columns = {.type_count = view->model->type_count};
    struct taking taking;
    struct calls calls;
    int err = taking_init(&taking, document, &columns);
    if (err != 0) {
        return err;
    }
    columns.has_age = taking.space != MODEL_NONE && ages_are_there(&taking);
    err = calls_init(&calls, view, columns.type_count + columns.has_age);
    if (err != 0) {
        return err;
    }
    calls_below(&calls, document->below, document->below_count);
    const struct calls_addition range = range_of(profile, profile_values, &taking);
    err = calls_add(&calls, &range, 1, columns.type_count);
    if (err == 0) {
        const struct finishing finishing = {
            .document = document,
            .calls = &calls,
            .columns = &columns,
            .profile = profile,
            .order_column = document_default_type(view, profile),
            .order_rest = 1,
            .type_count = columns.type_count,
            .base = MODEL_NONE,
        };
        err = finish(&finishing, out);
    }
    calls_deinit(&calls);
    return err;
}

int document_diff(const struct document *document, uint32_t a, uint32_t b, uint32_t type,
                  struct sink *out)
{
    const struct view *view = document->view;
    struct document_columns columns = {.type_count = 2};
    struct taking taking;
    struct calls calls;
    int err = taking_init(&taking, document, &columns);
    if (err != 0) {
        return err;
    }
    taking.type = type;
    taking.sampling = view_sampling_of(view->model, type);
    columns.has_variance = taking.sampling.is_known;
    err = calls_init(&calls, view, 3);
    if (err != 0) {
        return err;
    }
    calls_below(&calls, document->below, document->below_count);
    struct taking taking_now = taking;
    taking_now.column = 1;
    const struct calls_addition ranges[] = {range_of(a, diff_values, &taking),
                                            range_of(b, diff_values, &taking_now)};
    err = calls_add(&calls, ranges, 2, 2);
    if (err == 0) {
        const struct finishing finishing = {
            .document = document,
            .calls = &calls,
            .columns = &columns,
            .profile = b,
            .order_rest = 2,
            .type_first = type,
            .type_count = 1,
            .base = a,
        };
        err = finish(&finishing, out);
    }
    calls_deinit(&calls);
    return err;
}

/* A column of the functions' sums. */
static void sums_write(struct json_writer *json, const struct document_table *table,
                       const double *values, uint32_t column, uint32_t column_count)
{
    json_begin_array(json);
    for (uint32_t i = 0; i < table->function_count; i++) {
        json_write_double(json, values[(size_t)table->entries[i] * column_count + column]);
    }
    json_end_array(json);
}

static void functions_write(const struct document *document, const struct function_sums *sums,
                            const struct document_table *table, struct sink *out)
{
    const double *const values[] = {sums->self, sums->total};
    static const char *const keys[] = {"self", "total"};
    struct json_writer json;
    document_begin(document, &json, out);
    document_table_write(table, &json);
    for (size_t i = 0; i < 2; i++) {
        json_write_key(&json, keys[i]);
        json_begin_array(&json);
        for (uint32_t column = 0; column < sums->column_count; column++) {
            sums_write(&json, table, values[i], column, sums->column_count);
        }
        json_end_array(&json);
    }
    json_end_object(&json);
    json_writer_end(&json);
}

static int functions_finish(const struct document *document, const struct function_sums *sums,
                            struct sink *out)
{
    size_t bytes = 2 * ((size_t)sums->entry_count + 1) * sizeof(uint32_t);
    void *block = NULL;
    int err = slu_budget_alloc(sums->budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    memset(block, 0, bytes);
    struct document_table table = {.view = document->view, .entries = block};
    table.modules = table.entries + sums->entry_count + 1;
    table.function_count = function_sums_entries(sums, table.entries);
    document_modules_find(document->view, table.modules);
    functions_write(document, sums, &table, out);
    slu_budget_free(sums->budget, block, bytes);
    return 0;
}

/* Columns as in the tree's document: all types; or then, now and, if it is known, the variance. */
static int functions_add(struct function_sums *sums, struct taking *taking, uint32_t base,
                         uint32_t profile)
{
    if (base == MODEL_NONE) {
        const struct calls_addition all = range_of(profile, profile_values, taking);
        return function_sums_add(sums, &all);
    }
    const struct calls_addition then = range_of(base, diff_values, taking);
    int err = function_sums_add(sums, &then);
    if (err == 0) {
        taking->column = 1;
        const struct calls_addition now = range_of(profile, diff_values, taking);
        err = function_sums_add(sums, &now);
    }
    return err;
}

int document_functions(const struct document *document, uint32_t base, uint32_t profile,
                       uint32_t type, struct sink *out)
{
    const struct view *view = document->view;
    bool is_diff = base != MODEL_NONE;
    struct document_columns columns = {.type_count = is_diff ? 2 : view->model->type_count};
    struct taking taking;
    struct function_sums sums;
    int err = taking_init(&taking, document, &columns);
    if (err == 0 && is_diff) {
        taking.type = type;
        taking.sampling = view_sampling_of(view->model, type);
        columns.has_variance = taking.sampling.is_known;
    }
    if (err == 0) {
        err = function_sums_init(&sums, view, columns.type_count + columns.has_variance);
    }
    if (err != 0) {
        return err;
    }
    err = functions_add(&sums, &taking, base, profile);
    if (err == 0) {
        err = functions_finish(document, &sums, out);
    }
    function_sums_deinit(&sums);
    return err;
}

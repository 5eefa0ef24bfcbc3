#include <string.h>

#include <sluice/budget.h>

#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/calls.h"
#include "view/document.h"
#include "view/view.h"

/* The file of the first mapping that has an entry: where its code is. */
void document_modules_find(const struct view *view, uint32_t *modules)
{
    const struct model *model = view->model;
    for (uint32_t i = 0; i < view->location_count; i++) {
        const struct model_location *location = model_location_at(model, i);
        uint32_t count = 0;
        const uint32_t *entries = view_location(view, i, &count);
        if (location->mapping == MODEL_NONE) {
            continue;
        }
        uint32_t file = model_mapping_at(model, location->mapping)->file;
        for (uint32_t j = 0; j < count; j++) {
            uint32_t *module = &modules[VIEW_ENTRY(entries[j])];
            *module = *module == 0 ? file : *module;
        }
    }
}

static void functions_number(struct document_tree *tree)
{
    for (uint32_t i = 0; i + 1 < tree->calls->nodes.count; i++) {
        uint32_t entry = calls_node(tree->calls, tree->preorder[i])->entry;
        if (tree->functions[entry] == 0) {
            tree->table.entries[tree->table.function_count] = entry;
            tree->functions[entry] = ++tree->table.function_count;
        }
    }
}

int document_tree_init(struct document_tree *tree, const struct calls *calls, uint32_t order_column,
                       uint32_t order_rest)
{
    size_t entry_count = calls->view->entries.count;
    size_t bytes = (calls->nodes.count + 3 * entry_count) * sizeof(uint32_t);
    *tree = (struct document_tree){.calls = calls, .block_bytes = bytes};
    int err = slu_budget_alloc(calls->budget, bytes, &tree->block);
    if (err != 0) {
        return err;
    }
    memset(tree->block, 0, bytes);
    tree->preorder = tree->block;
    tree->functions = tree->preorder + calls->nodes.count;
    tree->table.view = calls->view;
    tree->table.entries = tree->functions + entry_count;
    tree->table.modules = tree->table.entries + entry_count;
    err = calls_order(calls, order_column, order_rest, tree->preorder);
    if (err != 0) {
        document_tree_deinit(tree);
        return err;
    }
    document_modules_find(calls->view, tree->table.modules);
    functions_number(tree);
    return 0;
}

void document_tree_deinit(struct document_tree *tree)
{
    slu_budget_free(tree->calls->budget, tree->block, tree->block_bytes);
    *tree = (struct document_tree){0};
}

static uint32_t file_of(const struct view *view, const struct view_entry *entry)
{
    return entry->file == 0 && entry->function != MODEL_NONE
               ? model_function_at(view->model, entry->function)->file
               : entry->file;
}

static uint32_t line_of(const struct view *view, const struct view_entry *entry)
{
    return entry->line == 0 && entry->function != MODEL_NONE
               ? model_function_at(view->model, entry->function)->start_line
               : entry->line;
}

static uint32_t string_of(const struct document_table *table, uint32_t function, uint32_t which)
{
    const struct view *view = table->view;
    const struct view_entry *entry = view_entry_at(view, table->entries[function]);
    return which == 0   ? entry->label
           : which == 1 ? file_of(view, entry)
                        : table->modules[table->entries[function]];
}

/* Three strings for each function, whether they are the same or not: a string that is written
 * twice costs less than a table of those that were. */
static void strings_write(const struct document_table *table, struct json_writer *json)
{
    const struct model *model = table->view->model;
    json_write_key(json, "strings");
    json_begin_array(json);
    for (uint32_t i = 0; i < 3 * table->function_count; i++) {
        uint32_t string = string_of(table, i / 3, i % 3);
        bool is_same = i >= 3 && string == string_of(table, i / 3 - 1, i % 3);
        struct slu_bytes text = model_text(model, is_same ? 0 : string);
        json_write_string_bytes(json, text.data, text.len);
    }
    json_end_array(json);
}

static void function_column_write(const struct document_table *table, struct json_writer *json,
                                  const char *key, uint32_t which)
{
    uint32_t place = which;
    json_write_key(json, key);
    json_begin_array(json);
    for (uint32_t i = 0; i < table->function_count; i++) {
        bool is_same = i > 0 && string_of(table, i, which) == string_of(table, i - 1, which);
        place = is_same ? place : 3 * i + which;
        json_write_uint(json, place);
    }
    json_end_array(json);
}

static void functions_write(const struct document_table *table, struct json_writer *json)
{
    static const char *const keys[] = {"name", "file", "module"};
    json_write_key(json, "functions");
    json_begin_object(json);
    for (uint32_t which = 0; which < 3; which++) {
        function_column_write(table, json, keys[which], which);
    }
    json_write_key(json, "line");
    json_begin_array(json);
    for (uint32_t i = 0; i < table->function_count; i++) {
        const struct view *view = table->view;
        json_write_uint(json, line_of(view, view_entry_at(view, table->entries[i])));
    }
    json_end_array(json);
    json_write_key(json, "entry");
    json_begin_array(json);
    for (uint32_t i = 0; i < table->function_count; i++) {
        json_write_uint(json, table->entries[i]);
    }
    json_end_array(json);
    json_end_object(json);
}

void document_table_write(const struct document_table *table, struct json_writer *json)
{
    strings_write(table, json);
    functions_write(table, json);
}

static void values_write(const struct document_tree *tree, struct json_writer *json,
                         uint32_t column, bool is_whole)
{
    json_begin_array(json);
    for (uint32_t i = 0; i + 1 < tree->calls->nodes.count; i++) {
        double value = calls_self(tree->calls, tree->preorder[i])[column];
        if (is_whole) {
            json_write_int(json, (int64_t)value);
        } else {
            json_write_double(json, value);
        }
    }
    json_end_array(json);
}

static void nodes_write(const struct document_tree *tree, struct json_writer *json,
                        const struct document_columns *columns)
{
    const struct calls *calls = tree->calls;
    uint32_t column = columns->type_count;
    json_begin_object(json);
    json_write_key(json, "depth");
    json_begin_array(json);
    for (uint32_t i = 0; i + 1 < calls->nodes.count; i++) {
        json_write_uint(json, calls_node(calls, tree->preorder[i])->depth - 1);
    }
    json_end_array(json);
    json_write_key(json, "function");
    json_begin_array(json);
    for (uint32_t i = 0; i + 1 < calls->nodes.count; i++) {
        uint32_t entry = calls_node(calls, tree->preorder[i])->entry;
        json_write_uint(json, tree->functions[entry] - 1);
    }
    json_end_array(json);
    json_write_key(json, "self");
    json_begin_array(json);
    for (uint32_t i = 0; i < columns->type_count; i++) {
        values_write(tree, json, i, true);
    }
    json_end_array(json);
    if (columns->has_age) {
        json_write_key(json, "age");
        values_write(tree, json, column++, true);
    }
    if (columns->has_variance) {
        json_write_key(json, "variance");
        values_write(tree, json, column, false);
    }
    json_end_object(json);
}

void document_tree_write(const struct document_tree *tree, struct json_writer *json,
                         const struct document_columns *columns)
{
    document_number(json, "cut", (int64_t)tree->calls->cut_count);
    document_table_write(&tree->table, json);
    json_write_key(json, "nodes");
    nodes_write(tree, json, columns);
}

#include <sluice/budget.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/flame.h"
#include "view/flame_body.h"
#include "view/flame_parts.h"
#include "view/flame_script.h"
#include "view/page.h"
#include "view/tree.h"
#include "view/view.h"

#define STAGE_BYTES 4096
#define PLACE_BYTES 1024

struct slu_bytes flame_colour_name(const struct view_tree *tree, uint32_t id)
{
    const struct view_entry *entry = view_entry_at(tree->view, id);
    struct slu_bytes label = view_label(tree->view, id);
    const char *bytes = label.data;
    size_t begin = label.len;
    while (begin > 0 && bytes[begin - 1] != '/') {
        begin--;
    }
    for (size_t i = begin; i < label.len; i++) {
        if (bytes[i] == '.' || bytes[i] == ':' || bytes[i] == '(') {
            return (struct slu_bytes){bytes, i};
        }
    }
    if (entry->function == MODEL_NONE) {
        return label;
    }
    uint32_t file = model_function_at(tree->view->model, entry->function)->file;
    return file == 0 ? label : model_text(tree->view->model, file);
}

static void place_write(const struct view_tree *tree, uint32_t id, struct json_writer *json)
{
    const struct view_entry *entry = view_entry_at(tree->view, id);
    uint32_t file = entry->file;
    char place[PLACE_BYTES];
    struct sink sink;
    if (file == 0 && entry->function != MODEL_NONE) {
        file = model_function_at(tree->view->model, entry->function)->file;
    }
    struct slu_bytes text = model_text(tree->view->model, file);
    sink_init_fixed(&sink, place, sizeof(place));
    sink_put(&sink, text.data, text.len);
    if (entry->line > 0) {
        sink_format(&sink, ":%u", entry->line);
    }
    json_write_string_bytes(json, place, sink.len);
}

/* What is drawn: entries get numbers in the order in which they are met. */
struct drawn {
    const struct view_tree *tree;
    uint64_t least;
    uint64_t left_out; /* subtrees */
    uint32_t *numbers; /* by entry, plus one; 0: not met */
    uint32_t *entries; /* by number */
    uint32_t count;
};

static uint32_t number_of(struct drawn *drawn, uint32_t entry)
{
    if (entry == UINT32_MAX) {
        return 0; /* the root's does not count */
    }
    if (drawn->numbers[entry] == 0) {
        drawn->entries[drawn->count++] = entry;
        drawn->numbers[entry] = drawn->count;
    }
    return drawn->numbers[entry] - 1;
}

static void nodes_write(struct drawn *drawn, struct json_writer *json)
{
    const struct view_tree *tree = drawn->tree;
    json_write_key(json, "nodes");
    json_begin_array(json);
    for (uint32_t i = VIEW_TREE_ROOT; i != VIEW_TREE_NONE;) {
        const struct view_node *node = view_tree_at(tree, i);
        if (flame_magnitude(node->total) < drawn->least) {
            drawn->left_out++;
            i = view_tree_skip(tree, i);
            continue;
        }
        json_begin_array(json);
        json_write_uint(json, node->depth);
        json_write_uint(json, number_of(drawn, node->entry));
        json_write_int(json, node->total);
        json_write_int(json, node->self);
        json_write_uint(json, node->inlined);
        json_end_array(json);
        i = view_tree_next(tree, i);
    }
    json_end_array(json);
    json_write_key(json, "left_out");
    json_write_uint(json, drawn->left_out);
}

static void entries_write(const struct drawn *drawn, struct json_writer *json)
{
    const struct view_tree *tree = drawn->tree;
    json_write_key(json, "labels");
    json_begin_array(json);
    for (uint32_t i = 0; i < drawn->count; i++) {
        struct slu_bytes label = view_label(tree->view, drawn->entries[i]);
        json_write_string_bytes(json, label.data, label.len);
    }
    json_end_array(json);
    json_write_key(json, "places");
    json_begin_array(json);
    for (uint32_t i = 0; i < drawn->count; i++) {
        place_write(tree, drawn->entries[i], json);
    }
    json_end_array(json);
    json_write_key(json, "hues");
    json_begin_array(json);
    for (uint32_t i = 0; i < drawn->count; i++) {
        json_write_uint(json, page_hue(flame_colour_name(tree, drawn->entries[i])));
    }
    json_end_array(json);
}

static void head_write(const struct flame_title *title, struct json_writer *json)
{
    json_write_key(json, "type");
    json_write_string(json, title->type);
    json_write_key(json, "unit");
    json_write_string(json, title->unit_name);
    json_write_key(json, "kind");
    json_write_string(json, view_unit_kind_name(title->unit.kind));
    json_write_key(json, "factor");
    json_write_double(json, title->unit.factor);
    json_write_key(json, "colours");
    json_begin_array(json);
    for (size_t i = 0; i < sizeof(page_colours) / sizeof(page_colours[0]); i++) {
        json_write_string(json, page_colours[i]);
    }
    json_end_array(json);
}

int flame_write_json(const struct view_tree *tree, const struct flame_title *title,
                     struct json_writer *json)
{
    struct slu_budget *budget = tree->view->model->budget;
    size_t room = (size_t)tree->view->entries.count + 1;
    void *block = NULL;
    int err = slu_budget_alloc(budget, 2 * room * sizeof(uint32_t), &block);
    if (err != 0) {
        return err;
    }
    struct drawn drawn = {
        .tree = tree,
        .least = flame_magnitude(view_tree_at(tree, VIEW_TREE_ROOT)->total) / FLAME_PARTS_MAX,
        .numbers = block,
        .entries = (uint32_t *)block + room,
    };
    json_begin_object(json);
    head_write(title, json);
    nodes_write(&drawn, json);
    entries_write(&drawn, json);
    json_end_object(json);
    slu_budget_free(budget, block, 2 * room * sizeof(uint32_t));
    return 0;
}

/* JSON within a page must not end the element that it stands in. */
static int script_write(void *context, const char *bytes, size_t len)
{
    struct sink *out = context;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '<') {
            sink_text(out, "\\u003c");
        } else {
            sink_char(out, bytes[i]);
        }
    }
    return out->err;
}

int flame_write_html(const struct view_tree *tree, const struct flame_title *title,
                     struct sink *out)
{
    struct json_writer json;
    struct sink script;
    char stage[STAGE_BYTES];
    page_begin(out, title->title);
    sink_put(out, flame_body, sizeof(flame_body) - 1);
    sink_text(out, "<script type=\"application/json\" id=\"data\">");
    sink_init(&script, script_write, out, stage, sizeof(stage));
    json_writer_init(&json, &script, JSON_COMPACT);
    int err = flame_write_json(tree, title, &json);
    if (err != 0) {
        return err;
    }
    json_writer_end(&json);
    sink_flush(&script);
    sink_text(out, "</script>\n<script>\n");
    sink_put(out, flame_script, sizeof(flame_script) - 1);
    sink_text(out, "</script>\n");
    page_end(out);
    return 0;
}

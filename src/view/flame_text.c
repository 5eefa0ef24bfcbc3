#include <errno.h>

#include <sluice/budget.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/flame.h"
#include "view/tree.h"
#include "view/view.h"

/* The nodes from the root's child down to one, by depth. */
struct path {
    struct slu_budget *budget;
    uint32_t *nodes;
    uint32_t room;
};

static int path_init(struct path *path, const struct view_tree *tree)
{
    void *block = NULL;
    *path = (struct path){.budget = tree->view->model->budget, .room = tree->depth_max + 1};
    int err = slu_budget_alloc(path->budget, path->room * sizeof(uint32_t), &block);
    path->nodes = block;
    return err;
}

static void path_deinit(struct path *path)
{
    slu_budget_free(path->budget, path->nodes, path->room * sizeof(uint32_t));
}

/* A name in which nothing separates: semicolons and what ends lines become colons. */
static void put_name(struct sink *out, struct slu_bytes name)
{
    const char *bytes = name.data;
    for (size_t i = 0; i < name.len; i++) {
        bool separates = bytes[i] == ';' || bytes[i] == '\n' || bytes[i] == '\r';
        sink_char(out, separates ? ':' : bytes[i]);
    }
}

int flame_write_folded(const struct view_tree *tree, struct sink *out)
{
    struct path path;
    int err = path_init(&path, tree);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = view_tree_next(tree, VIEW_TREE_ROOT); i != VIEW_TREE_NONE;
         i = view_tree_next(tree, i)) {
        const struct view_node *node = view_tree_at(tree, i);
        path.nodes[node->depth] = node->entry;
        for (uint32_t depth = 1; depth <= node->depth && node->self != 0; depth++) {
            put_name(out, view_label(tree->view, path.nodes[depth]));
            sink_char(out, depth < node->depth ? ';' : ' ');
        }
        if (node->self != 0) {
            sink_format(out, "%lld\n", (long long)node->self);
        }
    }
    path_deinit(&path);
    return 0;
}

static void frames_write(const struct view_tree *tree, struct json_writer *json)
{
    const struct model *model = tree->view->model;
    json_write_key(json, "shared");
    json_begin_object(json);
    json_write_key(json, "frames");
    json_begin_array(json);
    for (uint32_t i = 0; i < tree->view->entries.count; i++) {
        const struct view_entry *entry = view_entry_at(tree->view, i);
        struct slu_bytes label = view_label(tree->view, i);
        struct slu_bytes file = model_text(model, entry->file);
        json_begin_object(json);
        json_write_key(json, "name");
        json_write_string_bytes(json, label.data, label.len);
        if (file.len > 0) {
            json_write_key(json, "file");
            json_write_string_bytes(json, file.data, file.len);
        }
        if (entry->line > 0) {
            json_write_key(json, "line");
            json_write_uint(json, entry->line);
        }
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}

static const char *speedscope_unit(enum draw_unit kind)
{
    return kind == DRAW_COUNT ? "none" : view_unit_kind_name(kind);
}

static void samples_write(const struct view_tree *tree, struct path *path, struct json_writer *json)
{
    json_write_key(json, "samples");
    json_begin_array(json);
    for (uint32_t i = view_tree_next(tree, VIEW_TREE_ROOT); i != VIEW_TREE_NONE;
         i = view_tree_next(tree, i)) {
        const struct view_node *node = view_tree_at(tree, i);
        path->nodes[node->depth] = node->entry;
        if (node->self != 0) {
            json_begin_array(json);
            for (uint32_t depth = 1; depth <= node->depth; depth++) {
                json_write_uint(json, path->nodes[depth]);
            }
            json_end_array(json);
        }
    }
    json_end_array(json);
}

static double weights_write(const struct view_tree *tree, double factor, struct json_writer *json)
{
    double sum = 0;
    json_write_key(json, "weights");
    json_begin_array(json);
    for (uint32_t i = view_tree_next(tree, VIEW_TREE_ROOT); i != VIEW_TREE_NONE;
         i = view_tree_next(tree, i)) {
        const struct view_node *node = view_tree_at(tree, i);
        if (node->self != 0) {
            json_write_double(json, (double)node->self * factor);
            sum += (double)node->self * factor;
        }
    }
    json_end_array(json);
    return sum;
}

int flame_write_speedscope(const struct view_tree *tree, const struct flame_title *title,
                           struct sink *out)
{
    struct json_writer json;
    struct path path;
    int err = path_init(&path, tree);
    if (err != 0) {
        return err;
    }
    json_writer_init(&json, out, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "$schema");
    json_write_string(&json, "https://www.speedscope.app/file-format-schema.json");
    json_write_key(&json, "exporter");
    json_write_string(&json, "sluice");
    json_write_key(&json, "name");
    json_write_string(&json, title->title);
    frames_write(tree, &json);
    json_write_key(&json, "profiles");
    json_begin_array(&json);
    json_begin_object(&json);
    json_write_key(&json, "type");
    json_write_string(&json, "sampled");
    json_write_key(&json, "name");
    json_write_string(&json, title->type);
    json_write_key(&json, "unit");
    json_write_string(&json, speedscope_unit(title->unit.kind));
    samples_write(tree, &path, &json);
    double sum = weights_write(tree, title->unit.factor, &json);
    json_write_key(&json, "startValue");
    json_write_uint(&json, 0);
    json_write_key(&json, "endValue");
    json_write_double(&json, sum);
    json_end_object(&json);
    json_end_array(&json);
    json_end_object(&json);
    json_writer_end(&json);
    path_deinit(&path);
    return 0;
}

/*
 * The processors `attributes`, on spans, data points and log records, and `resource`.
 *
 * Source  the collector's attributes and resource processors
 */
#include <errno.h>
#include <stddef.h>

#include <sluice/budget.h>

#include "codec/protobuf_block.h"
#include "pipeline/attribute_actions.h"
#include "pipeline/config.h"
#include "pipeline/editor.h"
#include "pipeline/editor_types.h"
#include "wire/otlp_image.h"
#include "wire/otlp_rewrite.h"
#include "wire/otlp_schema.h"

struct attributes_options {
    struct config_objects actions;
};

static const struct config_field attributes_fields[] = {
    {.key = "actions",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(struct attributes_options, actions),
     .object = &attribute_action_object,
     .is_required = true},
};

static const struct config_field resource_fields[] = {
    {.key = "attributes",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(struct attributes_options, actions),
     .object = &attribute_action_object,
     .is_required = true},
};

static const struct config_object attributes_object = {
    .what = "the attributes processor",
    .fields = attributes_fields,
    .field_count = 1,
    .size_bytes = sizeof(struct attributes_options),
};

static const struct config_object resource_object = {
    .what = "the resource processor",
    .fields = resource_fields,
    .field_count = 1,
    .size_bytes = sizeof(struct attributes_options),
};

struct attributes_editor {
    enum otlp_level level;
    struct attribute_actions *actions;
    struct otlp_image image;
};

static void attributes_destroy(struct slu_budget *budget, void *self)
{
    struct attributes_editor *editor = self;
    attribute_actions_destroy(budget, &editor->actions);
    otlp_image_deinit(&editor->image);
    slu_budget_free(budget, editor, sizeof(*editor));
}

static int create(struct slu_budget *budget, struct config *config,
                  const struct attributes_options *options, enum otlp_level level, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct attributes_editor), &memory);
    if (err != 0) {
        return err;
    }
    struct attributes_editor *editor = memory;
    editor->level = level;
    err = otlp_image_init(&editor->image, budget);
    if (err == 0) {
        err = attribute_actions_create(budget, config, &options->actions, &editor->actions);
    }
    if (err != 0) {
        attributes_destroy(budget, editor);
        return err;
    }
    *out = editor;
    return 0;
}

static int attributes_create(struct slu_budget *budget, struct config *config,
                             const struct config_node *node, const void *options, void **out)
{
    (void)node;
    return create(budget, config, options, OTLP_RECORD_LEVEL, out);
}

static int resource_create(struct slu_budget *budget, struct config *config,
                           const struct config_node *node, const void *options, void **out)
{
    (void)node;
    return create(budget, config, options, OTLP_RESOURCE_LEVEL, out);
}

static enum otlp_verdict visit(void *arg, const struct otlp_view *view, struct protobuf_block *out)
{
    struct attributes_editor *editor = arg;
    otlp_image_read(&editor->image, view->self);
    attribute_actions_run(editor->actions, &editor->image, otlp_attributes_field(view->kind));
    if (!editor->image.is_changed && editor->image.err == 0) {
        return OTLP_KEEP;
    }
    otlp_image_write(&editor->image, out);
    return OTLP_CHANGE;
}

static int attributes_edit(void *self, const struct edit_input *input, struct edit_result *result)
{
    struct attributes_editor *editor = self;
    struct otlp_rewritten rewritten;
    int err = otlp_rewrite(input->budget, input->signal, input->message, editor->level, visit,
                           editor, &rewritten);
    if (err == 0) {
        result->is_changed = rewritten.is_changed;
        result->message = rewritten.message;
    }
    return err;
}

const struct editor_type attributes_type = {
    .name = "attributes",
    .options = &attributes_object,
    .create = attributes_create,
    .destroy = attributes_destroy,
    .edit = attributes_edit,
};

const struct editor_type resource_type = {
    .name = "resource",
    .options = &resource_object,
    .create = resource_create,
    .destroy = attributes_destroy,
    .edit = attributes_edit,
};

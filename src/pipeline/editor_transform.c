/*
 * The processor `transform`: OTTL's statements, in groups by what they are about.
 *
 * Source  the collector's transform processor
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "pipeline/config.h"
#include "pipeline/editor.h"
#include "pipeline/editor_types.h"
#include "pipeline/ottl.h"
#include "wire/otlp_image.h"
#include "wire/otlp_rewrite.h"

static const char *const error_modes[] = {"propagate", "ignore", "silent", NULL};

/* In the order of the levels; the last three are records'. */
static const char *const contexts[] = {"resource",  "scope", "metric", "span",
                                       "datapoint", "log",   NULL};

enum {
    CONTEXT_RESOURCE,
    CONTEXT_SCOPE,
    CONTEXT_METRIC,
    CONTEXT_SPAN,
    CONTEXT_POINT,
    CONTEXT_LOG
};

struct group_options {
    unsigned context;
    struct config_strings conditions;
    struct config_strings statements;
};

static const struct config_field group_fields[] = {
    {.key = "context",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct group_options, context),
     .choices = contexts,
     .is_required = true},
    {.key = "conditions",
     .kind = CONFIG_STRINGS,
     .offset = offsetof(struct group_options, conditions)},
    {.key = "statements",
     .kind = CONFIG_STRINGS,
     .offset = offsetof(struct group_options, statements),
     .is_required = true},
};

static const struct config_object group_object = {
    .what = "a group of statements",
    .fields = group_fields,
    .field_count = sizeof(group_fields) / sizeof(group_fields[0]),
    .size_bytes = sizeof(struct group_options),
};

struct transform_options {
    unsigned error_mode; /* taken for the collector's sake: nothing here fails on a record */
    struct config_objects groups[OTLP_SIGNAL_COUNT];
};

static const struct config_field fields[] = {
    {.key = "error_mode",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct transform_options, error_mode),
     .choices = error_modes},
    {.key = "trace_statements",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(struct transform_options, groups[OTLP_TRACES]),
     .object = &group_object},
    {.key = "metric_statements",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(struct transform_options, groups[OTLP_METRICS]),
     .object = &group_object},
    {.key = "log_statements",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(struct transform_options, groups[OTLP_LOGS]),
     .object = &group_object},
};

static const struct config_object transform_object = {
    .what = "the transform processor",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct transform_options),
};

struct group {
    enum otlp_signal signal;
    enum otlp_level level;
    struct block conditions; /* of pointers: all of them are there before the first statement */
    struct block statements;
};

struct transform {
    struct ottl *ottl;
    struct otlp_image image;
    struct block groups;
    const struct group *now;
};

static size_t pointers_in(const struct block *block)
{
    return block->len / sizeof(void *);
}

static void transform_destroy(struct slu_budget *budget, void *self)
{
    struct transform *transform = self;
    struct group *groups = transform->groups.data;
    for (size_t i = 0; i < transform->groups.len / sizeof(struct group); i++) {
        block_free(budget, &groups[i].conditions);
        block_free(budget, &groups[i].statements);
    }
    block_free(budget, &transform->groups);
    otlp_image_deinit(&transform->image);
    ottl_destroy(&transform->ottl);
    slu_budget_free(budget, transform, sizeof(*transform));
}

static bool context_level(enum otlp_signal signal, unsigned context, enum otlp_level *level)
{
    static const unsigned own[] = {
        [OTLP_TRACES] = CONTEXT_SPAN, [OTLP_METRICS] = CONTEXT_POINT, [OTLP_LOGS] = CONTEXT_LOG};
    if (context <= CONTEXT_SCOPE || (context == CONTEXT_METRIC && signal == OTLP_METRICS)) {
        *level = (enum otlp_level)context;
        return true;
    }
    *level = OTLP_RECORD_LEVEL;
    return context == own[signal];
}

/* Put a pointer behind the others; the block begins with room for all. */
static int pointer_put(struct slu_budget *budget, struct block *block, void *pointer)
{
    return block_append(budget, block, &pointer, sizeof(pointer));
}

static int texts_parse(struct slu_budget *budget, struct ottl *ottl, struct ottl_source source,
                       const struct config_strings *texts, bool are_statements, struct block *block)
{
    int result = 0;
    int err = texts->count > 0 ? block_begin(budget, texts->count * sizeof(void *), block) : 0;
    for (size_t i = 0; i < texts->count && (err == 0 || err == -EINVAL); i++) {
        struct ottl_condition *condition = NULL;
        struct ottl_statement *statement = NULL;
        source.node = texts->nodes[i];
        err = are_statements ? ottl_parse_statement(ottl, &source, texts->items[i], &statement)
                             : ottl_parse_condition(ottl, &source, texts->items[i], &condition);
        result = err != 0 ? err : result;
        if (err == 0) {
            void *parsed = are_statements ? (void *)statement : (void *)condition;
            err = pointer_put(budget, block, parsed);
        }
    }
    return err != 0 ? err : result;
}

static int group_add(struct transform *transform, struct slu_budget *budget, struct config *config,
                     enum otlp_signal signal, const struct group_options *options,
                     const struct config_node *node)
{
    struct group group = {.signal = signal};
    if (!context_level(signal, options->context, &group.level)) {
        config_mistake(config, node, "the context %s is another signal's",
                       contexts[options->context]);
        return -EINVAL;
    }
    struct ottl_source source = {.signal = signal, .level = group.level, .config = config};
    int err = texts_parse(budget, transform->ottl, source, &options->conditions, false,
                          &group.conditions);
    int failed =
        texts_parse(budget, transform->ottl, source, &options->statements, true, &group.statements);
    err = err != 0 ? err : failed;
    int kept = block_append(budget, &transform->groups, &group, sizeof(group));
    if (kept != 0) {
        block_free(budget, &group.conditions);
        block_free(budget, &group.statements);
        return kept;
    }
    return err;
}

static int transform_open(struct transform *transform, struct slu_budget *budget,
                          struct config *config, const struct transform_options *options)
{
    int err = ottl_create(budget, &transform->ottl);
    if (err == 0) {
        err = otlp_image_init(&transform->image, budget);
    }
    if (err == 0) {
        err = block_begin(budget, 8 * sizeof(struct group), &transform->groups);
    }
    int result = err;
    for (int i = 0; i < OTLP_SIGNAL_COUNT && (err == 0 || err == -EINVAL); i++) {
        const struct config_objects *groups = &options->groups[i];
        const struct group_options *items = groups->items;
        for (size_t k = 0; k < groups->count && (err == 0 || err == -EINVAL); k++) {
            err = group_add(transform, budget, config, (enum otlp_signal)i, &items[k],
                            groups->nodes[k]);
            result = err != 0 ? err : result;
        }
    }
    return result;
}

static int transform_create(struct slu_budget *budget, struct config *config,
                            const struct config_node *node, const void *options, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct transform), &memory);
    (void)node;
    if (err != 0) {
        return err;
    }
    err = transform_open(memory, budget, config, options);
    if (err != 0) {
        transform_destroy(budget, memory);
        return err;
    }
    *out = memory;
    return 0;
}

/* With conditions, one of them must be true. */
static bool is_wanted(const struct group *group, const struct ottl_subject *subject)
{
    struct ottl_condition *const *conditions = group->conditions.data;
    size_t count = pointers_in(&group->conditions);
    bool is_true = count == 0;
    for (size_t i = 0; i < count && !is_true; i++) {
        is_true = ottl_is_true(conditions[i], subject);
    }
    return is_true;
}

static enum otlp_verdict visit(void *arg, const struct otlp_view *view, struct protobuf_block *out)
{
    struct transform *transform = arg;
    struct ottl_statement *const *statements = transform->now->statements.data;
    struct ottl_subject subject = {.view = view, .image = &transform->image};
    otlp_image_read(&transform->image, view->self);
    if (!is_wanted(transform->now, &subject)) {
        return OTLP_KEEP;
    }
    for (size_t i = 0; i < pointers_in(&transform->now->statements); i++) {
        ottl_run(statements[i], &subject);
    }
    if (!transform->image.is_changed && transform->image.err == 0) {
        return OTLP_KEEP;
    }
    otlp_image_write(&transform->image, out);
    return OTLP_CHANGE;
}

static int transform_edit(void *self, const struct edit_input *input, struct edit_result *result)
{
    struct transform *transform = self;
    const struct group *groups = transform->groups.data;
    struct slu_bytes message = input->message;
    int err = 0;
    for (size_t i = 0; i < transform->groups.len / sizeof(struct group) && err == 0; i++) {
        struct otlp_rewritten rewritten = {0};
        if (groups[i].signal != input->signal) {
            continue;
        }
        transform->now = &groups[i];
        err = otlp_rewrite(input->budget, input->signal, message, groups[i].level, visit, transform,
                           &rewritten);
        if (err == 0 && rewritten.is_changed) {
            block_free(input->budget, &result->message);
            result->message = rewritten.message;
            result->is_changed = true;
            message = (struct slu_bytes){result->message.data, result->message.len};
        }
    }
    if (err != 0) {
        block_free(input->budget, &result->message);
        result->is_changed = false;
    }
    return err;
}

const struct editor_type transform_type = {
    .name = "transform",
    .options = &transform_object,
    .create = transform_create,
    .destroy = transform_destroy,
    .edit = transform_edit,
};

/*
 * The processor `filter`: leaves out what a condition is true of.
 *
 * Source  the collector's filter processor
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

struct signal_conditions {
    struct config_strings records; /* span, datapoint, log_record */
    struct config_strings metrics;
};

struct filter_options {
    unsigned error_mode; /* taken for the collector's sake: nothing here fails on a record */
    struct signal_conditions signals[OTLP_SIGNAL_COUNT];
};

static const struct config_field traces_fields[] = {
    {.key = "span", .kind = CONFIG_STRINGS, .offset = offsetof(struct signal_conditions, records)},
};

static const struct config_field metrics_fields[] = {
    {.key = "metric",
     .kind = CONFIG_STRINGS,
     .offset = offsetof(struct signal_conditions, metrics)},
    {.key = "datapoint",
     .kind = CONFIG_STRINGS,
     .offset = offsetof(struct signal_conditions, records)},
};

static const struct config_field logs_fields[] = {
    {.key = "log_record",
     .kind = CONFIG_STRINGS,
     .offset = offsetof(struct signal_conditions, records)},
};

static const struct config_object signal_objects[] = {
    [OTLP_TRACES] = {.what = "the filter's traces",
                     .fields = traces_fields,
                     .field_count = 1,
                     .size_bytes = sizeof(struct signal_conditions)},
    [OTLP_METRICS] = {.what = "the filter's metrics",
                      .fields = metrics_fields,
                      .field_count = 2,
                      .size_bytes = sizeof(struct signal_conditions)},
    [OTLP_LOGS] = {.what = "the filter's logs",
                   .fields = logs_fields,
                   .field_count = 1,
                   .size_bytes = sizeof(struct signal_conditions)},
};

static const struct config_field fields[] = {
    {.key = "error_mode",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct filter_options, error_mode),
     .choices = error_modes},
    {.key = "traces",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct filter_options, signals[OTLP_TRACES]),
     .object = &signal_objects[OTLP_TRACES]},
    {.key = "metrics",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct filter_options, signals[OTLP_METRICS]),
     .object = &signal_objects[OTLP_METRICS]},
    {.key = "logs",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct filter_options, signals[OTLP_LOGS]),
     .object = &signal_objects[OTLP_LOGS]},
};

static const struct config_object filter_object = {
    .what = "the filter processor",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct filter_options),
};

/* The conditions of one kind of message. */
struct condition_list {
    struct block conditions; /* of pointers */
    size_t count;
};

struct filter {
    struct ottl *ottl;
    struct otlp_image image;
    struct condition_list records[OTLP_SIGNAL_COUNT];
    struct condition_list metrics;
    const struct condition_list *now; /* those that the walk asks */
};

static void filter_destroy(struct slu_budget *budget, void *self)
{
    struct filter *filter = self;
    for (int i = 0; i < OTLP_SIGNAL_COUNT; i++) {
        block_free(budget, &filter->records[i].conditions);
    }
    block_free(budget, &filter->metrics.conditions);
    otlp_image_deinit(&filter->image);
    ottl_destroy(&filter->ottl);
    slu_budget_free(budget, filter, sizeof(*filter));
}

static int conditions_parse(struct slu_budget *budget, struct ottl *ottl, struct config *config,
                            enum otlp_signal signal, enum otlp_level level,
                            const struct config_strings *texts, struct condition_list *list)
{
    int result = 0;
    if (texts->count == 0) {
        return 0;
    }
    int err =
        block_begin(budget, texts->count * sizeof(struct ottl_condition *), &list->conditions);
    for (size_t i = 0; i < texts->count && (err == 0 || err == -EINVAL); i++) {
        struct ottl_condition *condition = NULL;
        struct ottl_source source = {
            .signal = signal, .level = level, .config = config, .node = texts->nodes[i]};
        err = ottl_parse_condition(ottl, &source, texts->items[i], &condition);
        result = err != 0 ? err : result;
        if (err == 0) {
            err = block_append(budget, &list->conditions, &condition, sizeof(condition));
            list->count += err == 0;
        }
    }
    return err != 0 ? err : result;
}

static int filter_open(struct filter *filter, struct slu_budget *budget, struct config *config,
                       const struct filter_options *options)
{
    int err = ottl_create(budget, &filter->ottl);
    if (err == 0) {
        err = otlp_image_init(&filter->image, budget);
    }
    int result = err;
    for (int i = 0; i < OTLP_SIGNAL_COUNT && (err == 0 || err == -EINVAL); i++) {
        err = conditions_parse(budget, filter->ottl, config, (enum otlp_signal)i, OTLP_RECORD_LEVEL,
                               &options->signals[i].records, &filter->records[i]);
        result = err != 0 ? err : result;
    }
    if (err == 0 || err == -EINVAL) {
        err = conditions_parse(budget, filter->ottl, config, OTLP_METRICS, OTLP_METRIC_LEVEL,
                               &options->signals[OTLP_METRICS].metrics, &filter->metrics);
        result = err != 0 ? err : result;
    }
    return result;
}

static int filter_create(struct slu_budget *budget, struct config *config,
                         const struct config_node *node, const void *options, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct filter), &memory);
    (void)node;
    if (err != 0) {
        return err;
    }
    err = filter_open(memory, budget, config, options);
    if (err != 0) {
        filter_destroy(budget, memory);
        return err;
    }
    *out = memory;
    return 0;
}

static enum otlp_verdict visit(void *arg, const struct otlp_view *view, struct protobuf_block *out)
{
    struct filter *filter = arg;
    struct ottl_condition *const *conditions = filter->now->conditions.data;
    struct ottl_subject subject = {.view = view, .image = &filter->image};
    (void)out;
    otlp_image_read(&filter->image, view->self);
    for (size_t i = 0; i < filter->now->count; i++) {
        if (ottl_is_true(conditions[i], &subject)) {
            return OTLP_DROP;
        }
    }
    return OTLP_KEEP;
}

/* Walk once, with the conditions of one kind of message; what remains takes the result's place. */
static int pass(struct filter *filter, const struct edit_input *input,
                const struct condition_list *list, enum otlp_level level,
                struct edit_result *result)
{
    struct otlp_rewritten rewritten;
    struct slu_bytes message = input->message;
    if (list->count == 0) {
        return 0;
    }
    if (result->is_changed) {
        message = (struct slu_bytes){result->message.data, result->message.len};
    }
    filter->now = list;
    int err = otlp_rewrite(input->budget, input->signal, message, level, visit, filter, &rewritten);
    if (err == 0 && rewritten.is_changed) {
        block_free(input->budget, &result->message);
        result->message = rewritten.message;
        result->dropped_count += rewritten.dropped_count;
        result->is_changed = true;
    }
    return err;
}

static int filter_edit(void *self, const struct edit_input *input, struct edit_result *result)
{
    struct filter *filter = self;
    int err = 0;
    if (input->signal == OTLP_METRICS) {
        err = pass(filter, input, &filter->metrics, OTLP_METRIC_LEVEL, result);
    }
    if (err == 0) {
        err = pass(filter, input, &filter->records[input->signal], OTLP_RECORD_LEVEL, result);
    }
    if (err != 0) {
        block_free(input->budget, &result->message);
        result->is_changed = false;
    }
    return err;
}

const struct editor_type filter_type = {
    .name = "filter",
    .options = &filter_object,
    .create = filter_create,
    .destroy = filter_destroy,
    .edit = filter_edit,
};

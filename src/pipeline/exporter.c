#include "pipeline/exporter.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/random.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "pipeline/config.h"
#include "pipeline/exporter_state.h"
#include "pipeline/exporter_types.h"
#include "pipeline/extensions.h"

#define CONSUMERS_MAX 64

static const struct config_field queue_fields[] = {
    {.key = "enabled", .kind = CONFIG_BOOL, .offset = offsetof(struct queue_settings, is_enabled)},
    {.key = "num_consumers",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct queue_settings, consumer_count),
     .min = 1,
     .max = CONSUMERS_MAX},
    {.key = "queue_size",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct queue_settings, queue_size),
     .min = 1},
    {.key = "size_bytes",
     .kind = CONFIG_SIZE,
     .offset = offsetof(struct queue_settings, size_bytes_max),
     .min = 1 << 20},
    {.key = "relaxed", .kind = CONFIG_BOOL, .offset = offsetof(struct queue_settings, is_relaxed)},
    {.key = "storage", .kind = CONFIG_STRING, .offset = offsetof(struct queue_settings, storage)},
};

const struct config_object queue_settings_object = {
    .what = "sending_queue",
    .fields = queue_fields,
    .field_count = sizeof(queue_fields) / sizeof(queue_fields[0]),
    .size_bytes = sizeof(struct queue_settings),
};

/* An exporter that is over at once needs neither line nor task. */
static void instant_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct exporter *exporter = (struct exporter *)stage;
    struct export_message message = {
        .signal = payload->signal, .record_count = payload->record_count, .bytes = payload->bytes};
    struct outcome outcome;
    (void)now_ns;
    stage_count(&stage->in_count, payload->record_count);
    exporter_deliver(exporter, exporter->scope, &message, &outcome);
    payload_end(payload, &outcome);
}

static void take_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct exporter *exporter = (struct exporter *)stage;
    (void)now_ns;
    stage_count(&stage->in_count, payload->record_count);
    exporter->type->take(exporter->self, exporter, payload);
}

static int scope_make(struct exporter *exporter)
{
    uint64_t tasks = exporter->remote != NULL ? exporter->remote->queue.consumer_count : 1;
    struct slu_scope_options options = {
        .name = exporter->stage.name,
        .budget = exporter->context.budget,
        .task_max = (uint32_t)tasks,
        .callback_max = 8,
        .task_stack_bytes = EXPORTER_STACK_BYTES,
    };
    return slu_scope_create(exporter->context.scope, &options, NULL, &exporter->scope);
}

static int options_read(struct exporter *exporter)
{
    const struct exporter_type *type = exporter->type;
    const struct exporter_context *context = &exporter->context;
    int err = slu_budget_alloc(context->budget, type->options->size_bytes, &exporter->options);
    if (err != 0) {
        return err;
    }
    if (type->defaults != NULL) {
        memcpy(exporter->options, type->defaults, type->options->size_bytes);
    }
    exporter->remote = type->is_remote ? exporter->options : NULL;
    return config_read(context->config, context->node, type->options, exporter->options);
}

/* Where the storage that the queue names lies. */
static int storage_find(struct exporter *exporter)
{
    const struct exporter_context *context = &exporter->context;
    if (exporter->remote == NULL || exporter->remote->queue.storage == NULL) {
        return 0;
    }
    const struct config_node *node = config_child(context->node, "sending_queue");
    return file_storage_find(context->config, context->extensions, config_child(node, "storage"),
                             exporter->remote->queue.storage, &exporter->storage_path);
}

static int exporter_start(struct exporter *exporter)
{
    if (exporter->type->take != NULL) {
        exporter->stage.consume = take_consume;
        return 0;
    }
    if (exporter->type->is_instant || exporter->context.is_check) {
        exporter->stage.consume = instant_consume;
        return 0;
    }
    bool has_disk = exporter->remote != NULL && exporter->remote->queue.is_enabled;
    return has_disk ? exporter_disk_start(exporter) : exporter_line_start(exporter);
}

static int exporter_open(struct exporter *exporter)
{
    int err = options_read(exporter);
    if (err == 0) {
        err = storage_find(exporter);
    }
    if (err == 0) {
        err = exporter->type->create(&exporter->context, exporter->options, &exporter->self);
    }
    if (err == 0) {
        err = slu_random_seed(&exporter->random);
    }
    if (err == 0) {
        err = scope_make(exporter);
    }
    return err == 0 ? exporter_start(exporter) : err;
}

int exporter_create(const struct exporter_type *type, const struct exporter_context *context,
                    struct exporter **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(context->budget, sizeof(struct exporter), &memory);
    if (err != 0) {
        return err;
    }
    struct exporter *exporter = memory;
    exporter->type = type;
    exporter->context = *context;
    exporter->stage.name = context->name;
    mutex_init(&exporter->lock);
    err = exporter_open(exporter);
    if (err != 0) {
        exporter_destroy(&exporter);
        return err;
    }
    *out = exporter;
    return 0;
}

struct stage *exporter_stage(struct exporter *exporter)
{
    return &exporter->stage;
}

void exporter_stats(struct exporter *exporter, struct exporter_stats *out)
{
    *out = (struct exporter_stats){
        .sent_count = atomic_load_explicit(&exporter->sent_count, memory_order_relaxed),
        .failed_count = atomic_load_explicit(&exporter->failed_count, memory_order_relaxed),
        .lost_count = atomic_load_explicit(&exporter->lost_count, memory_order_relaxed),
        .refused_count = atomic_load_explicit(&exporter->stage.refused_count, memory_order_relaxed),
    };
    mutex_lock(&exporter->lock);
    out->waiting_count = exporter->waiting_count;
    out->waiting_bytes = exporter->waiting_bytes;
    mutex_unlock(&exporter->lock);
    if (exporter->queue != NULL) {
        exporter_disk_stats(exporter, out);
    }
}

void exporter_longest(struct exporter *exporter, struct exporter_span *out)
{
    mutex_lock(&exporter->lock);
    *out = exporter->longest;
    exporter->longest = (struct exporter_span){0};
    mutex_unlock(&exporter->lock);
}

/* Those that still wait in memory. */
static void line_end(struct exporter *exporter)
{
    struct outcome stopped = {.kind = OUTCOME_LATER, .reason = "the exporter is stopping"};
    payload_end_all(exporter->first, &stopped);
}

void exporter_stop(struct exporter *exporter)
{
    int err = slu_scope_close(&exporter->scope);
    SLU_ASSERT(err == 0); /* it is no task of its own */
}

void exporter_destroy(struct exporter **out)
{
    struct exporter *exporter = *out;
    if (exporter == NULL) {
        return;
    }
    exporter_stop(exporter);
    if (exporter->queue != NULL) {
        exporter_disk_stop(exporter);
    }
    line_end(exporter);
    if (exporter->self != NULL) {
        exporter->type->destroy(exporter->self);
    }
    slu_budget_free(exporter->context.budget, exporter->options,
                    exporter->type->options->size_bytes);
    mutex_deinit(&exporter->lock);
    slu_budget_free(exporter->context.budget, exporter, sizeof(*exporter));
    *out = NULL;
}

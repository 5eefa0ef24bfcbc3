#include "pipeline/graph.h"

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "pipeline/batch.h"
#include "pipeline/batch_groups.h"
#include "pipeline/config.h"
#include "pipeline/config_pipelines.h"
#include "pipeline/editor.h"
#include "pipeline/editor_stage.h"
#include "pipeline/editors.h"
#include "pipeline/fan_out.h"
#include "pipeline/flush_clock.h"
#include "pipeline/stage.h"

#define PARTS_MAX         256 /* of one kind */
#define METADATA_NAME_MAX 64
#define CLOCK_STACK_BYTES ((size_t)128 * 1024)

/* A stage that the graph made, with what ends it. */
struct owned_stage {
    struct stage *stage;
    void (*destroy)(struct stage *stage);
    void (*drain)(struct stage *stage, uint64_t now_ns); /* NULL: it gathers nothing */
};

struct graph_exporter {
    const struct config_component *component;
    struct exporter *exporter;
};

struct graph_receiver {
    const struct config_component *component;
    const struct receiver_type *type;
    void *receiver;
    bool is_started;
};

struct graph {
    struct graph_options options;
    struct config_pipelines pipelines;
    struct slu_scope *clock_scope;
    struct slu_scope *exporter_scope;
    struct slu_scope *receiver_scope;
    struct flush_clock *clock;
    _Atomic bool is_running;          /* receivers are there, and take messages */
    struct flush_timer grace;         /* ends the exporters while the receivers are being stopped */
    struct stage *entries[PARTS_MAX]; /* of the pipelines */
    struct owned_stage stages[PARTS_MAX];
    struct graph_exporter exporters[PARTS_MAX];
    struct graph_receiver receivers[PARTS_MAX];
    const char *metadata_keys[PAYLOAD_METADATA_MAX]; /* headers that batches go by */
    char metadata_names[PAYLOAD_METADATA_MAX][METADATA_NAME_MAX];
    size_t metadata_count;
    size_t stage_count;
    size_t exporter_count;
    size_t receiver_count;
};

static int scope_make(struct graph *graph, const char *name, uint32_t task_max,
                      struct slu_scope **out)
{
    struct slu_scope_options options = {
        .name = name,
        .budget = graph->options.budget,
        .task_max = task_max,
        .callback_max = 16,
        .task_stack_bytes = task_max > 0 ? CLOCK_STACK_BYTES : 0,
    };
    return slu_scope_create(graph->options.scope, &options, NULL, out);
}

static int too_many(struct graph *graph, const struct config_node *node, const char *what)
{
    config_mistake(graph->options.config, node, "there are more than %d %s", PARTS_MAX, what);
    return -EINVAL;
}

/* Keep a stage that was made. */
static void stage_own(struct graph *graph, struct stage *stage,
                      void (*destroy)(struct stage *stage),
                      void (*drain)(struct stage *stage, uint64_t now_ns))
{
    SLU_ASSERT(graph->stage_count < PARTS_MAX);
    graph->stages[graph->stage_count++] = (struct owned_stage){stage, destroy, drain};
}

void graph_say(struct graph *graph, const char *text)
{
    graph->options.say(graph->options.say_arg, text);
    for (size_t i = 0; i < graph->receiver_count; i++) {
        const struct graph_receiver *receiver = &graph->receivers[i];
        if (receiver->type->hear != NULL &&
            atomic_load_explicit(&graph->is_running, memory_order_acquire)) {
            receiver->type->hear(receiver->receiver, text);
        }
    }
}

static void part_say(void *arg, const char *text)
{
    graph_say(arg, text);
}

static int exporter_make(struct graph *graph, const struct config_component *component)
{
    const struct exporter_type *type = exporter_find(component->type);
    if (type == NULL) {
        return config_unknown_type(graph->options.config, component, "exporter", exporter_names());
    }
    if (graph->exporter_count == PARTS_MAX) {
        return too_many(graph, component->key, "exporters");
    }
    struct exporter_context context = {
        .budget = graph->options.budget,
        .scope = graph->exporter_scope,
        .config = graph->options.config,
        .node = component->node,
        .name = component->name,
        .data_path = graph->options.data_path,
        .extensions = &graph->pipelines.extensions,
        .curl = graph->options.curl,
        .store = graph->options.store,
        .output_fd = graph->options.output_fd,
        .say = part_say,
        .say_arg = graph,
    };
    struct exporter *exporter = NULL;
    int err = exporter_create(type, &context, &exporter);
    graph->exporters[graph->exporter_count++] = (struct graph_exporter){component, exporter};
    return err; /* and then it is NULL, and not tried again */
}

/* NULL: it has not been tried yet. */
static struct graph_exporter *exporter_of(struct graph *graph,
                                          const struct config_component *component)
{
    for (size_t i = 0; i < graph->exporter_count; i++) {
        if (graph->exporters[i].component == component) {
            return &graph->exporters[i];
        }
    }
    return NULL;
}

/* A mistake in one part does not keep the others from being read; errors of the system do. */
static bool goes_on(int err)
{
    return err == 0 || err == -EINVAL;
}

static int exporters_make(struct graph *graph)
{
    int result = 0;
    for (size_t i = 0; i < graph->pipelines.pipeline_count && goes_on(result); i++) {
        const struct config_pipeline *pipeline = &graph->pipelines.pipelines[i];
        for (size_t k = 0; k < pipeline->exporter_count && goes_on(result); k++) {
            if (exporter_of(graph, pipeline->exporters[k]) == NULL) {
                int err = exporter_make(graph, pipeline->exporters[k]);
                result = err != 0 ? err : result;
            }
        }
    }
    return result;
}

/* One stage in front of several, or the one that there is. */
static int join(struct graph *graph, struct stage *const *next, size_t count, struct stage **out)
{
    if (count == 1) {
        *out = next[0];
        return 0;
    }
    int err = fan_out_create(graph->options.budget, next, count, out);
    if (err == 0) {
        stage_own(graph, *out, fan_out_destroy, NULL);
    }
    return err;
}

/* The index of a header that batches go by; -1: there are too many. */
static int metadata_index(struct graph *graph, const char *key)
{
    char name[METADATA_NAME_MAX];
    size_t len = 0;
    for (; key[len] != '\0' && len < sizeof(name) - 1; len++) {
        name[len] = (char)tolower((unsigned char)key[len]);
    }
    name[len] = '\0';
    for (size_t i = 0; i < graph->metadata_count; i++) {
        if (strcmp(graph->metadata_names[i], name) == 0) {
            return (int)i;
        }
    }
    if (graph->metadata_count == PAYLOAD_METADATA_MAX) {
        return -1;
    }
    size_t index = graph->metadata_count++;
    memcpy(graph->metadata_names[index], name, len + 1);
    graph->metadata_keys[index] = graph->metadata_names[index];
    return (int)index;
}

static int groups_make(struct graph *graph, const struct config_component *component,
                       const struct batch_options *options, struct stage *next, struct stage **out)
{
    uint32_t keys[PAYLOAD_METADATA_MAX];
    for (size_t i = 0; i < options->metadata_keys.count; i++) {
        int index = metadata_index(graph, options->metadata_keys.items[i]);
        if (index < 0) {
            return too_many(graph, component->key, "metadata_keys");
        }
        keys[i] = (uint32_t)index;
    }
    int err = batch_groups_create(graph->options.budget, component->name, options, keys,
                                  options->metadata_keys.count, graph->clock, next, out);
    if (err == 0) {
        stage_own(graph, *out, batch_groups_destroy, batch_groups_drain);
    }
    return err;
}

static int batch_make(struct graph *graph, const struct config_component *component,
                      struct stage *next, struct stage **out)
{
    struct config *config = graph->options.config;
    struct batch_options options = batch_defaults;
    int err = config_read(config, component->node, &batch_object, &options);
    if (err == 0) {
        err = batch_check(config, component->node, &options);
    }
    if (err == 0 && options.metadata_keys.count > 0) {
        return groups_make(graph, component, &options, next, out);
    }
    if (err == 0) {
        err =
            batch_create(graph->options.budget, component->name, &options, graph->clock, next, out);
    }
    if (err == 0) {
        stage_own(graph, *out, batch_destroy, batch_drain);
    }
    return err;
}

static int editor_make(struct graph *graph, const struct config_component *component,
                       struct stage *next, struct stage **out)
{
    const struct editor_type *type = editor_find(component->type);
    if (type == NULL) {
        return config_unknown_type(graph->options.config, component, "processor", editor_names());
    }
    int err = editor_stage_create(graph->options.budget, component->name, type,
                                  graph->options.config, component->node, next, out);
    if (err == 0) {
        stage_own(graph, *out, editor_stage_destroy, NULL);
    }
    return err;
}

/* The stage of a processor in front of `*entry`, whose place it takes. */
static int processor_make(struct graph *graph, const struct config_component *component,
                          struct stage **entry)
{
    if (strcmp(component->type, "memory_limiter") == 0) {
        return 0; /* memory_limits.h has made it the process's */
    }
    if (graph->stage_count + 2 >= PARTS_MAX) {
        return too_many(graph, component->key, "processors");
    }
    struct stage *stage = NULL;
    int err = strcmp(component->type, "batch") == 0 ? batch_make(graph, component, *entry, &stage)
                                                    : editor_make(graph, component, *entry, &stage);
    if (err == 0) {
        *entry = stage;
    }
    return err;
}

static int pipeline_make(struct graph *graph, const struct config_pipeline *pipeline,
                         struct stage **entry)
{
    struct stage *ends[PARTS_MAX];
    size_t count = 0;
    int result = 0;
    for (size_t i = 0; i < pipeline->exporter_count && count < PARTS_MAX; i++) {
        const struct graph_exporter *end = exporter_of(graph, pipeline->exporters[i]);
        if (end != NULL && end->exporter != NULL) {
            ends[count++] = exporter_stage(end->exporter);
        }
    }
    if (count < pipeline->exporter_count || graph->stage_count == PARTS_MAX) {
        return -EINVAL; /* which has been told */
    }
    int err = join(graph, ends, count, entry);
    for (size_t i = pipeline->processor_count; i > 0 && goes_on(err); i--) {
        err = processor_make(graph, pipeline->processors[i - 1], entry);
        result = err != 0 ? err : result;
    }
    return err != 0 ? err : result;
}

static int pipelines_make(struct graph *graph)
{
    int result = 0;
    if (graph->pipelines.pipeline_count > PARTS_MAX) {
        return too_many(graph, NULL, "pipelines");
    }
    for (size_t i = 0; i < graph->pipelines.pipeline_count && goes_on(result); i++) {
        int err = pipeline_make(graph, &graph->pipelines.pipelines[i], &graph->entries[i]);
        result = err != 0 ? err : result;
    }
    return result;
}

static bool uses(const struct config_pipeline *pipeline, const struct config_component *receiver)
{
    for (size_t i = 0; i < pipeline->receiver_count; i++) {
        if (pipeline->receivers[i] == receiver) {
            return true;
        }
    }
    return false;
}

/* Where a receiver's messages of one signal go; `*out` stays NULL if no pipeline wants them. */
static int signal_entry(struct graph *graph, const struct config_component *receiver,
                        enum otlp_signal signal, struct stage **out)
{
    struct stage *entries[PARTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < graph->pipelines.pipeline_count; i++) {
        const struct config_pipeline *pipeline = &graph->pipelines.pipelines[i];
        if (pipeline->signal == signal && uses(pipeline, receiver) && graph->entries[i] != NULL) {
            entries[count++] = graph->entries[i];
        }
    }
    return count > 0 ? join(graph, entries, count, out) : 0;
}

static int receiver_make(struct graph *graph, const struct config_component *component)
{
    const struct receiver_type *type = receiver_find(component->type);
    if (type == NULL) {
        return config_unknown_type(graph->options.config, component, "receiver", receiver_names());
    }
    if (graph->receiver_count == PARTS_MAX || graph->stage_count + 4 >= PARTS_MAX) {
        return too_many(graph, component->key, "receivers");
    }
    struct receiver_context context = {
        .budget = graph->options.budget,
        .payloads = graph->options.payloads,
        .scope = graph->receiver_scope,
        .config = graph->options.config,
        .node = component->node,
        .name = component->name,
        .graph = graph,
        .metadata_keys = graph->metadata_keys,
        .metadata_count = graph->metadata_count,
        .data_path = graph->options.data_path,
        .say = part_say,
        .say_arg = graph,
        .heap_write = graph->options.heap_write,
        .names_program = graph->options.names_program,
        .refusals = graph->options.refusals,
    };
    int err = 0;
    for (int i = 0; i < PIPELINE_SIGNAL_COUNT && err == 0; i++) {
        err = signal_entry(graph, component, (enum otlp_signal)i, &context.next[i]);
    }
    void *receiver = NULL;
    if (err == 0) {
        err = type->create(&context, &receiver);
    }
    if (err == 0) {
        graph->receivers[graph->receiver_count++] =
            (struct graph_receiver){.component = component, .type = type, .receiver = receiver};
    }
    return err;
}

static bool is_used(const struct graph *graph, const struct config_component *receiver)
{
    for (size_t i = 0; i < graph->pipelines.pipeline_count; i++) {
        if (uses(&graph->pipelines.pipelines[i], receiver)) {
            return true;
        }
    }
    return false;
}

static int receivers_make(struct graph *graph)
{
    const struct config_components *components = &graph->pipelines.receivers;
    int result = 0;
    for (size_t i = 0; i < components->count && goes_on(result); i++) {
        if (is_used(graph, &components->items[i])) {
            int err = receiver_make(graph, &components->items[i]);
            result = err != 0 ? err : result;
        }
    }
    return result;
}

static int scopes_make(struct graph *graph)
{
    int err = scope_make(graph, "flush-clock", 1, &graph->clock_scope);
    if (err == 0) {
        err = scope_make(graph, "exporters", 0, &graph->exporter_scope);
    }
    if (err == 0) {
        err = scope_make(graph, "receivers", 0, &graph->receiver_scope);
    }
    return err;
}

static void grace_over(void *arg, uint64_t now_ns)
{
    struct graph *graph = arg;
    (void)now_ns;
    slu_scope_cancel(graph->exporter_scope);
}

/* Parts are made from the end to the beginning, and all of them, so that all mistakes are told. */
static int parts_make(struct graph *graph)
{
    int (*const steps[])(struct graph * graph) = {exporters_make, pipelines_make, receivers_make};
    int result = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && goes_on(result); i++) {
        int err = steps[i](graph);
        result = err != 0 ? err : result;
    }
    return result;
}

int graph_create(const struct graph_options *options, struct graph **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(options->budget, sizeof(struct graph), &memory);
    if (err != 0) {
        return err;
    }
    struct graph *graph = memory;
    graph->options = *options;
    graph->pipelines = *options->pipelines; /* what it points to is the configuration's */
    err = scopes_make(graph);
    if (err == 0) {
        err = flush_clock_create(options->budget, graph->clock_scope, &graph->clock);
    }
    if (err == 0) {
        flush_clock_add(graph->clock, &graph->grace, grace_over, graph);
        err = parts_make(graph);
    }
    if (err != 0) {
        graph_destroy(&graph);
        return err;
    }
    *out = graph;
    return 0;
}

int graph_start(struct graph *graph, struct slu_diag *diag)
{
    int err = 0;
    for (size_t i = 0; i < graph->receiver_count && err == 0; i++) {
        struct graph_receiver *receiver = &graph->receivers[i];
        err = receiver->type->start(receiver->receiver, diag);
        receiver->is_started = true; /* as far as it came */
    }
    /* Pairs with the load of graph_say: it sees the receivers. */
    atomic_store_explicit(&graph->is_running, true, memory_order_release);
    return err;
}

/* From here on nothing is gathered any more. */
static void batches_drain(struct graph *graph, uint64_t now_ns)
{
    for (size_t i = 0; i < graph->stage_count; i++) {
        if (graph->stages[i].drain != NULL) {
            graph->stages[i].drain(graph->stages[i].stage, now_ns);
        }
    }
}

void graph_stop(struct graph *graph, uint64_t grace_ns)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    /* The last quarter is for the answers to those whose exporters were ended. */
    flush_clock_set(graph->clock, &graph->grace, now_ns + grace_ns / 4 * 3);
    atomic_store_explicit(&graph->is_running, false, memory_order_release);
    batches_drain(graph, now_ns);
    for (size_t i = 0; i < graph->receiver_count; i++) {
        struct graph_receiver *receiver = &graph->receivers[i];
        if (receiver->is_started) {
            receiver->type->stop(receiver->receiver, grace_ns);
            receiver->is_started = false;
        }
    }
}

static void scope_end(struct slu_scope **scope)
{
    int err = slu_scope_close(scope);
    SLU_ASSERT(err == 0); /* it is no task of its own */
}

/* All tasks first: what one says may go through another. */
static void exporters_end(struct graph *graph)
{
    if (graph->exporter_scope != NULL) {
        slu_scope_cancel(graph->exporter_scope);
    }
    for (size_t i = 0; i < graph->exporter_count; i++) {
        if (graph->exporters[i].exporter != NULL) {
            exporter_stop(graph->exporters[i].exporter);
        }
    }
    for (size_t i = 0; i < graph->exporter_count; i++) {
        exporter_destroy(&graph->exporters[i].exporter);
    }
}

void graph_destroy(struct graph **out)
{
    struct graph *graph = *out;
    if (graph == NULL) {
        return;
    }
    scope_end(&graph->receiver_scope);
    scope_end(&graph->clock_scope);
    exporters_end(graph);
    scope_end(&graph->exporter_scope);
    for (size_t i = 0; i < graph->receiver_count; i++) {
        graph->receivers[i].type->destroy(graph->receivers[i].receiver);
    }
    for (size_t i = graph->stage_count; i > 0; i--) {
        graph->stages[i - 1].destroy(graph->stages[i - 1].stage);
    }
    flush_clock_destroy(&graph->clock);
    slu_budget_free(graph->options.budget, graph, sizeof(*graph));
    *out = NULL;
}

void graph_process_metrics(struct graph *graph, self_metric_fn *visit, void *arg)
{
    if (graph->options.metrics != NULL) {
        graph->options.metrics(graph->options.metrics_arg, visit, arg);
    }
}

const struct config_pipelines *graph_pipelines(const struct graph *graph)
{
    return &graph->pipelines;
}

int graph_place(struct graph *graph, size_t index, char *text, size_t size_bytes)
{
    for (size_t i = 0; i < graph->receiver_count; i++) {
        struct graph_receiver *receiver = &graph->receivers[i];
        for (size_t k = 0; k < RECEIVER_PLACES_MAX; k++) {
            if (receiver->type->place(receiver->receiver, k, text, size_bytes) == 0 &&
                index-- == 0) {
                return 0;
            }
        }
    }
    return -ENOENT;
}

const char *graph_exporter(struct graph *graph, size_t index, struct exporter_stats *stats)
{
    if (index >= graph->exporter_count) {
        return NULL;
    }
    exporter_stats(graph->exporters[index].exporter, stats);
    return graph->exporters[index].component->name;
}

const char *graph_longest(struct graph *graph, size_t index, struct exporter_span *span)
{
    if (index >= graph->exporter_count) {
        return NULL;
    }
    exporter_longest(graph->exporters[index].exporter, span);
    return graph->exporters[index].component->name;
}

const char *graph_receiver(struct graph *graph, size_t index, struct receiver_stats *stats)
{
    if (index >= graph->receiver_count) {
        return NULL;
    }
    struct graph_receiver *receiver = &graph->receivers[index];
    receiver->type->stats(receiver->receiver, stats);
    return receiver->component->name;
}

int graph_target(struct graph *graph, size_t index, struct receiver_target *out)
{
    for (size_t i = 0; i < graph->receiver_count; i++) {
        const struct graph_receiver *receiver = &graph->receivers[i];
        for (size_t k = 0; receiver->type->target != NULL &&
                           receiver->type->target(receiver->receiver, k, out) == 0;
             k++) {
            if (index-- == 0) {
                return 0;
            }
        }
    }
    return -ENOENT;
}

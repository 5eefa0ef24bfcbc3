/* Every component on its own: its options are read, it is made, and it goes again. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "pipeline/batch.h"
#include "pipeline/config.h"
#include "pipeline/config_pipelines.h"
#include "pipeline/editor.h"
#include "pipeline/editor_stage.h"
#include "pipeline/editors.h"
#include "pipeline/extensions.h"
#include "pipeline/extensions.h"
#include "pipeline/graph.h"
#include "pipeline/memory_limits.h"
#include "pipeline/stage.h"

/* A percentage is of something: of what does not matter here. */
#define AVAILABLE_BYTES (UINT64_C(1) << 30)

static int exporter_check(const struct graph_options *options,
                          const struct config_component *component)
{
    const struct exporter_type *type = exporter_find(component->type);
    struct exporter *exporter = NULL;
    struct exporter_context context = {
        .budget = options->budget,
        .scope = options->scope,
        .config = options->config,
        .node = component->node,
        .name = component->name,
        .data_path = options->data_path,
        .extensions = &options->pipelines->extensions,
        .curl = options->curl,
        .output_fd = options->output_fd,
        .is_check = true,
        .say = options->say,
        .say_arg = options->say_arg,
    };
    if (type == NULL) {
        return config_unknown_type(options->config, component, "exporter", exporter_names());
    }
    int err = exporter_create(type, &context, &exporter);
    exporter_destroy(&exporter);
    return err;
}

static int batch_options_check(const struct graph_options *options,
                               const struct config_component *component)
{
    struct batch_options batch = batch_defaults;
    int err = config_read(options->config, component->node, &batch_object, &batch);
    return err == 0 ? batch_check(options->config, component->node, &batch) : err;
}

static int editor_check(const struct graph_options *options,
                        const struct config_component *component)
{
    const struct editor_type *type = editor_find(component->type);
    struct stage *stage = NULL;
    if (type == NULL) {
        return config_unknown_type(options->config, component, "processor", editor_names());
    }
    int err = editor_stage_create(options->budget, component->name, type, options->config,
                                  component->node, NULL, &stage);
    if (err == 0) {
        editor_stage_destroy(stage);
    }
    return err;
}

static int processor_check(const struct graph_options *options,
                           const struct config_component *component)
{
    struct memory_limits limits = {0};
    if (strcmp(component->type, "memory_limiter") == 0) {
        return memory_limiter_read(options->config, component, AVAILABLE_BYTES, &limits);
    }
    return strcmp(component->type, "batch") == 0 ? batch_options_check(options, component)
                                                 : editor_check(options, component);
}

static int receiver_check(const struct graph_options *options,
                          const struct config_component *component)
{
    const struct receiver_type *type = receiver_find(component->type);
    void *receiver = NULL;
    struct receiver_context context = {
        .budget = options->budget,
        .payloads = options->payloads,
        .scope = options->scope,
        .config = options->config,
        .node = component->node,
        .name = component->name,
    };
    if (type == NULL) {
        return config_unknown_type(options->config, component, "receiver", receiver_names());
    }
    int err = type->create(&context, &receiver);
    if (err == 0) {
        type->destroy(receiver);
    }
    return err;
}

/* Profiles go to exporters that know them. */
static void profiles_check(const struct graph_options *options,
                           const struct config_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->exporter_count; i++) {
        const struct config_component *component = pipeline->exporters[i];
        const struct exporter_type *type =
            component != NULL ? exporter_find(component->type) : NULL;
        if (pipeline->signal == OTLP_PROFILES && type != NULL && type->is_remote) {
            config_mistake(options->config, pipeline->key,
                           "the exporter %s takes no profiles; file, debug and nop do",
                           component->name);
        }
    }
}

int graph_check(const struct graph_options *options)
{
    for (size_t i = 0; i < options->pipelines->pipeline_count; i++) {
        profiles_check(options, &options->pipelines->pipelines[i]);
    }
    const struct {
        const struct config_components *components;
        int (*check)(const struct graph_options *options, const struct config_component *component);
    } kinds[] = {{&options->pipelines->receivers, receiver_check},
                 {&options->pipelines->processors, processor_check},
                 {&options->pipelines->exporters, exporter_check}};
    int err = extensions_check(options->config, &options->pipelines->extensions);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (size_t k = 0; k < kinds[i].components->count && (err == 0 || err == -EINVAL); k++) {
            err = kinds[i].check(options, &kinds[i].components->items[k]);
        }
    }
    return err == -EINVAL ? 0 : err;
}

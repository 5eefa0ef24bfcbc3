#include "pipeline/config_pipelines.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/arena.h>

#include "base/nearest.h"
#include "pipeline/config.h"
#include "pipeline/config_document.h"

#define COMPONENTS_MAX 1024 /* of one kind */

/* The document's top, as nodes to be read one by one. */
struct top {
    const struct config_node *receivers;
    const struct config_node *processors;
    const struct config_node *exporters;
    const struct config_node *connectors;
    const struct config_node *extensions;
    const struct config_node *service;
};

struct service {
    const struct config_node *pipelines;
    const struct config_node *telemetry; /* taken for the collector's sake */
    struct config_strings extensions;
};

struct pipeline_lists {
    struct config_strings receivers;
    struct config_strings processors;
    struct config_strings exporters;
};

#define NODE_FIELD(type, member)                                                                   \
    {                                                                                              \
        .key = #member, .kind = CONFIG_NODE, .offset = offsetof(struct type, member)               \
    }
#define LIST_FIELD(type, member)                                                                   \
    {                                                                                              \
        .key = #member, .kind = CONFIG_STRINGS, .offset = offsetof(struct type, member)            \
    }

static const struct config_field top_fields[] = {
    NODE_FIELD(top, receivers),  NODE_FIELD(top, processors), NODE_FIELD(top, exporters),
    NODE_FIELD(top, connectors), NODE_FIELD(top, extensions), NODE_FIELD(top, service),
};

static const struct config_object top_object = {
    .what = "a configuration",
    .fields = top_fields,
    .field_count = sizeof(top_fields) / sizeof(top_fields[0]),
    .size_bytes = sizeof(struct top),
};

static const struct config_field service_fields[] = {
    NODE_FIELD(service, pipelines),
    NODE_FIELD(service, telemetry),
    LIST_FIELD(service, extensions),
};

static const struct config_object service_object = {
    .what = "service",
    .fields = service_fields,
    .field_count = sizeof(service_fields) / sizeof(service_fields[0]),
    .size_bytes = sizeof(struct service),
};

static const struct config_field list_fields[] = {
    LIST_FIELD(pipeline_lists, receivers),
    LIST_FIELD(pipeline_lists, processors),
    LIST_FIELD(pipeline_lists, exporters),
};

static const struct config_object lists_object = {
    .what = "a pipeline",
    .fields = list_fields,
    .field_count = sizeof(list_fields) / sizeof(list_fields[0]),
    .size_bytes = sizeof(struct pipeline_lists),
};

/* "otlp/2" is of the type "otlp". */
static int type_copy(struct config *config, const char *name, char **type)
{
    const char *slash = strchr(name, '/');
    size_t len = slash != NULL ? (size_t)(slash - name) : strlen(name);
    return slu_arena_copy(config->arena, name, len, type);
}

static size_t mapping_count(const struct config_node *node)
{
    struct fy_node *real = config_real_node(node);
    int count = real != NULL && fy_node_is_mapping(real) ? fy_node_mapping_item_count(real) : 0;
    return count > 0 ? (size_t)count : 0;
}

static int array_take(struct config *config, size_t count, size_t size, void **out)
{
    int err = slu_arena_alloc(config->arena, count * size, 16, out); /* both are bounded */
    if (err == 0 && count > 0) {
        memset(*out, 0, count * size);
    }
    return err;
}

static int components_read(struct config *config, const struct config_node *node, const char *what,
                           struct config_components *out)
{
    size_t count = mapping_count(node);
    size_t at = 0;
    size_t taken = 0;
    void *memory = NULL;
    if (count > COMPONENTS_MAX) {
        config_mistake(config, node, "there are more than %d %s", COMPONENTS_MAX, what);
        return -EINVAL;
    }
    int err = array_take(config, count, sizeof(struct config_component), &memory);
    struct config_component *items = memory;
    while (err == 0) {
        struct config_component item = {0};
        char *type = NULL;
        if (!config_next(config, node, &at, &item.name, &item.key, &item.node) || taken == count) {
            break;
        }
        err = type_copy(config, item.name, &type);
        item.type = type;
        items[taken++] = item;
    }
    err = err == 0 ? config->failure : err;
    if (err == 0) {
        *out = (struct config_components){.items = items, .count = taken};
    }
    return err;
}

static const struct config_component *component_find(const struct config_components *components,
                                                     const char *name)
{
    for (size_t i = 0; i < components->count; i++) {
        if (strcmp(components->items[i].name, name) == 0) {
            return &components->items[i];
        }
    }
    return NULL;
}

static void unknown_tell(struct config *config, const struct config_node *node, const char *what,
                         const struct config_components *components, const char *name)
{
    struct nearest nearest = {.wanted = name, .wanted_len = strlen(name)};
    for (size_t i = 0; i < components->count; i++) {
        nearest_offer(&nearest, components->items[i].name, components->items[i].name);
    }
    if (nearest.best != NULL) {
        config_mistake(config, node, "there is no %s \"%.60s\"; did you mean \"%s\"?", what, name,
                       nearest.best);
    } else {
        config_mistake(config, node,
                       "there is no %s \"%.60s\"; name it under %ss, with its"
                       " options",
                       what, name, what);
    }
}

/* The components that a list names. Returns 0; -EINVAL if a mistake was told; as the arena */
static int references_read(struct config *config, const struct config_strings *names,
                           const char *what, const struct config_components *components,
                           const struct config_component *const **out)
{
    void *memory = NULL;
    int err = array_take(config, names->count, sizeof(const struct config_component *), &memory);
    if (err != 0) {
        return err;
    }
    const struct config_component **items = memory;
    for (size_t i = 0; i < names->count; i++) {
        items[i] = component_find(components, names->items[i]);
        if (items[i] == NULL) {
            unknown_tell(config, names->nodes[i], what, components, names->items[i]);
            err = -EINVAL;
        }
        for (size_t k = 0; k < i && items[i] != NULL; k++) {
            if (items[k] == items[i]) {
                config_mistake(config, names->nodes[i], "%s is in the list already",
                               names->items[i]);
                err = -EINVAL;
            }
        }
    }
    *out = items;
    return err;
}

static int signal_read(struct config *config, const char *name, const struct config_node *key,
                       enum otlp_signal *out)
{
    const char *names[PIPELINE_SIGNAL_COUNT + 1] = {0};
    size_t len = strcspn(name, "/");
    for (int i = 0; i < PIPELINE_SIGNAL_COUNT; i++) {
        names[i] = otlp_signal_name((enum otlp_signal)i);
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            *out = (enum otlp_signal)i;
            return 0;
        }
    }
    const char *near = config_nearest(name, names);
    config_mistake(
        config, key,
        "a pipeline is one of traces, metrics, logs or profiles, or one with /NAME%s%s%s",
        near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
        near != NULL ? "\"?" : "");
    return -EINVAL;
}

static int pipeline_check(struct config *config, const struct config_pipeline *pipeline)
{
    const char *missing = pipeline->receiver_count == 0   ? "receiver"
                          : pipeline->exporter_count == 0 ? "exporter"
                                                          : NULL;
    if (missing != NULL) {
        config_mistake(config, pipeline->key, "the pipeline %s needs a%s %s", pipeline->name,
                       missing[0] == 'e' ? "n" : "", missing);
        return -EINVAL;
    }
    return 0;
}

static int pipeline_read(struct config *config, const struct config_node *node,
                         const struct config_pipelines *all, struct config_pipeline *out)
{
    struct pipeline_lists lists = {0};
    int result = signal_read(config, out->name, out->key, &out->signal);
    int err = config_read(config, node, &lists_object, &lists);
    bool is_read = err == 0;
    const struct {
        const char *what;
        const struct config_strings *names;
        const struct config_components *components;
        const struct config_component *const **items;
        size_t *count;
    } parts[] = {
        {"receiver", &lists.receivers, &all->receivers, &out->receivers, &out->receiver_count},
        {"processor", &lists.processors, &all->processors, &out->processors, &out->processor_count},
        {"exporter", &lists.exporters, &all->exporters, &out->exporters, &out->exporter_count},
    };
    for (size_t i = 0; i < 3 && (err == 0 || err == -EINVAL); i++) {
        result = err != 0 ? err : result;
        *parts[i].count = parts[i].names->count;
        err = references_read(config, parts[i].names, parts[i].what, parts[i].components,
                              parts[i].items);
    }
    result = err != 0 ? err : result;
    if (is_read && (err == 0 || err == -EINVAL)) { /* or what is missing was told as a mistake */
        err = pipeline_check(config, out);
    }
    return err != 0 ? err : result;
}

/* `place` is where to tell that there are none. */
static int pipelines_read(struct config *config, const struct config_node *place,
                          const struct config_node *node, struct config_pipelines *out)
{
    size_t count = mapping_count(node);
    size_t taken = 0;
    size_t at = 0;
    void *memory = NULL;
    const struct config_node *value = NULL;
    if (count == 0 || count > COMPONENTS_MAX) {
        config_mistake(config, place,
                       "service.pipelines needs a pipeline: traces, metrics, logs or profiles");
        return -EINVAL;
    }
    int err = array_take(config, count, sizeof(struct config_pipeline), &memory);
    struct config_pipeline *items = memory;
    int result = err;
    while (err == 0 || err == -EINVAL) {
        struct config_pipeline item = {0};
        if (!config_next(config, node, &at, &item.name, &item.key, &value) || taken == count) {
            break;
        }
        err = pipeline_read(config, value, out, &item);
        result = err != 0 ? err : result;
        items[taken++] = item;
    }
    out->pipelines = items;
    out->pipeline_count = taken;
    return config->failure != 0 ? config->failure : result;
}

/* Those of the extensions that the service names. */
static int extensions_read(struct config *config, const struct config_strings *names,
                           struct config_components *extensions)
{
    const struct config_component *const *used = NULL;
    void *memory = NULL;
    int err = references_read(config, names, "extension", extensions, &used);
    if (err == 0) {
        err = array_take(config, names->count, sizeof(struct config_component), &memory);
    }
    if (err != 0) {
        return err;
    }
    struct config_component *items = memory;
    for (size_t i = 0; i < names->count; i++) {
        items[i] = *used[i];
    }
    *extensions = (struct config_components){.items = items, .count = names->count};
    return 0;
}

static int service_read(struct config *config, const struct top *top, struct config_pipelines *out)
{
    struct service service = {0};
    if (!config_is_given(top->service)) {
        config_mistake(config, NULL, "the configuration needs a service with its pipelines");
        return -EINVAL;
    }
    int err = config_read(config, top->service, &service_object, &service);
    int result = err;
    if (err == 0 || err == -EINVAL) {
        err = extensions_read(config, &service.extensions, &out->extensions);
        result = err != 0 ? err : result;
    }
    if (err == 0 || err == -EINVAL) {
        const struct config_node *at = service.pipelines;
        err = pipelines_read(config, at != NULL ? at : top->service, at, out);
        result = err != 0 ? err : result;
    }
    return result;
}

int config_read_pipelines(struct config *config, struct config_pipelines *out)
{
    struct config_pipelines all = {0};
    struct top top = {0};
    size_t mistakes = config_mistake_count(config);
    if (config_root(config) == NULL) {
        if (config_mistake_count(config) == 0) {
            config_mistake(config, NULL, "the configuration is empty");
        }
        return -EINVAL;
    }
    int err = config_read(config, config_root(config), &top_object, &top);
    if (err != 0 && err != -EINVAL) {
        return err;
    }
    if (config_is_given(top.connectors)) {
        config_mistake(config, top.connectors, "connectors are not built yet");
        err = -EINVAL;
    }
    int result = err;
    const struct {
        const struct config_node *node;
        const char *what;
        struct config_components *out;
    } parts[] = {{top.receivers, "receivers", &all.receivers},
                 {top.processors, "processors", &all.processors},
                 {top.exporters, "exporters", &all.exporters},
                 {top.extensions, "extensions", &all.extensions}};
    for (size_t i = 0; i < 4 && (err == 0 || err == -EINVAL); i++) {
        err = components_read(config, parts[i].node, parts[i].what, parts[i].out);
        result = err != 0 ? err : result;
    }
    if (err == 0 || err == -EINVAL) {
        err = service_read(config, &top, &all);
        result = err != 0 ? err : result;
    }
    if (result == 0 && config->mistake_count > mistakes) {
        result = -EINVAL; /* config_next has told one */
    }
    *out = all; /* of a configuration with mistakes, what could be read */
    return result;
}

int config_unknown_type(struct config *config, const struct config_component *component,
                        const char *kind, const char *const *names)
{
    const char *near = config_nearest(component->type, names);
    if (near != NULL) {
        config_mistake(config, component->key, "there is no %s \"%.60s\"; did you mean \"%s\"?",
                       kind, component->type, near);
    } else {
        config_mistake(config, component->key, "there is no %s \"%.60s\"", kind, component->type);
    }
    return -EINVAL;
}

#include "pipeline/memory_limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pipeline/config_pipelines.h"

#define MEBIBYTE      (UINT64_C(1) << 20)
#define MEBIBYTES_MAX (UINT64_C(1) << 24)
#define SPIKE_SHARE   5 /* of the limit, where no spike is given: a fifth, as in the collector */

struct limiter_options {
    uint64_t check_interval_ns; /* taken for the collector's sake: every request is checked */
    uint64_t limit_mib;
    uint64_t spike_limit_mib;
    uint64_t limit_percentage;
    uint64_t spike_limit_percentage;
};

static const struct config_field fields[] = {
    {.key = "check_interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct limiter_options, check_interval_ns)},
    {.key = "limit_mib",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct limiter_options, limit_mib),
     .max = MEBIBYTES_MAX},
    {.key = "spike_limit_mib",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct limiter_options, spike_limit_mib),
     .max = MEBIBYTES_MAX},
    {.key = "limit_percentage",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct limiter_options, limit_percentage),
     .max = 100},
    {.key = "spike_limit_percentage",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct limiter_options, spike_limit_percentage),
     .max = 100},
};

static const struct config_object limiter_object = {
    .what = "the memory_limiter processor",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct limiter_options),
};

static int limiter_read(struct config *config, const struct config_component *component,
                        uint64_t available_bytes, struct memory_limits *out)
{
    struct limiter_options options = {0};
    int err = config_read(config, component->node, &limiter_object, &options);
    if (err != 0) {
        return err;
    }
    uint64_t limit = options.limit_mib * MEBIBYTE;
    uint64_t spike = options.spike_limit_mib * MEBIBYTE;
    if (limit == 0) {
        limit = available_bytes / 100 * options.limit_percentage;
        spike = available_bytes / 100 * options.spike_limit_percentage;
    }
    if (limit == 0) {
        config_mistake(config, component->key, "%s needs limit_mib or limit_percentage",
                       component->name);
        return -EINVAL;
    }
    if (spike >= limit) {
        const struct config_node *at = config_child(
            component->node, options.limit_mib != 0 ? "spike_limit_mib" : "spike_limit_percentage");
        config_mistake(config, at, "the spike limit must be below the limit");
        return -EINVAL;
    }
    if (out->limit_bytes == 0 || limit < out->limit_bytes) {
        out->limit_bytes = limit;
        out->spike_bytes = spike != 0 ? spike : limit / SPIKE_SHARE;
    }
    return 0;
}

static bool is_used(const struct config_pipelines *pipelines,
                    const struct config_component *component)
{
    for (size_t i = 0; i < pipelines->pipeline_count; i++) {
        const struct config_pipeline *pipeline = &pipelines->pipelines[i];
        for (size_t k = 0; k < pipeline->processor_count; k++) {
            if (pipeline->processors[k] == component) {
                return true;
            }
        }
    }
    return false;
}

/* Each is read once, however many pipelines use it: so is each mistake told once. */
int memory_limits_read(struct config *config, const struct config_pipelines *pipelines,
                       uint64_t available_bytes, struct memory_limits *out)
{
    struct memory_limits limits = {0};
    int err = 0;
    for (size_t i = 0; i < pipelines->processors.count; i++) {
        const struct config_component *component = &pipelines->processors.items[i];
        if (strcmp(component->type, "memory_limiter") == 0 && is_used(pipelines, component)) {
            int failed = limiter_read(config, component, available_bytes, &limits);
            err = failed != 0 && (err == 0 || err == -EINVAL) ? failed : err;
        }
    }
    if (err == 0) {
        *out = limits;
    }
    return err;
}

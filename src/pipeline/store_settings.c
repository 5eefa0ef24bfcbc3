#include "pipeline/store_settings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "pipeline/config.h"
#include "pipeline/config_pipelines.h"
#include "store/store.h"

#define DAY_NS        UINT64_C(86400000000000)
#define MINUTE_NS     UINT64_C(60000000000)
#define LOG_MIN_BYTES (UINT64_C(16) << 20)

static const struct config_field fields[] = {
    {.key = "directory",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct store_settings, directory)},
    {.key = "durability",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct store_settings, durability)},
    {.key = "retention",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct store_settings, retention_ns)},
    {.key = "size",
     .kind = CONFIG_SIZE,
     .offset = offsetof(struct store_settings, size_bytes_max),
     .min = UINT64_C(64) << 20},
    {.key = "memory", .kind = CONFIG_SIZE, .offset = offsetof(struct store_settings, memory_bytes)},
    {.key = "out_of_order_window",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct store_settings, out_of_order_ns)},
    {.key = "flush_interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct store_settings, flush_ns)},
    {.key = "verdict_interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct store_settings, verdict_ns)},
    {.key = "log_size",
     .kind = CONFIG_SIZE,
     .offset = offsetof(struct store_settings, log_bytes_max),
     .min = LOG_MIN_BYTES},
    {.key = "max_series",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct store_settings, series_max),
     .min = 1,
     .max = 10000000},
    {.key = "max_streams",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct store_settings, stream_max),
     .min = 1,
     .max = 1000000},
};

const struct config_object store_settings_object = {
    .what = "the store exporter",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct store_settings),
};

const struct store_settings store_settings_default = {
    .durability = "sync",
    .retention_ns = 15 * DAY_NS,
    .size_bytes_max = STORE_SIZE_DEFAULT,
    .out_of_order_ns = STORE_OUT_OF_ORDER_DEFAULT,
    .flush_ns = 10 * MINUTE_NS,
    .verdict_ns = MINUTE_NS,
    .log_bytes_max = STORE_LOG_DEFAULT,
    .series_max = STORE_SERIES_DEFAULT,
    .stream_max = STORE_STREAMS_DEFAULT,
};

static int settings_check(struct config *config, const struct config_node *node,
                          const struct store_settings *settings)
{
    if (strcmp(settings->durability, "sync") != 0 && strcmp(settings->durability, "relaxed") != 0) {
        config_mistake(config, node, "durability is \"sync\" or \"relaxed\"");
        return -EINVAL;
    }
    if (settings->memory_bytes != 0 && settings->memory_bytes < STORE_MEMORY_MIN) {
        config_mistake(config, node, "memory: %llu MiB at the least",
                       (unsigned long long)(STORE_MEMORY_MIN >> 20));
        return -EINVAL;
    }
    return 0;
}

int store_settings_find(struct config *config, const struct config_pipelines *pipelines,
                        struct store_settings *out, bool *is_there)
{
    const struct config_components *exporters = &pipelines->exporters;
    int err = 0;
    *is_there = false;
    for (size_t i = 0; err == 0 && i < exporters->count; i++) {
        const struct config_component *item = &exporters->items[i];
        if (strcmp(item->type, "store") != 0) {
            continue;
        }
        if (*is_there) {
            config_mistake(config, item->key, "there is one store at the most");
            return -EINVAL;
        }
        *out = store_settings_default;
        err = config_read(config, item->node, &store_settings_object, out);
        err = err != 0 ? err : settings_check(config, item->node, out);
        *is_there = err == 0;
    }
    return err;
}

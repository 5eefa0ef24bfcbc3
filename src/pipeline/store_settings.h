/* The options of the exporter `store`, by which the daemon opens the store. */
#ifndef PIPELINE_STORE_SETTINGS_H
#define PIPELINE_STORE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct config;
struct config_object;
struct config_pipelines;

struct store_settings {
    const char *directory;  /* NULL: "store" in the daemon's data */
    const char *durability; /* "sync" or "relaxed" */
    uint64_t retention_ns;  /* 0: until size_bytes_max */
    uint64_t size_bytes_max;
    uint64_t memory_bytes; /* 0: a share of the memory limit */
    uint64_t out_of_order_ns;
    uint64_t verdict_ns;    /* how often heap profiles are judged; 0: when somebody asks */
    uint64_t flush_ns;      /* how old what is only in memory and in the log may get */
    uint64_t log_bytes_max; /* of each signal's log */
    uint64_t series_max;
    uint64_t stream_max;
};

extern const struct config_object store_settings_object;
extern const struct store_settings store_settings_default;

/*
 * The settings of the store that the pipelines use; there is one at the most. `is_there` is false
 * without one.
 *
 * Returns  0; -EINVAL if mistakes were told; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int store_settings_find(struct config *config,
                                     const struct config_pipelines *pipelines,
                                     struct store_settings *out, bool *is_there);

#endif

/* The processor memory_limiter: what it says is the bound of the whole process. */
#ifndef PIPELINE_MEMORY_LIMITS_H
#define PIPELINE_MEMORY_LIMITS_H

#include <stdint.h>

#include <sluice/api.h>

#include "pipeline/config.h"

struct config_component;
struct config_pipelines;

struct memory_limits {
    uint64_t limit_bytes; /* 0: nothing was said */
    uint64_t spike_bytes; /* below the limit by that much, nothing more is taken */
};

/*
 * Read the memory_limiters that pipelines use; of several the strictest holds.
 *
 * available_bytes  what a percentage is of: the machine's memory, or its control group's
 * Returns          0; -EINVAL if mistakes were told; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int memory_limits_read(struct config *config, const struct config_pipelines *pipelines,
                                    uint64_t available_bytes, struct memory_limits *out);

/* Read one: `out` keeps the stricter of the two. Returns as memory_limits_read */
SLU_MUST_USE int memory_limiter_read(struct config *config,
                                     const struct config_component *component,
                                     uint64_t available_bytes, struct memory_limits *out);

#endif

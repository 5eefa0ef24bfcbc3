#include "pipeline/retry.h"

#include <stddef.h>

/* A time behind it still fits 64 bits, for a clock that has run for a century. */
#define DELAY_MAX_NS (UINT64_C(1) << 62)

static const struct config_field fields[] = {
    {.key = "enabled", .kind = CONFIG_BOOL, .offset = offsetof(struct retry_options, is_enabled)},
    {.key = "initial_interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct retry_options, initial_interval_ns),
     .min = 1},
    {.key = "randomization_factor",
     .kind = CONFIG_DOUBLE,
     .offset = offsetof(struct retry_options, randomization_factor),
     .max = 1},
    {.key = "multiplier",
     .kind = CONFIG_DOUBLE,
     .offset = offsetof(struct retry_options, multiplier),
     .min = 1},
    {.key = "max_interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct retry_options, max_interval_ns),
     .min = 1},
    {.key = "max_elapsed_time",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct retry_options, max_elapsed_ns)},
};

const struct config_object retry_object = {
    .what = "retry_on_failure",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct retry_options),
};

void retry_begin(struct retry *retry, const struct retry_options *options, uint64_t now_ns)
{
    retry->options = options;
    retry->begun_ns = now_ns;
    uint64_t first_ns = options->initial_interval_ns < options->max_interval_ns
                            ? options->initial_interval_ns
                            : options->max_interval_ns;
    retry->interval_ns = (double)first_ns;
}

/* A factor in [0, 1], whatever it was set to. */
static double clamp_factor(double factor)
{
    return factor >= 0 && factor <= 1 ? factor : 1;
}

bool retry_next(struct retry *retry, uint64_t now_ns, uint64_t asked_ns, uint64_t random,
                uint64_t *delay_ns)
{
    const struct retry_options *options = retry->options;
    if (!options->is_enabled) {
        return false;
    }
    double spread = clamp_factor(options->randomization_factor);
    double unit = (double)(random >> 11) * 0x1p-53; /* [0, 1) */
    double wanted = retry->interval_ns * (1 - spread + 2 * spread * unit);
    uint64_t delay = wanted < (double)DELAY_MAX_NS ? (uint64_t)wanted : DELAY_MAX_NS;
    double most = (double)options->max_interval_ns;
    double grown = retry->interval_ns * (options->multiplier >= 1 ? options->multiplier : 1);
    retry->interval_ns = grown < most ? grown : most;
    if (delay < asked_ns) {
        delay = asked_ns < DELAY_MAX_NS ? asked_ns : DELAY_MAX_NS;
    }
    uint64_t elapsed_ns = now_ns > retry->begun_ns ? now_ns - retry->begun_ns : 0;
    if (options->max_elapsed_ns > 0 && elapsed_ns + delay > options->max_elapsed_ns) {
        return false;
    }
    *delay_ns = delay;
    return true;
}

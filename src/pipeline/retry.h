/*
 * When to try again: an interval that grows, with jitter, and what the other side asked for.
 */
#ifndef PIPELINE_RETRY_H
#define PIPELINE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/config.h"

struct retry_options {
    bool is_enabled;
    uint64_t initial_interval_ns;
    double randomization_factor; /* an interval is that much longer or shorter, at the most */
    double multiplier;
    uint64_t max_interval_ns;
    uint64_t max_elapsed_ns; /* from the first try; 0: for ever */
};

extern const struct config_object retry_object;

/* The collector's, but that nothing acknowledged is given up: max_elapsed_time is 300 s there. */
#define RETRY_DEFAULTS                                                                             \
    {                                                                                              \
        .is_enabled = true, .initial_interval_ns = UINT64_C(5000000000),                           \
        .randomization_factor = 0.5, .multiplier = 1.5, .max_interval_ns = UINT64_C(30000000000)   \
    }

/* The tries of one message. */
struct retry {
    const struct retry_options *options;
    uint64_t begun_ns;
    double interval_ns;
};

void retry_begin(struct retry *retry, const struct retry_options *options, uint64_t now_ns);

/*
 * After a failure: how long to wait.
 *
 * asked_ns  the least that the other side asked for; 0: nothing
 * random    any 64 bits
 * Returns   false: give up
 */
bool retry_next(struct retry *retry, uint64_t now_ns, uint64_t asked_ns, uint64_t random,
                uint64_t *delay_ns);

#endif

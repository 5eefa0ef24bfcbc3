/*
 * A ceiling of samples a second: while there are more, the mean distance of samples doubles; when
 * there are clearly fewer, it halves, down to the rate that was asked for.
 */
#ifndef PROFILE_RATE_CEILING_H
#define PROFILE_RATE_CEILING_H

#include <stdatomic.h>
#include <stdint.h>

/* Lies in its owner. */
struct rate_ceiling {
    _Atomic uint64_t rate_bytes; /* now */
    _Atomic uint64_t base_bytes; /* as asked for */
    _Atomic uint64_t window_start_ns;
    _Atomic uint64_t window_count; /* samples since then */
    uint64_t samples_per_second_max;
    uint64_t window_ns;
    uint64_t window_count_max; /* its share of the ceiling */
};

/* samples_per_second_max  0: the rate stays */
void rate_ceiling_init(struct rate_ceiling *ceiling, uint64_t rate_bytes,
                       uint64_t samples_per_second_max, uint64_t now_ns);

/* Go on from another rate. */
void rate_ceiling_set(struct rate_ceiling *ceiling, uint64_t rate_bytes);

/* Forget what was counted. */
void rate_ceiling_restart(struct rate_ceiling *ceiling, uint64_t now_ns);

/* Count a sample, and adapt the rate at the end of a window or when its share is used up. */
void rate_ceiling_count(struct rate_ceiling *ceiling, uint64_t now_ns);

#endif

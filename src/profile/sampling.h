/*
 * Which allocations are sampled, and what each stands for.
 *
 * Allocated bytes are a line on which sample points lie as a Poisson process with a mean distance
 * of `rate_bytes`; an allocation that covers a point is sampled. One of `size` bytes is so with
 * probability 1 - exp(-size/rate), and each sample counts as the inverse of that. All arithmetic is
 * on integers: the hook must leave the program's floating-point state as it was.
 */
#ifndef PROFILE_SAMPLING_H
#define PROFILE_SAMPLING_H

#include <stdint.h>

#define SAMPLING_RATE_DEFAULT ((uint64_t)512 << 10)
#define SAMPLING_RATE_MAX     ((uint64_t)UINT32_MAX)

/* A weight is in units of 2^-16 objects: 1 << SAMPLING_WEIGHT_SHIFT is one object. */
#define SAMPLING_WEIGHT_SHIFT 16

/*
 * How many bytes a thread may allocate until its next sample.
 *
 * Subtract the size of each allocation from the result; the one that brings it to zero or below is
 * sampled, with the rate that was given here, and the next distance is drawn. Points that the same
 * allocation may cover besides are thereby forgotten, as the weight expects.
 *
 * random      the thread's own state, any value at first; distinct values for distinct threads
 * rate_bytes  1 to SAMPLING_RATE_MAX; 1 samples every allocation
 * Returns     at least 1, below 45 x SAMPLING_RATE_MAX
 * Cost        constant: about 4 ns
 * Threads     any, each with its own state
 */
uint64_t sampling_next(uint64_t *random, uint64_t rate_bytes);

/*
 * What a sampled allocation stands for: 1/(1 - exp(-size/rate)) objects, in 2^-16 objects.
 *
 * size_bytes  0 counts as 1
 * Returns     at least 1 << SAMPLING_WEIGHT_SHIFT; wrong by less than 2^-16 and one part in 2^18
 * Cost        constant: two divisions
 */
uint64_t sampling_weight(uint64_t size_bytes, uint64_t rate_bytes);

/* `weight` objects of `size_bytes`, in bytes, rounded; at most INT64_MAX. */
uint64_t sampling_weighted_bytes(uint64_t size_bytes, uint64_t weight);

#endif

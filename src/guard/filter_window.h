/*
 * Bloom filters that take turns: each is filled for a quarter of the span, or until it is full, and
 * emptied when its turn comes again.
 */
#ifndef GUARD_FILTER_WINDOW_H
#define GUARD_FILTER_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bloom.h"
#include "base/layout.h"
#include "guard/stamp_set.h"

#define FILTER_COUNT      4
#define FILTER_LIFE_TICKS STAMP_SET_TICKS /* an exemption must last as long as the filters */
#define FILTER_TURN_TICKS (FILTER_LIFE_TICKS / FILTER_COUNT)

/*
 * `salt` makes every turn another hash function, so that a key that is a false positive in one turn
 * is none in the next.
 */
struct turn_filter {
    struct slu_bloom bloom;
    _Atomic uint64_t begin_tick; /* FILTER_UNUSED: nothing in it counts */
    _Atomic uint64_t salt;
};

#define FILTER_UNUSED UINT64_MAX

/* Lies in its owner; the filters' lines in the owner's block. */
struct filter_window {
    struct turn_filter filters[FILTER_COUNT];
    uint32_t newest;
    uint64_t turn_count;
    uint64_t early_count; /* turns that emptied a filter before its time */
};

struct filter_window_options {
    uint64_t key_max;
    double rate; /* of the whole window */
    uint64_t seed;
};

/* Functions that change the window are called by one thread at a time, with ticks that do not fall.
 */

/* Reserve the lines of all filters; `lines_at` gets their offsets. */
void filter_window_plan(struct layout *layout, const struct filter_window_options *options,
                        size_t lines_at[FILTER_COUNT]);

/* Begin an empty window in zeroed memory that was planned with the same options. */
void filter_window_init(struct filter_window *window, void *block,
                        const size_t lines_at[FILTER_COUNT],
                        const struct filter_window_options *options);

/*
 * Add a hash.
 *
 * Cost  one cache line; the emptying of a filter when a turn is over
 */
void filter_window_add(struct filter_window *window, uint64_t hash, uint64_t tick);

/* Take all out. Cost: constant; the filters are emptied when their turns come. */
void filter_window_drop(struct filter_window *window);

/*
 * Whether a hash may be in the window at `tick`.
 *
 * Cost     one cache line a filter, or two
 * Threads  any
 */
bool filter_window_has(const struct filter_window *window, uint64_t hash, uint64_t tick);

#endif

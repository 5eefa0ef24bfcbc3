/* The gate's inside, for the files that it is made of and for its tests. */
#ifndef LIMIT_GATE_STATE_H
#define LIMIT_GATE_STATE_H

#include <sluice/gate.h>

#include "base/hash.h"
#include "limit/gate_line.h"
#include "limit/rate.h"

#define GATE_STRIPES 16u

/* A class's limit as entries refer to it. */
struct gate_slot {
    struct rate rate;
    uint64_t keep_units;
    uint64_t salt_place;
    uint64_t salt_print;
    uint64_t event_ns; /* from one event to the next, rounded up */
    uint64_t apart;
};
GOLDEN_LAYOUT(struct gate_slot, 64, 0, 0, rate, keep_units, salt_place, salt_print, event_ns,
              apart);

/* What the keys of a class share that found no place. */
struct gate_shared {
    _Atomic uint64_t arrival; /* in units, times 2: the lock is in bit 0 */
    struct rate rate;
    uint64_t apart[4];
};
GOLDEN_LAYOUT(struct gate_shared, 64, 0, 0, arrival, rate, apart);

/* Counters of some of the lines, so that threads seldom meet in one. */
struct gate_stripe {
    _Atomic uint64_t full_count;
    _Atomic uint64_t full_refused_count;
    _Atomic uint64_t moved_count;
    _Atomic uint64_t barren_level; /* how seldom room could be made of late */
    uint64_t apart[4];
};
GOLDEN_LAYOUT(struct gate_stripe, 64, 0, 0, full_count, full_refused_count, moved_count,
              barren_level, apart);

struct slu_gate {
    struct gate_line *lines;
    uint64_t group_count;
    struct gate_slot *slots;
    struct gate_shared *shared;
    uint32_t class_count;
    uint32_t policy;
    struct hash_number_seed number_seed;
    uint64_t seed;
    struct gate_stripe *stripes;
    uint64_t keys_max;
    struct slu_budget *budget;
    size_t block_bytes;
};
GOLDEN_LAYOUT(struct slu_gate, 112, 0, 1, lines, group_count, slots, shared, class_count, policy,
              number_seed, seed, stripes, keys_max, budget, block_bytes);

#endif

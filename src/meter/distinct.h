/*
 * How many distinct values something had in this period and the one before, in 128 bytes.
 *
 * Source  Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog: the analysis of a near-optimal
 *         cardinality estimation algorithm", AofA 2007
 */
#ifndef METER_DISTINCT_H
#define METER_DISTINCT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/golden.h"

#define DISTINCT_REGISTERS 64

/* Zeroed memory is none. */
struct distinct {
    _Atomic uint8_t registers[2][DISTINCT_REGISTERS]; /* by the period's lowest bit */
};
GOLDEN_LAYOUT(struct distinct, 128, 0, 0, registers);

/* Take a value by its hash. Threads: any; of two at once for one register, one may be lost. */
static inline void distinct_note(struct distinct *distinct, uint64_t period, uint64_t hash)
{
    _Atomic uint8_t *at = &distinct->registers[period & 1][hash % DISTINCT_REGISTERS];
    uint8_t rank = (uint8_t)(1 + __builtin_clzll(hash | (DISTINCT_REGISTERS - 1)));
    if (atomic_load_explicit(at, memory_order_relaxed) < rank) {
        atomic_store_explicit(at, rank, memory_order_relaxed);
    }
}

/* Empty what was noted in `period`, or two before it. */
void distinct_clear(struct distinct *distinct, uint64_t period);

/* With a standard error of 13 %. */
uint64_t distinct_estimate(const struct distinct *distinct);

#endif

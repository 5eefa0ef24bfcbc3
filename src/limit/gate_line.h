/*
 * The gate's table: lines of four entries, each line a cache line with its lock within.
 *
 *     tag       bits 9-63  55 bits of the key's hash, salted by its class
 *               bits 1-8   the slot of its class's rate
 *               bit  0     0; in the first tag, that word is SPOT_TAKEN while the line is locked
 *     arrival   bits 1-63  the theoretical arrival time in units of that rate
 *               bit  0     set once the key has come back
 *
 * An entry of zeros is one whose arrival is long past, so an empty table needs no making.
 *
 * Lines come in groups. A key's home is a line of one group; its other line is in the same group,
 * and either follows from the other and the tag, so that an entry can be moved without its key.
 *
 * Source  for the two lines: Fan, Andersen, Kaminsky and Mitzenmacher, "Cuckoo filter: practically
 *         better than Bloom", CoNEXT 2014
 */
#ifndef LIMIT_GATE_LINE_H
#define LIMIT_GATE_LINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/golden.h"
#include "limit/spot_lock.h"

#define LINE_WAYS   4u
#define GROUP_LINES 256u

/* Changed under the lock. Who looks without it only learns whether locking is worth while. */
struct gate_line {
    _Atomic uint64_t tags[LINE_WAYS];
    _Atomic uint64_t arrivals[LINE_WAYS];
};
GOLDEN_LAYOUT(struct gate_line, 64, 0, 0, tags, arrivals);

/* A line that is locked, and its first tag, which the lock has replaced. */
struct held_line {
    struct gate_line *line;
    uint64_t first_tag;
};

static inline struct held_line line_lock(struct gate_line *line)
{
    return (struct held_line){line, spot_lock(&line->tags[0])};
}

static inline void line_unlock(const struct held_line *held)
{
    spot_unlock(&held->line->tags[0], held->first_tag);
}

static inline uint64_t line_tag(const struct held_line *held, uint32_t way)
{
    return way == 0 ? held->first_tag
                    : atomic_load_explicit(&held->line->tags[way], memory_order_relaxed);
}

static inline uint64_t line_arrival(const struct gate_line *line, uint32_t way)
{
    return atomic_load_explicit(&line->arrivals[way], memory_order_relaxed);
}

static inline void line_set_arrival(struct gate_line *line, uint32_t way, uint64_t arrival)
{
    atomic_store_explicit(&line->arrivals[way], arrival, memory_order_relaxed);
}

static inline void line_set(struct held_line *held, uint32_t way, uint64_t tag, uint64_t arrival)
{
    if (way == 0) {
        held->first_tag = tag;
    } else {
        atomic_store_explicit(&held->line->tags[way], tag, memory_order_relaxed);
    }
    line_set_arrival(held->line, way, arrival);
}

/*
 * The way that has the tag, or LINE_WAYS. Without a branch for each way: which one it is cannot be
 * predicted.
 */
static inline uint32_t line_find(const struct held_line *held, uint64_t tag)
{
    uint32_t found = 1u << LINE_WAYS;
    for (uint32_t way = 0; way < LINE_WAYS; way++) {
        found |= (uint32_t)(line_tag(held, way) == tag) << way;
    }
    return (uint32_t)__builtin_ctz(found);
}

static inline uint32_t tag_slot(uint64_t tag)
{
    return (uint32_t)(tag >> 1) & 0xff;
}

/* The number within the group of the other line of an entry in line `number`. */
static inline uint32_t line_other(uint32_t number, uint64_t tag)
{
    return number ^ ((uint32_t)(tag >> 56) | 1);
}

#endif

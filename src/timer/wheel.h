/*
 * The inside of a wheel, for the files of this folder.
 *
 * Level l has 64 slots of 64^l ticks. A timer stands on the level of the highest group of 6 bits in
 * which its tick differs from the wheel's, in the slot of its own bits there. So every level's
 * timers are earlier than those of the levels above; the next slot is the lowest bit of the lowest
 * level; and a timer comes down a level whenever the wheel enters its slot. The levels cover all
 * ticks, so none is beyond the range; ticks wrap, which only the top level sees.
 *
 * Nodes are indices into one array: the timers, then the slots, then three lists. A list is a ring
 * through its head, so that a node leaves whichever one it is in. A timer whose callback is running
 * is linked to itself until it is armed again.
 *
 *   slots    timers that come later than the wheel's tick
 *   MOVING   timers of a slot that the wheel has entered, to be filed again
 *   DUE      timers to run
 *   NEXT     timers that were due when they were filed: DUE from the next advance on
 *   PARKED   timers that never come
 */
#ifndef TIMER_WHEEL_H
#define TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/wheel.h>

#include "base/golden.h"
#include "base/pool.h"
#include "timer/attach.h"

#define LEVEL_BITS       6
#define LEVEL_SLOT_COUNT (1U << LEVEL_BITS)
#define LEVELS_MAX       SLU_WHEEL_LEVELS_MAX

enum wheel_list {
    LIST_MOVING,
    LIST_DUE,
    LIST_NEXT,
    LIST_PARKED,
    LIST_COUNT,
};

struct timer_node {
    uint64_t tick; /* when it comes; nothing in a head */
    uint32_t next;
    uint32_t previous;
};
GOLDEN_LAYOUT(struct timer_node, 16, 0, 0, tick, next, previous);

struct slu_wheel {
    struct timer_node *nodes;
    uint64_t tick;      /* the wheel stands here: what came before has left the slots */
    uint64_t tick_mask; /* ticks are modulo this + 1, as times are modulo 2^64 */
    uint32_t tick_bits; /* a tick is 2^tick_bits ns */
    uint32_t level_count;
    uint32_t levels_used; /* a bit for each level with a timer */
    uint32_t slots_at;    /* the first slot's node; timers lie below */
    uint32_t lists_at;    /* the first list's node */
    bool advancing;
    struct slu_pool pool; /* of struct timer_call */
    uint64_t run_count;
    uint64_t move_count;
    struct slu_budget *budget;
    size_t block_bytes;
    uint64_t slots_used[LEVELS_MAX]; /* a bit for each slot with a timer */
    struct attachments attachments;
};

static inline uint32_t list_head(const struct slu_wheel *wheel, enum wheel_list list)
{
    return wheel->lists_at + (uint32_t)list;
}

static inline bool list_is_empty(const struct slu_wheel *wheel, enum wheel_list list)
{
    uint32_t head = list_head(wheel, list);
    return wheel->nodes[head].next == head;
}

static inline void node_append(struct slu_wheel *wheel, uint32_t head, uint32_t timer)
{
    struct timer_node *nodes = wheel->nodes;
    uint32_t last = nodes[head].previous;
    nodes[timer].previous = last;
    nodes[timer].next = head;
    nodes[last].next = timer;
    nodes[head].previous = timer;
}

static inline void slot_clear(struct slu_wheel *wheel, uint32_t head)
{
    uint32_t slot = head - wheel->slots_at;
    uint32_t level = slot / LEVEL_SLOT_COUNT;
    wheel->slots_used[level] &= ~(UINT64_C(1) << slot % LEVEL_SLOT_COUNT);
    if (wheel->slots_used[level] == 0) {
        wheel->levels_used &= ~(UINT32_C(1) << level);
    }
}

/* Take a timer out of the list that it is in, and link it to itself. */
static inline void node_unlink(struct slu_wheel *wheel, uint32_t timer)
{
    struct timer_node *nodes = wheel->nodes;
    uint32_t next = nodes[timer].next;
    uint32_t previous = nodes[timer].previous;
    nodes[next].previous = previous;
    nodes[previous].next = next;
    nodes[timer].next = timer;
    nodes[timer].previous = timer;
    if (next == previous && next >= wheel->slots_at && next < wheel->lists_at) {
        slot_clear(wheel, next);
    }
}

static inline bool node_is_linked(const struct slu_wheel *wheel, uint32_t timer)
{
    return wheel->nodes[timer].next != timer;
}

static inline struct timer_call *timer_call(const struct slu_wheel *wheel, uint32_t timer)
{
    return pool_record(&wheel->pool, timer);
}

/* How far a time is after the wheel's own; 0 if it is before it. */
static inline uint64_t wheel_lead_ns(const struct slu_wheel *wheel, uint64_t now_ns)
{
    uint64_t lead_ns = now_ns - (wheel->tick << wheel->tick_bits);
    return lead_ns <= SLU_WHEEL_AHEAD_MAX_NS ? lead_ns : 0;
}

/*
 * Put an unlinked timer where its tick belongs; `due` is the list for one that has come.
 */
void timer_file(struct slu_wheel *wheel, uint32_t timer, enum wheel_list due);

/* A timer is over: its handle is outdated from here on. One that is attached is detached before. */
void timer_give(struct slu_wheel *wheel, uint32_t timer);

/* Abort unless lists, bits, ticks and the pool agree. Cost: O(timers ever added). */
void wheel_validate(const struct slu_wheel *wheel);

#endif

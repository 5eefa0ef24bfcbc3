/*
 * The inside of a wheel, for the files of this folder.
 *
 * Level l has 64 slots of 64^l ticks. A timer stands on the level of the highest group of 6 bits in
 * which its tick differs from the wheel's, in the slot of its own bits there. So every level's
 * timers are earlier than those of the levels above; the next slot is the lowest bit of the lowest
 * level; and a timer comes down a level whenever the wheel enters its slot. The levels cover all
 * ticks, so none is beyond the range; ticks wrap, which only the top level sees.
 *
 * Links are indices into one array of 16-byte nodes: the timers, which take two of them, one to be
 * linked by and one for the call, then the heads. A list is a ring through its head, so that a node
 * leaves whichever one it is in. A timer whose callback is running is linked to itself until it is
 * armed again.
 *
 * Each slot of a large wheel has several lists, its chains, and a timer goes by its index to one of
 * them. Where timers are scattered in memory, following a list is one cache miss after the other;
 * following eight in turn, the misses happen at the same time.
 *
 * Four more slots lie above the highest level:
 *
 *   MOVING   timers of a slot that the wheel has entered, to be filed again
 *   DUE      timers to run
 *   NEXT     timers that were due when they were armed, or that a callback armed to be due within
 *            the same advance: DUE from the next one on, so that an advance comes to an end
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

#define CHAIN_BITS_LARGE 3
#define CHAIN_TIMERS_MIN 16384 /* below, all nodes are in the cache */

/* Slots that belong to no level, as offsets from the first of them. */
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

/* The pool's record, so that what a timer is and does lies in one cache line. */
struct timer {
    struct timer_node node;
    struct timer_call call;
};
GOLDEN_LAYOUT(struct timer, 32, 0, 0, node, call);

#define TIMER_NODES (sizeof(struct timer) / sizeof(struct timer_node))

struct slu_wheel {
    struct timer_node *nodes; /* the pool's records, and the heads behind them */
    uint64_t tick;            /* the wheel stands here: what came before has left the slots */
    uint64_t target_tick;     /* where the advance under way, or the last one, goes */
    uint64_t tick_mask;       /* ticks are modulo this + 1, as times are modulo 2^64 */
    uint32_t tick_bits;       /* a tick is 2^tick_bits ns */
    uint32_t level_count;
    uint32_t levels_used; /* a bit for each level with a timer, and one for the lists */
    uint32_t heads_at;    /* the first head; timers lie below */
    uint32_t chain_bits;  /* a slot has 2^chain_bits heads */
    uint32_t chain_next;  /* where the next timer is taken from */
    bool advancing;
    struct slu_pool pool; /* of struct timer */
    uint64_t run_count;
    uint64_t move_count;
    struct slu_budget *budget;
    size_t block_bytes;
    uint64_t slots_used[LEVELS_MAX + 1]; /* a bit for each slot with a timer, and the lists */
    struct attachments attachments;
};

/* Slots are numbered through all levels, and the lists after them. */
static inline uint32_t list_slot(const struct slu_wheel *wheel, enum wheel_list list)
{
    return wheel->level_count * LEVEL_SLOT_COUNT + (uint32_t)list;
}

static inline bool list_is_empty(const struct slu_wheel *wheel, enum wheel_list list)
{
    return (wheel->slots_used[wheel->level_count] >> list & 1) == 0;
}

static inline uint32_t chain_count(const struct slu_wheel *wheel)
{
    return UINT32_C(1) << wheel->chain_bits;
}

static inline uint32_t slot_head(const struct slu_wheel *wheel, uint32_t slot, uint32_t chain)
{
    return wheel->heads_at + (slot << wheel->chain_bits) + (chain & (chain_count(wheel) - 1));
}

static inline void slot_mark(struct slu_wheel *wheel, uint32_t slot)
{
    uint32_t level = slot / LEVEL_SLOT_COUNT;
    wheel->slots_used[level] |= UINT64_C(1) << slot % LEVEL_SLOT_COUNT;
    wheel->levels_used |= UINT32_C(1) << level;
}

static inline void slot_clear(struct slu_wheel *wheel, uint32_t slot)
{
    uint32_t level = slot / LEVEL_SLOT_COUNT;
    wheel->slots_used[level] &= ~(UINT64_C(1) << slot % LEVEL_SLOT_COUNT);
    if (wheel->slots_used[level] == 0) {
        wheel->levels_used &= ~(UINT32_C(1) << level);
    }
}

/* Functions take a timer by its slot in the pool, unless they say node. */
static inline uint32_t timer_node(uint32_t timer)
{
    return timer * (uint32_t)TIMER_NODES;
}

static inline void timer_append(struct slu_wheel *wheel, uint32_t slot, uint32_t timer)
{
    struct timer_node *nodes = wheel->nodes;
    uint32_t node = timer_node(timer);
    uint32_t head = slot_head(wheel, slot, timer);
    uint32_t last = nodes[head].previous;
    nodes[node].previous = last;
    nodes[node].next = head;
    nodes[last].next = node;
    nodes[head].previous = node;
    slot_mark(wheel, slot);
}

/* A chain of the slot has lost its last timer. */
static inline void slot_look(struct slu_wheel *wheel, uint32_t slot)
{
    uint32_t first = slot_head(wheel, slot, 0);
    for (uint32_t head = first; head < first + chain_count(wheel); head++) {
        if (wheel->nodes[head].next != head) {
            return;
        }
    }
    slot_clear(wheel, slot);
}

/* Take a timer out of the list that it is in, and link it to itself. */
static inline void timer_unlink(struct slu_wheel *wheel, uint32_t timer)
{
    struct timer_node *nodes = wheel->nodes;
    uint32_t node = timer_node(timer);
    uint32_t next = nodes[node].next;
    uint32_t previous = nodes[node].previous;
    nodes[next].previous = previous;
    nodes[previous].next = next;
    nodes[node].next = node;
    nodes[node].previous = node;
    if (next == previous && next >= wheel->heads_at) {
        slot_look(wheel, (next - wheel->heads_at) >> wheel->chain_bits);
    }
}

static inline bool timer_is_linked(const struct slu_wheel *wheel, uint32_t timer)
{
    return wheel->nodes[timer_node(timer)].next != timer_node(timer);
}

static inline struct timer_call *timer_call(const struct slu_wheel *wheel, uint32_t timer)
{
    return &((struct timer *)(void *)&wheel->nodes[timer_node(timer)])->call;
}

/* How many ticks it is until a tick that has not passed. */
static inline uint64_t ticks_until(const struct slu_wheel *wheel, uint64_t tick)
{
    return (tick - wheel->tick) & wheel->tick_mask;
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

/*
 * Time passing: the wheel goes from one slot with timers to the next, never over empty ones, and
 * can stop after any single timer.
 */
#include <sluice/wheel.h>

#include <limits.h>

#include "base/assert.h"
#include "timer/wheel.h"

#define MS_NS UINT64_C(1000000)

/* Without the lists. */
static uint32_t levels_used(const struct slu_wheel *wheel)
{
    return wheel->levels_used & ~(UINT32_C(1) << wheel->level_count);
}

/* The first slot with timers, and the tick that it begins at. At least one level is in use. */
static uint32_t slot_next(const struct slu_wheel *wheel, uint64_t *begin_tick)
{
    uint32_t level = (uint32_t)__builtin_ctz(levels_used(wheel));
    uint32_t level_at = level * LEVEL_BITS;
    uint64_t used = wheel->slots_used[level];
    uint64_t above = 0;
    uint32_t slot = 0;
    if (level + 1 < wheel->level_count) {
        above = wheel->tick >> (level_at + LEVEL_BITS) << (level_at + LEVEL_BITS);
        slot = (uint32_t)__builtin_ctzll(used);
    } else { /* the top level goes round */
        uint32_t own = (uint32_t)(wheel->tick >> level_at) % LEVEL_SLOT_COUNT;
        uint64_t turned = own == 0 ? used : used >> own | used << (LEVEL_SLOT_COUNT - own);
        slot = (own + (uint32_t)__builtin_ctzll(turned)) % LEVEL_SLOT_COUNT;
    }
    *begin_tick = above | (uint64_t)slot << level_at;
    return level * LEVEL_SLOT_COUNT + slot;
}

static bool slot_is_due(const struct slu_wheel *wheel)
{
    uint64_t begin_tick = 0;
    if (levels_used(wheel) == 0) {
        return false;
    }
    (void)slot_next(wheel, &begin_tick);
    return ticks_until(wheel, begin_tick) <= ticks_until(wheel, wheel->target_tick);
}

/* Hang all nodes of one list at the end of another. */
static void chain_move(struct timer_node *nodes, uint32_t from, uint32_t to)
{
    uint32_t first = nodes[from].next;
    uint32_t last = nodes[from].previous;
    if (first == from) {
        return;
    }
    uint32_t before = nodes[to].previous;
    nodes[before].next = first;
    nodes[first].previous = before;
    nodes[last].next = to;
    nodes[to].previous = last;
    nodes[from].next = from;
    nodes[from].previous = from;
}

/* A node that is soon taken from the list: a timer or the head. */
static void node_prefetch(const struct slu_wheel *wheel, enum wheel_list list, uint32_t node)
{
    __builtin_prefetch(&wheel->nodes[node], 1);
    if (list == LIST_DUE && node < wheel->heads_at) {
        __builtin_prefetch(&wheel->pool.states[node / TIMER_NODES], 1);
    }
}

/* The slot has a timer. */
static void slot_move(struct slu_wheel *wheel, uint32_t slot, enum wheel_list list)
{
    uint32_t to = list_slot(wheel, list);
    for (uint32_t chain = 0; chain < chain_count(wheel); chain++) {
        uint32_t from = slot_head(wheel, slot, chain);
        node_prefetch(wheel, list, wheel->nodes[from].next);
        chain_move(wheel->nodes, from, slot_head(wheel, to, chain));
    }
    slot_clear(wheel, slot);
    slot_mark(wheel, to);
}

/* The wheel moves to the next slot, and its timers to where they are seen to. */
static void slot_enter(struct slu_wheel *wheel)
{
    uint32_t slot = slot_next(wheel, &wheel->tick);
    slot_move(wheel, slot, slot < LEVEL_SLOT_COUNT ? LIST_DUE : LIST_MOVING);
}

/* The first timer of the next chain that has one. */
static uint32_t list_take(struct slu_wheel *wheel, enum wheel_list list)
{
    uint32_t slot = list_slot(wheel, list);
    uint32_t head = slot_head(wheel, slot, wheel->chain_next);
    while (wheel->nodes[head].next == head) {
        head = slot_head(wheel, slot, ++wheel->chain_next);
    }
    wheel->chain_next++;
    uint32_t node = wheel->nodes[head].next;
    uint32_t timer = node / TIMER_NODES;
    node_prefetch(wheel, list, wheel->nodes[node].next);
    timer_unlink(wheel, timer);
    return timer;
}

static void timer_move(struct slu_wheel *wheel)
{
    uint32_t timer = list_take(wheel, LIST_MOVING);
    __builtin_prefetch(&wheel->pool.states[timer], 1); /* it may run soon */
    timer_file(wheel, timer, LIST_DUE);
    wheel->move_count++;
}

static void timer_run(struct slu_wheel *wheel, uint64_t now_ns)
{
    uint32_t timer = list_take(wheel, LIST_DUE);
    slu_timer_id id = pool_handle(&wheel->pool, timer);
    struct timer_call call = *timer_call(wheel, timer);
    wheel->run_count++;
    call.run(wheel, id, now_ns, call.arg);
    if (pool_handle(&wheel->pool, timer) == id && !timer_is_linked(wheel, timer)) {
        (void)slu_wheel_stop(wheel, id); /* it is there */
    }
}

static uint64_t target_of(const struct slu_wheel *wheel, uint64_t now_ns)
{
    uint64_t lead_ns = wheel_lead_ns(wheel, now_ns);
    return (wheel->tick + (lead_ns >> wheel->tick_bits)) & wheel->tick_mask;
}

static bool wheel_is_busy(const struct slu_wheel *wheel)
{
    return !list_is_empty(wheel, LIST_MOVING) || !list_is_empty(wheel, LIST_DUE);
}

/* Do one unit of work; false if nothing is left that began by the target. */
static bool wheel_step(struct slu_wheel *wheel, uint64_t now_ns)
{
    if (attachments_reclaim(wheel)) {
        return true;
    }
    if (!wheel_is_busy(wheel)) {
        if (!slot_is_due(wheel)) {
            return false;
        }
        slot_enter(wheel);
    }
    if (!list_is_empty(wheel, LIST_MOVING)) {
        timer_move(wheel);
    } else {
        timer_run(wheel, now_ns);
    }
    return true;
}

bool slu_wheel_advance(struct slu_wheel *wheel, uint64_t now_ns, uint32_t work_max)
{
    SLU_ASSERT(!wheel->advancing);
    wheel->advancing = true;
    wheel->target_tick = target_of(wheel, now_ns);
    if (!list_is_empty(wheel, LIST_NEXT)) {
        slot_move(wheel, list_slot(wheel, LIST_NEXT), LIST_DUE);
    }
    uint32_t work_left = work_max;
    while (work_left > 0 && wheel_step(wheel, now_ns)) {
        work_left--;
    }
    wheel->advancing = false;
    if (wheel_is_busy(wheel) || slot_is_due(wheel)) {
        return true;
    }
    wheel->tick = wheel->target_tick;
    return !list_is_empty(wheel, LIST_NEXT) || attachments_are_queued(&wheel->attachments);
}

uint64_t slu_wheel_next_ns(const struct slu_wheel *wheel)
{
    uint64_t tick = wheel->tick;
    if (!wheel_is_busy(wheel) && list_is_empty(wheel, LIST_NEXT)) {
        if (levels_used(wheel) == 0) {
            return SLU_WHEEL_NEVER;
        }
        (void)slot_next(wheel, &tick);
    }
    uint64_t next_ns = tick << wheel->tick_bits;
    return next_ns == SLU_WHEEL_NEVER ? next_ns - 1 : next_ns;
}

int slu_wheel_timeout_ms(const struct slu_wheel *wheel, uint64_t now_ns)
{
    uint64_t next_ns = slu_wheel_next_ns(wheel);
    if (next_ns == SLU_WHEEL_NEVER) {
        return -1;
    }
    uint64_t left_ns = next_ns - now_ns;
    if (left_ns > INT64_MAX) { /* it has passed */
        return 0;
    }
    uint64_t left_ms = left_ns / MS_NS + (left_ns % MS_NS != 0);
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

/*
 * Asking the gate. The usual case, a key that has a place in its home line, is one line long in
 * every sense; all else is out of the way.
 *
 * Who holds a line waits only for one of a higher number, and merely tries all others, so nobody
 * waits in a circle. A key is looked for in its other line with both locked, and moved with both
 * locked, so it is never missed on its way and never entered twice.
 */
#include <sluice/gate.h>

#include "base/assert.h"
#include "limit/gate_state.h"
#include "limit/gcra.h"

#define BARREN_MAX 64
#define BARREN_TRY 16

struct ask {
    struct slu_gate *gate;
    const struct gate_slot *slot;
    struct gate_line *group;
    uint64_t tag;
    uint64_t now;    /* in the units of `slot` */
    uint64_t now_ns; /* clamped */
    uint64_t events;
    uint32_t home; /* number of the line within the group */
    uint32_t class_id;
};

static inline struct ask ask_of(struct slu_gate *gate, uint32_t class_id, struct slu_gate_key key,
                                uint64_t now_ns, uint64_t events)
{
    const struct gate_slot *slot = &gate->slots[class_id];
    uint64_t place = key.place ^ slot->salt_place;
    uint64_t group = (uint64_t)(((rate_wide)place * gate->group_count) >> 64);
    now_ns = time_clamp(now_ns);
    return (struct ask){
        .gate = gate,
        .slot = slot,
        .group = &gate->lines[group * GROUP_LINES],
        .tag = ((key.print ^ slot->salt_print) & ~UINT64_C(0x1ff)) | (uint64_t)class_id << 1,
        .now = rate_units(&slot->rate, now_ns),
        .now_ns = now_ns,
        .events = events,
        .home = (uint32_t)place % GROUP_LINES,
        .class_id = class_id,
    };
}

static void ask_report(const struct ask *ask, const struct rate *rate, uint64_t arrival,
                       bool allowed, struct slu_limit_state *state)
{
    if (state != NULL) {
        rate_report(rate, arrival, ask->now_ns, ask->events, state);
        state->retry_ns = allowed ? 0 : state->retry_ns;
    }
}

/* Take from the entry of the key, which is held. */
static inline bool entry_take(const struct ask *ask, struct gate_line *line, uint32_t way,
                              uint64_t *arrival)
{
    *arrival = line_arrival(line, way) >> 1;
    bool allowed = gcra_allow(&ask->slot->rate, arrival, ask->now, ask->events);
    if (allowed) {
        line_set_arrival(line, way, *arrival << 1 | 1);
    }
    return allowed;
}

/*
 * Whether a new key may take the place of this entry: it owes nothing, and is not kept for it.
 * Without branches, here and below: what is free cannot be predicted.
 */
static inline uint32_t entry_is_free(const struct ask *ask, uint64_t tag, uint64_t arrival)
{
    const struct gate_slot *slot = &ask->gate->slots[tag_slot(tag)];
    uint64_t keep = slot->keep_units & (0 - (arrival & 1));
    return (arrival >> 1) + keep <= rate_units(&slot->rate, ask->now_ns);
}

/* One bit for each way. */
struct free_ways {
    uint32_t free;
    uint32_t regular; /* those whose key has come back */
};

static inline struct free_ways line_free_ways(const struct ask *ask, const struct held_line *held)
{
    struct free_ways ways = {0};
    for (uint32_t way = 0; way < LINE_WAYS; way++) {
        uint64_t arrival = line_arrival(held->line, way);
        ways.free |= entry_is_free(ask, line_tag(held, way), arrival) << way;
        ways.regular |= (uint32_t)(arrival & 1) << way;
    }
    return ways;
}

static inline uint32_t ways_count(uint32_t mask)
{
    return (mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1) + (mask >> 3);
}

/* One of the free ways: rather of a key that came once than of a regular. */
static inline uint32_t free_way(struct free_ways ways)
{
    uint32_t once = ways.free & ~ways.regular;
    return (uint32_t)__builtin_ctz(once != 0 ? once : ways.free);
}

/* Without the lock: whether it is worth trying. */
static bool line_looks_free(const struct ask *ask, struct gate_line *line)
{
    uint32_t any = 0;
    for (uint32_t way = 0; way < LINE_WAYS; way++) {
        uint64_t tag = atomic_load_explicit(&line->tags[way], memory_order_relaxed);
        any |= (tag != SPOT_TAKEN) & entry_is_free(ask, tag & ~SPOT_TAKEN, line_arrival(line, way));
    }
    return any != 0;
}

/* Move the entry of a held line to its own other line, if that has room. */
static bool entry_move(const struct ask *ask, struct held_line *from, uint32_t way)
{
    uint64_t tag = line_tag(from, way);
    uint32_t number = line_other((uint32_t)(from->line - ask->group), tag);
    struct held_line to = {.line = &ask->group[number]};
    if (!line_looks_free(ask, to.line) || !spot_try_lock(&to.line->tags[0], &to.first_tag)) {
        return false;
    }
    struct free_ways ways = line_free_ways(ask, &to);
    if (ways.free != 0) {
        line_set(&to, free_way(ways), tag, line_arrival(from->line, way));
    }
    line_unlock(&to);
    return ways.free != 0;
}

/* Make a way free in one of the two held lines, which are full. */
static struct held_line *pair_make_room(const struct ask *ask, struct held_line *home,
                                        struct held_line *other, uint32_t *way)
{
    struct held_line *pair[2] = {home, other};
    for (uint32_t i = 0; i < 2 * LINE_WAYS; i++) {
        uint64_t tag = line_tag(pair[i / LINE_WAYS], i % LINE_WAYS);
        uint32_t number = (uint32_t)(pair[i / LINE_WAYS]->line - ask->group);
        __builtin_prefetch(&ask->group[line_other(number, tag)], 1);
    }
    for (uint32_t i = 0; i < 2 * LINE_WAYS; i++) {
        if (entry_move(ask, pair[i / LINE_WAYS], i % LINE_WAYS)) {
            *way = i % LINE_WAYS;
            return pair[i / LINE_WAYS];
        }
    }
    return NULL;
}

static struct gate_stripe *ask_stripe(const struct ask *ask)
{
    return &ask->gate->stripes[ask->home % GATE_STRIPES];
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/*
 * As pair_make_room. While fewer than a fifth of the tries in this part of the gate make room, one
 * in BARREN_TRY is enough: the gate is full, and who floods it should not cost ten lines each time.
 */
static struct held_line *pair_try_room(const struct ask *ask, struct held_line *home,
                                       struct held_line *other, uint32_t *way)
{
    struct gate_stripe *stripe = ask_stripe(ask);
    uint64_t barren = atomic_load_explicit(&stripe->barren_level, memory_order_relaxed);
    if (barren == BARREN_MAX && (ask->tag >> 16) % BARREN_TRY != 0) {
        return NULL;
    }
    struct held_line *place = pair_make_room(ask, home, other, way);
    if (place != NULL) {
        count(&stripe->moved_count);
        barren = barren > 4 ? barren - 4 : 0;
    } else {
        barren = barren < BARREN_MAX ? barren + 1 : BARREN_MAX;
    }
    /* A level that another thread changed meanwhile is as good as this one. */
    atomic_store_explicit(&stripe->barren_level, barren, memory_order_relaxed);
    return place;
}

/* A free way for a new key, with its line; NULL: there is no room. */
static struct held_line *pair_find_room(const struct ask *ask, struct held_line *home,
                                        struct held_line *other, uint32_t *way)
{
    struct free_ways ways = line_free_ways(ask, home);
    struct free_ways other_ways = line_free_ways(ask, other);
    /* Home, for that is looked at first; but an empty other line rather than the last way there. */
    bool home_nearly_full = (ways.free & (ways.free - 1)) == 0;
    bool other_nearly_empty = ways_count(other_ways.free) >= LINE_WAYS - 1;
    bool elsewhere = ways.free == 0 || (home_nearly_full && other_nearly_empty);
    struct free_ways chosen = elsewhere ? other_ways : ways;
    if (chosen.free == 0) {
        return pair_try_room(ask, home, other, way);
    }
    *way = free_way(chosen);
    return elsewhere ? other : home;
}

/* A new key that found no place. */
static bool ask_without_place(const struct ask *ask, struct slu_limit_state *state)
{
    struct slu_gate *gate = ask->gate;
    bool allowed = gate->policy == SLU_GATE_ALLOW;
    if (gate->policy == SLU_GATE_SHARE) {
        struct gate_shared *shared = &gate->shared[ask->class_id];
        uint64_t now = rate_units(&shared->rate, ask->now_ns);
        uint64_t arrival = spot_lock(&shared->arrival) >> 1;
        allowed = shared->rate.kind == RATE_EVERYTHING ||
                  (shared->rate.kind == RATE_FINITE &&
                   gcra_allow(&shared->rate, &arrival, now, ask->events));
        spot_unlock(&shared->arrival, arrival << 1);
        ask_report(ask, &shared->rate, arrival, allowed, state);
    } else if (state != NULL) {
        rate_report(&ask->slot->rate, 0, ask->now_ns, ask->events, state);
        state->remaining = 0;
        state->retry_ns = allowed ? 0 : ask->slot->event_ns;
    }
    count(&ask_stripe(ask)->full_count);
    if (!allowed) {
        count(&ask_stripe(ask)->full_refused_count);
    }
    return allowed;
}

struct verdict {
    uint64_t arrival;
    bool allowed;
    bool placed;
};

static struct verdict pair_ask(const struct ask *ask, struct held_line *home,
                               struct held_line *other)
{
    struct verdict verdict = {.placed = true};
    struct held_line *place = home;
    uint32_t way = line_find(home, ask->tag);
    if (way == LINE_WAYS) {
        place = other;
        way = line_find(other, ask->tag);
    }
    if (way < LINE_WAYS) {
        verdict.allowed = entry_take(ask, place->line, way, &verdict.arrival);
        return verdict;
    }
    verdict.allowed = gcra_allow(&ask->slot->rate, &verdict.arrival, ask->now, ask->events);
    if (verdict.allowed && ask->events > 0) {
        place = pair_find_room(ask, home, other, &way);
        verdict.placed = place != NULL;
        if (verdict.placed) {
            line_set(place, way, ask->tag, verdict.arrival << 1);
        }
    }
    return verdict;
}

/* Take the other line's lock too: out of their order only if it is free. */
static struct held_line pair_lock(struct held_line *home, struct gate_line *line)
{
    struct held_line other = {.line = line};
    if (__builtin_expect(spot_try_lock(&line->tags[0], &other.first_tag), 1)) {
        return other;
    }
    if (home->line < line) {
        return line_lock(line);
    }
    line_unlock(home);
    other = line_lock(line);
    *home = line_lock(home->line);
    return other;
}

/* The key is not in its home line, which is held. */
static bool __attribute__((noinline))
ask_elsewhere(struct slu_gate *gate, uint32_t class_id, struct slu_gate_key key, uint64_t now_ns,
              uint64_t events, struct slu_limit_state *state, struct held_line home)
{
    const struct ask ask = ask_of(gate, class_id, key, now_ns, events);
    struct held_line other = pair_lock(&home, &ask.group[line_other(ask.home, ask.tag)]);
    struct verdict verdict = pair_ask(&ask, &home, &other);
    line_unlock(&other);
    line_unlock(&home);
    if (!verdict.placed) {
        return ask_without_place(&ask, state);
    }
    ask_report(&ask, &ask.slot->rate, verdict.arrival, verdict.allowed, state);
    return verdict.allowed;
}

/* A class that allows nothing or everything has no entries. */
static bool __attribute__((noinline))
ask_unlimited(const struct rate *rate, uint64_t events, struct slu_limit_state *state)
{
    bool allowed = rate->kind == RATE_EVERYTHING || events == 0;
    if (state != NULL) {
        rate_report(rate, 0, 0, events, state);
    }
    return allowed;
}

static inline bool gate_ask(struct slu_gate *gate, uint32_t class_id, struct slu_gate_key key,
                            uint64_t now_ns, uint64_t events, struct slu_limit_state *state)
{
    const struct ask ask = ask_of(gate, class_id, key, now_ns, events);
    if (__builtin_expect(ask.slot->rate.kind != RATE_FINITE, 0)) {
        return ask_unlimited(&ask.slot->rate, events, state);
    }
    struct held_line home = line_lock(&ask.group[ask.home]);
    uint32_t way = line_find(&home, ask.tag);
    if (__builtin_expect(way == LINE_WAYS, 0)) {
        return ask_elsewhere(gate, class_id, key, now_ns, events, state, home);
    }
    uint64_t arrival = 0;
    bool allowed = entry_take(&ask, home.line, way, &arrival);
    line_unlock(&home);
    if (state != NULL) {
        ask_report(&ask, &ask.slot->rate, arrival, allowed, state);
    }
    return allowed;
}

bool slu_gate_allow(struct slu_gate *gate, uint32_t class_id, struct slu_gate_key key,
                    uint64_t now_ns)
{
    SLU_ASSERT(class_id < gate->class_count);
    return gate_ask(gate, class_id, key, now_ns, 1, NULL);
}

bool slu_gate_allow_n(struct slu_gate *gate, uint32_t class_id, struct slu_gate_key key,
                      uint64_t now_ns, uint64_t events, struct slu_limit_state *state)
{
    SLU_ASSERT(class_id < gate->class_count);
    return gate_ask(gate, class_id, key, now_ns, events, state);
}

static inline struct gate_line *gate_home(const struct slu_gate *gate, uint32_t class_id,
                                          struct slu_gate_key key)
{
    uint64_t place = key.place ^ gate->slots[class_id].salt_place;
    uint64_t group = (uint64_t)(((rate_wide)place * gate->group_count) >> 64);
    return &gate->lines[group * GROUP_LINES + place % GROUP_LINES];
}

void slu_gate_prefetch(const struct slu_gate *gate, uint32_t class_id, struct slu_gate_key key)
{
    SLU_ASSERT(class_id < gate->class_count);
    __builtin_prefetch(gate_home(gate, class_id, key), 1);
}

#define MANY_AHEAD 16

size_t slu_gate_allow_many(struct slu_gate *gate, uint32_t class_id,
                           const struct slu_gate_key *keys, size_t count, uint64_t now_ns,
                           bool *allowed)
{
    SLU_ASSERT(class_id < gate->class_count);
    size_t allowed_count = 0;
    for (size_t i = 0; i < count && i < MANY_AHEAD; i++) {
        __builtin_prefetch(gate_home(gate, class_id, keys[i]), 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (i + MANY_AHEAD < count) {
            __builtin_prefetch(gate_home(gate, class_id, keys[i + MANY_AHEAD]), 1);
        }
        allowed[i] = gate_ask(gate, class_id, keys[i], now_ns, 1, NULL);
        allowed_count += allowed[i];
    }
    return allowed_count;
}

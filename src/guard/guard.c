/*
 * The look-up without a lock is: the known-missing keys, then, where the window refuses, the
 * filters, and the exempt keys for what the filters have. Everything else takes the lock.
 */
#include "guard/guard.h"

#include <errno.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/hash.h"

static int count_check(const char *name, uint64_t count, uint64_t min, uint64_t max,
                       struct slu_diag *diag)
{
    if (count >= min && count <= max) {
        return 0;
    }
    return diag_fail(diag, -EINVAL, "%s is %llu; it must be %llu to %llu", name,
                     (unsigned long long)count, (unsigned long long)min, (unsigned long long)max);
}

static int window_check(const struct slu_guard_options *options, struct slu_diag *diag)
{
    if (options->window_key_max == 0) {
        return options->window_refuses
                   ? diag_fail(diag, -EINVAL, "window_refuses needs a window_key_max above 0")
                   : 0;
    }
    /* Written so that NaN is refused. */
    if (!(options->window_rate >= SLU_GUARD_RATE_MIN &&
          options->window_rate <= SLU_GUARD_RATE_MAX)) {
        return diag_fail(diag, -EINVAL, "window_rate is %g; it must be %g to %g",
                         options->window_rate, SLU_GUARD_RATE_MIN, SLU_GUARD_RATE_MAX);
    }
    if (options->window_refuses) {
        return count_check("exempt_max", options->exempt_max, 1, SLU_GUARD_KEYS_MAX, diag);
    }
    return 0;
}

static int options_check(const struct slu_guard_options *options, struct slu_diag *diag)
{
    const struct {
        const char *name;
        uint64_t count;
        uint64_t min;
        uint64_t max;
    } counts[] = {
        {"span_ns", options->span_ns, SLU_GUARD_SPAN_MIN_NS, UINT64_MAX},
        {"lease_ns", options->lease_ns, 1, SLU_GUARD_LEASE_NEVER},
        {"missing_max", options->missing_max, 1, SLU_GUARD_KEYS_MAX},
        {"flight_max", options->flight_max, 1, SLU_GUARD_FLIGHT_MAX},
        {"waiter_max", options->waiter_max, 0, SLU_GUARD_WAITER_MAX},
        {"full", options->full, SLU_GUARD_FULL_ALONE, SLU_GUARD_FULL_BUSY},
        {"window_key_max", options->window_key_max, 0, SLU_GUARD_WINDOW_MAX},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int err = count_check(counts[i].name, counts[i].count, counts[i].min, counts[i].max, diag);
        if (err != 0) {
            return err;
        }
    }
    return window_check(options, diag);
}

/* Where everything lies in the block, with the guard itself in front. */
struct plan {
    struct layout layout;
    struct filter_window_options window_options;
    size_t missing_at;
    size_t exempt_at;
    size_t lines_at[FILTER_COUNT];
    struct flights_parts flights;
};

static struct plan plan_of(const struct slu_guard_options *options)
{
    struct plan plan = {
        .window_options = {.key_max = options->window_key_max,
                           .rate = options->window_rate,
                           .seed = options->seed},
    };
    (void)layout_add(&plan.layout, 1, sizeof(struct slu_guard), GOLDEN_LINE_BYTES);
    plan.missing_at = stamp_set_plan(&plan.layout, options->missing_max);
    if (options->window_key_max > 0) {
        filter_window_plan(&plan.layout, &plan.window_options, plan.lines_at);
    }
    if (options->window_refuses) {
        plan.exempt_at = stamp_set_plan(&plan.layout, options->exempt_max);
    }
    plan.flights = flights_plan(&plan.layout, options->flight_max);
    return plan;
}

static void guard_init(struct slu_guard *guard, const struct plan *plan,
                       const struct slu_guard_options *options)
{
    unsigned char *block = (unsigned char *)guard;
    guard->seed = options->seed;
    guard->tick_ns = options->span_ns / STAMP_SET_TICKS;
    guard->window_used = options->window_key_max > 0;
    guard->window_refuses = options->window_refuses;
    guard->full = options->full;
    guard->waiter_max = options->waiter_max;
    stamp_set_init(&guard->missing, block + plan->missing_at, options->missing_max);
    if (guard->window_used) {
        filter_window_init(&guard->window, block, plan->lines_at, &plan->window_options);
    }
    if (guard->window_refuses) {
        stamp_set_init(&guard->exempt, block + plan->exempt_at, options->exempt_max);
    }
    flights_init(&guard->flights, block, plan->flights, options->flight_max, options->lease_ns);
    mutex_init(&guard->lock);
}

int slu_guard_create(struct slu_budget *budget, const struct slu_guard_options *options,
                     struct slu_diag *diag, struct slu_guard **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    struct plan plan = plan_of(options);
    size_t block_bytes = 0;
    void *block = NULL;
    err = layout_alloc(&plan.layout, budget, &block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err,
                         "%llu bytes for missing_max %u, window_key_max %llu and flight_max %u do "
                         "not fit budget '%s'",
                         (unsigned long long)block_bytes, options->missing_max,
                         (unsigned long long)options->window_key_max, options->flight_max,
                         slu_budget_name(budget));
    }
    struct slu_guard *guard = block;
    guard->budget = budget;
    guard->block_bytes = block_bytes;
    guard_init(guard, &plan, options);
    *out = guard;
    return 0;
}

void slu_guard_destroy(struct slu_guard **guard)
{
    struct slu_guard *gone = guard == NULL ? NULL : *guard;
    if (gone == NULL) {
        return;
    }
    flights_deinit(&gone->flights);
    mutex_deinit(&gone->lock);
    slu_budget_free(gone->budget, gone, gone->block_bytes);
    *guard = NULL;
}

static void tick_set(struct slu_guard *guard, uint64_t tick)
{
    uint64_t end_ns = 0;
    if (__builtin_mul_overflow(tick + 1, guard->tick_ns, &end_ns) || end_ns == 0) {
        end_ns = UINT64_MAX;
    }
    atomic_store_explicit(&guard->tick, tick, memory_order_relaxed);
    /* Pairs with the acquire in guard_tick: a time before this end is of this tick, or an older. */
    atomic_store_explicit(&guard->tick_end_ns, end_ns, memory_order_release);
}

uint64_t guard_advance(struct slu_guard *guard, uint64_t now_ns)
{
    if (now_ns > guard->latest_ns) {
        guard->latest_ns = now_ns;
    }
    if (guard->latest_ns >= atomic_load_explicit(&guard->tick_end_ns, memory_order_relaxed)) {
        tick_set(guard, guard->latest_ns / guard->tick_ns);
    }
    return guard->latest_ns;
}

static uint64_t tick_load(const struct slu_guard *guard)
{
    return atomic_load_explicit(&guard->tick, memory_order_relaxed);
}

/* The tick of `now_ns`, or the newest one seen if that is later. */
static uint64_t guard_tick(struct slu_guard *guard, uint64_t now_ns)
{
    uint64_t end_ns = atomic_load_explicit(&guard->tick_end_ns, memory_order_acquire);
    if (__builtin_expect(now_ns >= end_ns, 0)) {
        mutex_lock(&guard->lock);
        (void)guard_advance(guard, now_ns); /* for its tick */
        mutex_unlock(&guard->lock);
    }
    return tick_load(guard);
}

static inline enum slu_guard_answer guard_recall(const struct slu_guard *guard, uint64_t hash,
                                                 uint64_t tick)
{
    if (stamp_set_has(&guard->missing, hash, tick)) {
        return SLU_GUARD_MISSING;
    }
    if (guard->window_refuses && filter_window_has(&guard->window, hash, tick) &&
        !stamp_set_has(&guard->exempt, hash, tick)) {
        /* At a newer tick the exemption may be gone of which the filters, asked about this one, are
         * in need. Pairs with the release in bucket_renew. */
        atomic_thread_fence(memory_order_acquire);
        return tick_load(guard) == tick ? SLU_GUARD_LIKELY_MISSING : SLU_GUARD_UNKNOWN;
    }
    return SLU_GUARD_UNKNOWN;
}

enum slu_guard_answer slu_guard_check(struct slu_guard *guard, uint64_t now_ns,
                                      struct slu_bytes key)
{
    uint64_t tick = guard_tick(guard, now_ns);
    return guard_recall(guard, hash_bytes(key, guard->seed), tick);
}

/* With the lock held: lead the flight for `hash`, follow it, or be turned away. */
static enum slu_guard_answer flight_join(struct slu_guard *guard, uint64_t now_ns, uint64_t hash,
                                         struct slu_guard_ticket *ticket)
{
    struct flights *flights = &guard->flights;
    struct flight *flight = flights_find(flights, hash);
    if (flight != NULL && !flight_lease_over(flight, now_ns)) {
        guard->counts.follower_count++;
        *ticket = flight_ticket(flights, flight, false);
        return SLU_GUARD_FOLLOWER;
    }
    if (flight != NULL) {
        flight_lead(flights, flight, now_ns);
    } else if (flights_begin(flights, hash, now_ns, &flight) != 0) {
        guard->counts.full_count++;
        return guard->full == SLU_GUARD_FULL_ALONE ? SLU_GUARD_ALONE : SLU_GUARD_BUSY;
    } else {
        guard->counts.leader_count++;
    }
    *ticket = flight_ticket(flights, flight, true);
    return SLU_GUARD_LEADER;
}

enum slu_guard_answer slu_guard_begin(struct slu_guard *guard, uint64_t now_ns,
                                      struct slu_bytes key, struct slu_guard_ticket *ticket)
{
    uint64_t hash = hash_bytes(key, guard->seed);
    enum slu_guard_answer answer = guard_recall(guard, hash, guard_tick(guard, now_ns));
    if (answer != SLU_GUARD_UNKNOWN) {
        return answer;
    }
    mutex_lock(&guard->lock);
    now_ns = guard_advance(guard, now_ns);
    /* The answer may have come meanwhile: who begins after a finish hears of it. */
    answer = guard_recall(guard, hash, tick_load(guard));
    if (answer == SLU_GUARD_UNKNOWN) {
        answer = flight_join(guard, now_ns, hash, ticket);
    }
    mutex_unlock(&guard->lock);
    return answer;
}

/* With the lock held: the store has said that it does not have the key. */
static void guard_remember(struct slu_guard *guard, uint64_t hash)
{
    uint64_t tick = tick_load(guard);
    bool room = stamp_set_put(&guard->missing, hash, tick);
    bool again = room || !guard->window_used || filter_window_has(&guard->window, hash, tick);
    if (!again) {
        guard->counts.passed_over_count++;
    } else if (!room) {
        stamp_set_replace(&guard->missing, hash, tick);
    }
    if (guard->window_refuses || !again) {
        filter_window_add(&guard->window, hash, tick);
    }
    if (guard->window_refuses) {
        stamp_set_remove(&guard->exempt, hash);
    }
}

static enum slu_guard_answer outcome_count(struct slu_guard *guard, enum slu_guard_outcome outcome)
{
    switch (outcome) {
    case SLU_GUARD_TELL_FOUND:
        guard->counts.found_count++;
        return SLU_GUARD_FOUND;
    case SLU_GUARD_TELL_MISSING:
        guard->counts.missing_count++;
        return SLU_GUARD_MISSING;
    default:
        guard->counts.failed_count++;
        return SLU_GUARD_FAILED;
    }
}

/* With the lock held. */
static int flight_finish(struct slu_guard *guard, uint64_t now_ns,
                         const struct slu_guard_ticket *ticket, enum slu_guard_outcome outcome,
                         uint64_t value)
{
    struct flight *flight = flights_led(&guard->flights, ticket);
    if (flight == NULL) {
        guard->counts.stale_count++;
        return -ESTALE;
    }
    if (outcome == SLU_GUARD_TELL_NOTHING) {
        flight_abandon(&guard->flights, flight, now_ns);
        return 0;
    }
    struct slu_guard_result result = {
        .answer = outcome_count(guard, outcome),
        .value = outcome == SLU_GUARD_TELL_MISSING ? 0 : value,
    };
    if (result.answer == SLU_GUARD_MISSING && flight->mapped) {
        guard_remember(guard, flight->hash);
    }
    flight_answer(&guard->flights, flight, result);
    return 0;
}

int slu_guard_finish(struct slu_guard *guard, uint64_t now_ns,
                     const struct slu_guard_ticket *ticket, enum slu_guard_outcome outcome,
                     uint64_t value)
{
    mutex_lock(&guard->lock);
    now_ns = guard_advance(guard, now_ns);
    int err = flight_finish(guard, now_ns, ticket, outcome, value);
    mutex_unlock(&guard->lock);
    return err;
}

static void window_exempt(struct slu_guard *guard, uint64_t hash)
{
    uint64_t tick = tick_load(guard);
    if (guard->window_refuses && filter_window_has(&guard->window, hash, tick) &&
        !stamp_set_put(&guard->exempt, hash, tick)) {
        filter_window_drop(&guard->window);
        guard->counts.window_emptied_count++;
    }
}

void slu_guard_forget(struct slu_guard *guard, uint64_t now_ns, struct slu_bytes key)
{
    uint64_t hash = hash_bytes(key, guard->seed);
    mutex_lock(&guard->lock);
    (void)guard_advance(guard, now_ns); /* for its tick */
    guard->counts.forgotten_count++;
    stamp_set_remove(&guard->missing, hash);
    window_exempt(guard, hash);
    struct flight *flight = flights_find(&guard->flights, hash);
    if (flight != NULL) {
        flight_part(&guard->flights, flight);
    }
    mutex_unlock(&guard->lock);
}

void slu_guard_forget_all(struct slu_guard *guard, uint64_t now_ns)
{
    mutex_lock(&guard->lock);
    stamp_set_clear(&guard->missing);
    if (guard->window_used) {
        filter_window_drop(&guard->window);
    }
    if (guard->window_refuses) {
        stamp_set_clear(&guard->exempt);
    }
    flights_part_all(&guard->flights, now_ns);
    guard->latest_ns = now_ns;
    tick_set(guard, now_ns / guard->tick_ns);
    mutex_unlock(&guard->lock);
}

void slu_guard_stats(struct slu_guard *guard, struct slu_guard_stats *out)
{
    mutex_lock(&guard->lock);
    *out = guard->counts;
    out->block_bytes = guard->block_bytes;
    out->asking_count = guard->flights.asking_count;
    out->waiting_count = guard->flights.waiting_count;
    out->takeover_count = guard->flights.takeover_count;
    out->leader_count += guard->flights.takeover_count;
    out->replaced_count = guard->missing.replaced_count;
    out->window_early_count = guard->window.early_count;
    mutex_unlock(&guard->lock);
}

void guard_validate(struct slu_guard *guard)
{
    mutex_lock(&guard->lock);
    flights_validate(&guard->flights);
    mutex_unlock(&guard->lock);
}

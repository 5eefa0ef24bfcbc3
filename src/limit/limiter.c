/*
 * The limiter: one lock, a time that never goes back, and one of three kinds behind them. What
 * allows nothing or everything is decided here; the kinds see finite limits alone.
 */
#include <sluice/limiter.h>

#include <errno.h>
#include <inttypes.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "base/golden.h"
#include "base/layout.h"
#include "limit/gcra.h"
#include "limit/sliding_counter.h"
#include "limit/sliding_log.h"
#include "limit/spot_lock.h"

struct slu_limiter {
    _Atomic uint64_t lock; /* 0 while free; guards what changes */
    uint64_t latest_ns;
    uint16_t kind;  /* enum slu_limiter_kind */
    uint16_t reach; /* enum rate_kind */
    uint32_t one_thread;
    union {
        struct gcra bucket;
        struct sliding_counter counter;
        struct sliding_log log;
    } as;
    struct slu_budget *budget;
    size_t block_bytes;
};
GOLDEN_LAYOUT(struct slu_limiter, 104, 0, 1, lock, latest_ns, kind, reach, one_thread, as, budget,
              block_bytes);

static int limit_check(uint32_t kind, const struct slu_limit *limit, struct slu_diag *diag,
                       struct rate *rate)
{
    if (kind != SLU_LIMITER_BUCKET && limit->burst != 0) {
        return diag_fail(diag, -EINVAL,
                         "burst %" PRIu64 " is for a bucket; a window's burst is its count",
                         limit->burst);
    }
    return rate_init(rate, limit, diag);
}

static int log_check(const struct slu_limiter_options *options, const struct rate *rate,
                     struct slu_diag *diag, uint64_t *capacity)
{
    *capacity = 0;
    if (options->kind != SLU_LIMITER_LOG) {
        return options->log_max == 0
                   ? 0
                   : diag_fail(diag, -EINVAL, "log_max %" PRIu64 " is for a log", options->log_max);
    }
    uint64_t count = rate->kind == RATE_FINITE ? options->limit.count : 0;
    *capacity = options->log_max;
    if (*capacity == 0) {
        *capacity = count <= SLU_LIMITER_LOG_MAX / 2 ? 2 * count : count;
    }
    if (*capacity == 0 || *capacity < count || *capacity > SLU_LIMITER_LOG_MAX) {
        return diag_fail(diag, -EINVAL, "log_max %" PRIu64 " is not within %" PRIu64 " .. %" PRIu64,
                         *capacity, count == 0 ? 1 : count, SLU_LIMITER_LOG_MAX);
    }
    return 0;
}

static void kind_init(struct slu_limiter *limiter, const struct slu_limit *limit,
                      const struct rate *rate, uint64_t *times, uint64_t capacity)
{
    /* A window needs a period even before it has a finite limit. */
    const struct slu_limit unused = {.period_ns = 1};
    const struct slu_limit *finite = rate->kind == RATE_FINITE ? limit : &unused;
    switch (limiter->kind) {
    case SLU_LIMITER_BUCKET:
        limiter->as.bucket = (struct gcra){.rate = *rate, .kept.kind = RATE_NOTHING};
        break;
    case SLU_LIMITER_COUNTER:
        counter_init(&limiter->as.counter, finite);
        break;
    default:
        log_init(&limiter->as.log, times, capacity, finite);
    }
}

int slu_limiter_create(struct slu_budget *budget, const struct slu_limiter_options *options,
                       struct slu_diag *diag, struct slu_limiter **out)
{
    if (options->kind > SLU_LIMITER_LOG) {
        return diag_fail(diag, -EINVAL, "kind %u is none of the three", (unsigned)options->kind);
    }
    struct rate rate;
    uint64_t capacity = 0;
    int err = limit_check(options->kind, &options->limit, diag, &rate);
    err = err != 0 ? err : log_check(options, &rate, diag, &capacity);
    if (err != 0) {
        return err;
    }
    struct layout layout = {0};
    size_t bytes = 0;
    (void)layout_add(&layout, 1, sizeof(struct slu_limiter), 64); /* always at 0 */
    size_t times_at = layout_add(&layout, capacity, sizeof(uint64_t), sizeof(uint64_t));
    void *block = NULL;
    err = layout_alloc(&layout, budget, &bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "no room for a limiter of %zu bytes in budget \"%s\"", bytes,
                         slu_budget_name(budget));
    }
    struct slu_limiter *limiter = block;
    limiter->kind = (uint16_t)options->kind;
    limiter->reach = (uint16_t)rate.kind;
    limiter->one_thread = options->one_thread;
    limiter->budget = budget;
    limiter->block_bytes = bytes;
    kind_init(limiter, &options->limit, &rate, (uint64_t *)((char *)block + times_at), capacity);
    *out = limiter;
    return 0;
}

void slu_limiter_destroy(struct slu_limiter **limiter)
{
    if (limiter == NULL || *limiter == NULL) {
        return;
    }
    slu_budget_free((*limiter)->budget, *limiter, (*limiter)->block_bytes);
    *limiter = NULL;
}

/* Take the lock, if there may be others, and the time that counts. */
static inline uint64_t limiter_enter(struct slu_limiter *limiter, uint64_t now_ns)
{
    if (limiter->one_thread == 0) {
        (void)spot_lock(&limiter->lock); /* a free lock is 0 */
    }
    now_ns = time_clamp(now_ns);
    limiter->latest_ns = now_ns > limiter->latest_ns ? now_ns : limiter->latest_ns;
    return limiter->latest_ns;
}

static inline void limiter_leave(struct slu_limiter *limiter)
{
    if (limiter->one_thread == 0) {
        spot_unlock(&limiter->lock, 0);
    }
}

static int limiter_take(struct slu_limiter *limiter, uint64_t now_ns, uint64_t events,
                        uint64_t delay_max_ns, uint64_t *delay_ns)
{
    if (events == 0 || limiter->reach == RATE_EVERYTHING) {
        *delay_ns = 0;
        return 0;
    }
    if (limiter->reach == RATE_NOTHING) {
        return -EINVAL;
    }
    switch (limiter->kind) {
    case SLU_LIMITER_BUCKET:
        return gcra_reserve(&limiter->as.bucket, now_ns, events, delay_max_ns, delay_ns);
    case SLU_LIMITER_COUNTER:
        return counter_reserve(&limiter->as.counter, now_ns, events, delay_max_ns, delay_ns);
    default:
        return log_reserve(&limiter->as.log, now_ns, events, delay_max_ns, delay_ns);
    }
}

/* All but a bucket of a finite rate. */
static bool __attribute__((noinline))
limiter_allow_other(struct slu_limiter *limiter, uint64_t now_ns, uint64_t events)
{
    uint64_t delay_ns = 0;
    return limiter_take(limiter, now_ns, events, 0, &delay_ns) == 0;
}

static inline bool limiter_allow(struct slu_limiter *limiter, uint64_t now_ns, uint64_t events)
{
    bool allowed = false;
    now_ns = limiter_enter(limiter, now_ns);
    if (limiter->kind == SLU_LIMITER_BUCKET && limiter->reach == RATE_FINITE) {
        struct gcra *bucket = &limiter->as.bucket;
        allowed =
            gcra_allow(&bucket->rate, &bucket->arrival, rate_units(&bucket->rate, now_ns), events);
    } else {
        allowed = limiter_allow_other(limiter, now_ns, events);
    }
    limiter_leave(limiter);
    return allowed;
}

bool slu_limiter_allow(struct slu_limiter *limiter, uint64_t now_ns)
{
    return limiter_allow(limiter, now_ns, 1);
}

bool slu_limiter_allow_n(struct slu_limiter *limiter, uint64_t now_ns, uint64_t events)
{
    return limiter_allow(limiter, now_ns, events);
}

int slu_limiter_reserve(struct slu_limiter *limiter, uint64_t now_ns, uint64_t events,
                        uint64_t delay_max_ns, struct slu_reservation *reservation)
{
    uint64_t delay_ns = 0;
    now_ns = limiter_enter(limiter, now_ns);
    int err = limiter_take(limiter, now_ns, events, delay_max_ns, &delay_ns);
    uint64_t taken = limiter->reach == RATE_FINITE ? events : 0;
    limiter_leave(limiter);
    if (err == 0) {
        *reservation = (struct slu_reservation){
            .at_ns = now_ns + delay_ns, .delay_ns = delay_ns, .events = events, .taken = taken};
    }
    return err;
}

static void limiter_give_back(struct slu_limiter *limiter, uint64_t now_ns,
                              const struct slu_reservation *reservation)
{
    switch (limiter->kind) {
    case SLU_LIMITER_BUCKET:
        gcra_give_back(&limiter->as.bucket, reservation->taken);
        break;
    case SLU_LIMITER_COUNTER:
        counter_give_back(&limiter->as.counter, now_ns, reservation->at_ns, reservation->taken);
        break;
    default:
        log_give_back(&limiter->as.log, reservation->at_ns, reservation->taken);
    }
}

int slu_limiter_cancel(struct slu_limiter *limiter, uint64_t now_ns,
                       struct slu_reservation *reservation)
{
    int err = -ESTALE;
    now_ns = limiter_enter(limiter, now_ns);
    if (reservation->events != 0 && now_ns <= reservation->at_ns) {
        limiter_give_back(limiter, now_ns, reservation);
        reservation->events = 0;
        err = 0;
    }
    limiter_leave(limiter);
    return err;
}

static int kind_change(struct slu_limiter *limiter, uint64_t now_ns, const struct slu_limit *limit,
                       const struct rate *rate, struct slu_diag *diag)
{
    if (limiter->kind == SLU_LIMITER_BUCKET) {
        gcra_change(&limiter->as.bucket, now_ns, rate);
    } else if (rate->kind == RATE_FINITE && limiter->kind == SLU_LIMITER_COUNTER) {
        counter_change(&limiter->as.counter, now_ns, limit);
    } else if (rate->kind == RATE_FINITE) {
        struct sliding_log *log = &limiter->as.log;
        if (limit->count > log->capacity) {
            return diag_fail(diag, -EDQUOT,
                             "count %" PRIu64 " is above the log's %" PRIu64 " entries",
                             limit->count, log->capacity);
        }
        log_change(log, limit);
    }
    limiter->reach = (uint16_t)rate->kind;
    return 0;
}

int slu_limiter_set(struct slu_limiter *limiter, uint64_t now_ns, const struct slu_limit *limit,
                    struct slu_diag *diag)
{
    struct rate rate;
    int err = limit_check(limiter->kind, limit, diag, &rate);
    if (err != 0) {
        return err;
    }
    now_ns = limiter_enter(limiter, now_ns);
    err = kind_change(limiter, now_ns, limit, &rate, diag);
    limiter_leave(limiter);
    return err;
}

void slu_limiter_state(struct slu_limiter *limiter, uint64_t now_ns, uint64_t events,
                       struct slu_limit_state *out)
{
    now_ns = limiter_enter(limiter, now_ns);
    if (limiter->reach != RATE_FINITE) {
        const struct rate rate = {.kind = limiter->reach};
        rate_report(&rate, 0, now_ns, events, out);
    } else if (limiter->kind == SLU_LIMITER_BUCKET) {
        const struct gcra *bucket = &limiter->as.bucket;
        rate_report(&bucket->rate, bucket->arrival, now_ns, events, out);
    } else if (limiter->kind == SLU_LIMITER_COUNTER) {
        counter_report(&limiter->as.counter, now_ns, events, out);
    } else {
        log_report(&limiter->as.log, now_ns, events, out);
    }
    limiter_leave(limiter);
}

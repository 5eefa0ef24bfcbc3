/*
 * Limiters: at most so many events in so much time, for one thing (the gate is for millions).
 *
 * A limiter is one of three kinds. The token bucket (GCRA) lets `burst` events through at once and
 * then one every period / count, exactly and without drift at any rate. The sliding counter keeps
 * two counts and estimates the sliding window from them: up to `count` in a period, up to nearly
 * twice as many if they come just before and after a full window's end. The sliding log keeps the
 * time of each event, and is exact for any window, in 8 bytes an event.
 *
 * Reservations come in order: what is reserved for later goes before everything that comes after
 * it. Cancelling one gives back exactly the events that it took, in whatever order and after
 * whatever change of the limit; reservations that were made meanwhile keep their times.
 *
 * Time is an argument, by any clock that the calls on one limiter share. A time older than the
 * newest one seen counts as that, so a clock that jumps back lets nothing through twice; no call
 * is more than a nanosecond early.
 *
 * All functions may be called from any thread, unless the options say one_thread.
 */
#ifndef SLUICE_LIMITER_H
#define SLUICE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/limit.h>

SLU_BEGIN_DECLS

struct slu_budget;
struct slu_diag;
struct slu_limiter;
struct slu_scope;

enum slu_limiter_kind {
    SLU_LIMITER_BUCKET,  /* GCRA, the token bucket */
    SLU_LIMITER_COUNTER, /* sliding counter */
    SLU_LIMITER_LOG,     /* sliding log */
};

#define SLU_LIMITER_LOG_MAX (UINT64_C(1) << 32)

struct slu_limiter_options {
    enum slu_limiter_kind kind;
    struct slu_limit limit; /* burst is the bucket's; others take 0 alone */

    /*
     * The log's entries: the highest count that the limit may be changed to, and what may be
     * allowed within a period and reserved ahead together. 0: twice the count. Others take 0 alone.
     */
    uint64_t log_max;

    bool one_thread; /* true: used by one thread at a time, and faster for it */
};

/*
 * Make a limiter that has seen nothing.
 *
 * diag     NULL, or filled when the options are refused
 * Returns  0; -EINVAL for an option out of its range; -EDQUOT if the budget does not hold it;
 *          -ENOMEM
 * Owner    the caller, until slu_limiter_destroy; the budget must outlive it
 * Cost     one allocation of 128 bytes, and 8 for each entry of a log
 */
SLU_API SLU_MUST_USE int slu_limiter_create(struct slu_budget *budget,
                                            const struct slu_limiter_options *options,
                                            struct slu_diag *diag, struct slu_limiter **out);

/* Destroy a limiter that nobody uses any more; NULL is accepted, and `*limiter` becomes NULL. */
SLU_API void slu_limiter_destroy(struct slu_limiter **limiter);

/*
 * Take one event if it is allowed at `now_ns`.
 *
 * Cost     constant, a few nanoseconds; allocates nothing. A lock is held as long, unless
 *          one_thread; who meets another there spins, and naps if that one was interrupted.
 */
SLU_API SLU_MUST_USE bool slu_limiter_allow(struct slu_limiter *limiter, uint64_t now_ns);

/* The same for `events` at once, all or none. Cost: a log's grows with `events`. */
SLU_API SLU_MUST_USE bool slu_limiter_allow_n(struct slu_limiter *limiter, uint64_t now_ns,
                                              uint64_t events);

/* Meant for the stack; filled by slu_limiter_reserve. */
struct slu_reservation {
    uint64_t at_ns;    /* when the events may happen */
    uint64_t delay_ns; /* the same, from the newest time that the limiter has seen */
    uint64_t events;   /* 0 once cancelled */
    uint64_t taken;    /* the limiter's: 0 while everything was allowed */
};

/*
 * Take `events` events for the earliest time at which they are allowed.
 *
 * delay_max_ns  refuse rather than wait longer; SLU_LIMIT_NEVER: any time is right
 * Returns       0; -EAGAIN if they would have to wait longer, or further ahead than the limiter
 *               keeps book of (bucket: SLU_LIMIT_TIME_NS_MAX; counter: two periods; log: log_max
 *               entries); -EINVAL if the limit never allows so many at once. On error nothing is
 *               taken.
 * Cost          as slu_limiter_allow_n
 */
SLU_API SLU_MUST_USE int slu_limiter_reserve(struct slu_limiter *limiter, uint64_t now_ns,
                                             uint64_t events, uint64_t delay_max_ns,
                                             struct slu_reservation *reservation);

/*
 * Give back what a reservation took, if its time has not passed.
 *
 * Returns  0, and reservation->events is 0; -ESTALE if it was cancelled before, or its time has
 *          passed: nothing has changed
 * Cost     constant; a log's O(log_max) at worst
 */
SLU_API int slu_limiter_cancel(struct slu_limiter *limiter, uint64_t now_ns,
                               struct slu_reservation *reservation);

/*
 * Block until `events` events are allowed; times are by slu_clock_monotonic_ns.
 *
 * deadline_ns  SLU_SCOPE_NEVER for none; the scope's own deadline counts too
 * Returns      0: they are taken; -EAGAIN, at once, if they cannot be allowed by the deadline;
 *              -EINVAL as slu_limiter_reserve; -ECANCELED or -ETIMEDOUT if the scope has ended or
 *              ends meanwhile. On error nothing is taken.
 */
SLU_API SLU_MUST_USE int slu_limiter_wait(struct slu_limiter *limiter, struct slu_scope *scope,
                                          uint64_t events, uint64_t deadline_ns);

/*
 * Change the limit while in use. A bucket keeps the events that it had left, as far as the new
 * burst holds them; counter and log keep what they have counted, which then counts for the new
 * period. Reservations keep their times.
 *
 * Returns  0; -EINVAL for a limit out of its range; -EDQUOT for a count above a log's entries. On
 *          error nothing has changed.
 */
SLU_API SLU_MUST_USE int slu_limiter_set(struct slu_limiter *limiter, uint64_t now_ns,
                                         const struct slu_limit *limit, struct slu_diag *diag);

/*
 * How the limiter stands, and how long `events` more would have to wait; takes nothing.
 *
 * Cost     constant
 */
SLU_API void slu_limiter_state(struct slu_limiter *limiter, uint64_t now_ns, uint64_t events,
                               struct slu_limit_state *out);

SLU_END_DECLS

#endif

/*
 * A hierarchical timing wheel: timers for tens of thousands of connections on one event loop.
 *
 * A wheel holds at most timers_max timers, in memory fixed at creation. A timer is named by a
 * handle, runs its callback once and is gone; from within its callback it may be armed again under
 * the same handle. It never runs before its time, and, where slu_wheel_advance is called in time,
 * less than one tick after it. Timers of one tick run in any order, those of different ticks in the
 * order of time, also when the clock jumps; but what a callback armed to be due at once comes first
 * in the next call, whatever its tick.
 *
 * Time is any monotonic nanosecond count that the caller passes in; it may pass from UINT64_MAX to
 * 0. A time up to SLU_WHEEL_AHEAD_MAX_NS after the wheel's own is later, every other one is
 * earlier. Where the clock runs backwards, the wheel stands still until it has caught up, and a
 * delay that is given meanwhile counts from the wheel's time: late rather than early.
 */
#ifndef SLUICE_WHEEL_H
#define SLUICE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_scope;
struct slu_wheel;

/* Names one timer, from its addition until it has run or was stopped; 0 is never given out. */
typedef uint64_t slu_timer_id;

#define SLU_WHEEL_TIMERS_MAX   (UINT32_C(1) << 30)
#define SLU_WHEEL_TICK_NS_MAX  (UINT64_C(1) << 40)
#define SLU_WHEEL_AHEAD_MAX_NS (UINT64_C(1) << 62) /* 146 years */
#define SLU_WHEEL_LEVELS_MAX   11

/* A delay, or a time to wake up at, that does not come; as is every delay of 146 years or more. */
#define SLU_WHEEL_NEVER UINT64_MAX

/*
 * What a timer does. It may add, stop and reset timers, itself too; it must neither advance nor
 * destroy the wheel. Unless it resets its own timer, that is gone when it returns.
 *
 * now_ns   as slu_wheel_advance was given it
 */
typedef void slu_timer_fn(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg);

struct slu_wheel_options {
    uint64_t start_ns;     /* the time at which it begins */
    uint64_t tick_ns;      /* 1 .. SLU_WHEEL_TICK_NS_MAX; rounded down to a power of two */
    uint32_t timers_max;   /* 1 .. SLU_WHEEL_TIMERS_MAX */
    uint32_t attached_max; /* those that may be attached to a scope at a time; 0 .. timers_max */
};

/*
 * Make a wheel.
 *
 * diag     NULL, or filled when the options are refused
 * Returns  0; -EINVAL for an option outside its range; -EDQUOT if the budget does not hold it;
 *          -ENOMEM
 * Owner    the caller, until slu_wheel_destroy; the budget must outlive it
 * Cost     one allocation: 40 bytes a timer, 56 for each of attached_max, and at most 13 KiB, or 92
 *          KiB from 16,384 timers on; a timer's memory is first touched when it is added
 */
SLU_API SLU_MUST_USE int slu_wheel_create(struct slu_budget *budget,
                                          const struct slu_wheel_options *options,
                                          struct slu_diag *diag, struct slu_wheel **out);

/*
 * Destroy a wheel; its timers do not run. NULL is accepted, and `*wheel` becomes NULL.
 */
SLU_API void slu_wheel_destroy(struct slu_wheel **wheel);

/*
 * Have `run(wheel, timer, now, arg)` called once `delay_ns` have passed since `now_ns`.
 *
 * delay_ns  0: on the next tick; SLU_WHEEL_NEVER: not until the timer is reset. What a callback
 *           arms runs in a later slu_wheel_advance than its own, even if it is due.
 * Returns   0; -EINVAL without a function; -EDQUOT when timers_max timers are there (counted)
 * Cost      constant, five cache lines; allocates nothing
 * Threads   one at a time for each wheel
 */
SLU_API SLU_MUST_USE int slu_wheel_add(struct slu_wheel *wheel, uint64_t now_ns, uint64_t delay_ns,
                                       slu_timer_fn *run, void *arg, slu_timer_id *timer);

/*
 * Take a timer back: it does not run.
 *
 * Returns  0; -ESTALE if it has run, or was stopped before. Within its own callback it is still
 *          there until it has been stopped.
 * Cost     constant, five cache lines; allocates nothing
 * Threads  as slu_wheel_add
 */
SLU_API int slu_wheel_stop(struct slu_wheel *wheel, slu_timer_id timer);

/*
 * Give a timer a new time: once `delay_ns` have passed since `now_ns`. Within its own callback this
 * arms it again. Where many timers are reset far more often than they run, as with connections,
 * sluice/pulse.h does it by one store.
 *
 * delay_ns  as slu_wheel_add
 * Returns   0; -ESTALE if it has run, or was stopped
 * Cost      constant, six cache lines; allocates nothing
 * Threads   as slu_wheel_add
 */
SLU_API SLU_MUST_USE int slu_wheel_reset(struct slu_wheel *wheel, slu_timer_id timer,
                                         uint64_t now_ns, uint64_t delay_ns);

/*
 * Let a timer end with a scope: from the moment at which the scope is cancelled, by whatever
 * thread, the timer's callback does not begin any more, its handle is outdated, and nothing of
 * the wheel refers to its `arg`. A callback that is running already is waited for by whoever closes
 * the scope; it may itself cancel or close the scope. The attachment lasts as long as the timer,
 * through all its resets.
 *
 * Returns  0; -ESTALE if the timer has run, or was stopped; -EBUSY if it is attached already;
 *          -EDQUOT when attached_max are (counted) or the scope's callback_max are registered;
 *          -ECANCELED or -ETIMEDOUT on a cancelled scope. On error the timer goes on as it was.
 * Owner    it takes one of the scope's callbacks until the timer is over
 * Cost     one lock of the wheel and one of the scope's tree, here, when the timer runs and when it
 *          ends. What a cancellation on another thread has stopped makes room in the next
 *          slu_wheel_advance, or when slu_wheel_add would be refused.
 * Threads  as slu_wheel_add. The scope may be cancelled, and closed, by any thread.
 */
SLU_API SLU_MUST_USE int slu_wheel_attach(struct slu_wheel *wheel, slu_timer_id timer,
                                          struct slu_scope *scope);

/*
 * Run the timers whose time has come by `now_ns`, in the order of their ticks, as far as
 * `work_max` allows. What is left is due first in the next call.
 *
 * A unit of work is one timer that comes, is moved from a level of the wheel to a lower one, or is
 * given back after its scope was cancelled. A
 * timer that is added and left alone is moved at most SLU_WHEEL_LEVELS_MAX - 1 times before it
 * runs: with ticks of 1 ms, at most twice for a delay of a second, four times for 5 minutes.
 *
 * now_ns    older than the newest time seen: only what is left over is done
 * work_max  UINT32_MAX for all; with 0 nothing is done
 * Returns   whether more is due: call again soon
 * Cost      O(work_max), whatever the time that has passed and however many timers there are;
 *           allocates nothing
 * Threads   as slu_wheel_add; calling it from within a callback is a programmer's mistake
 */
SLU_API bool slu_wheel_advance(struct slu_wheel *wheel, uint64_t now_ns, uint32_t work_max);

/*
 * When slu_wheel_advance must be called again, or SLU_WHEEL_NEVER if there is no timer.
 *
 * It is the next timer's tick if that is within 64 ticks. Otherwise it is a lower bound, the time
 * at which timers come down a level: a loop that sleeps until then wakes at most
 * SLU_WHEEL_LEVELS_MAX - 1 times for nothing before a timer runs.
 *
 * Returns  a time that has come already while something is due
 * Cost     constant
 * Threads  as slu_wheel_add
 */
SLU_API uint64_t slu_wheel_next_ns(const struct slu_wheel *wheel);

/*
 * The same as a time-out for poll or epoll_wait: whole milliseconds from `now_ns`, rounded up so
 * that a loop does not spin through the last one; 0 if something is due; -1 if there is no timer;
 * INT_MAX at most.
 */
SLU_API int slu_wheel_timeout_ms(const struct slu_wheel *wheel, uint64_t now_ns);

struct slu_wheel_stats {
    uint32_t timer_count;          /* now, with those that never come */
    uint32_t timer_high;           /* the most that were ever there at once */
    uint64_t run_count;            /* timers that have come */
    uint64_t move_count;           /* timers moved down a level */
    uint64_t refused_count;        /* slu_wheel_add that returned -EDQUOT */
    uint64_t attach_refused_count; /* slu_wheel_attach that did, for want of attached_max */
};

SLU_API void slu_wheel_stats(const struct slu_wheel *wheel, struct slu_wheel_stats *out);

/* The tick in force: options.tick_ns, rounded down to a power of two. */
SLU_API uint64_t slu_wheel_tick_ns(const struct slu_wheel *wheel);

SLU_END_DECLS

#endif

/*
 * Heartbeats: a callback when nothing has been heard for a time-out, at the price of one store for
 * each sign of life.
 *
 * A service that starts a timer at every beat has connections x time-out / beat of them: 600,000
 * for 10,000 connections that beat every 5 s with a time-out of 300 s. A pulse is one timer a
 * connection, however often it beats. A beat only notes the time; when the timer comes, it looks at
 * the last beat and goes on waiting for the rest of the time-out.
 *
 * The callback runs when a whole time-out has passed since the last beat: never before, and, where
 * the wheel is advanced in time, less than one tick after it.
 */
#ifndef SLUICE_PULSE_H
#define SLUICE_PULSE_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/wheel.h>

SLU_BEGIN_DECLS

struct slu_pulse;

/*
 * What is done about silence. The pulse has ended, and its memory may go, unless this calls
 * slu_pulse_restart. Otherwise as slu_timer_fn.
 */
typedef void slu_pulse_fn(struct slu_wheel *wheel, struct slu_pulse *pulse, uint64_t now_ns,
                          void *arg);

/*
 * Meant to be embedded in what has the heart, best beside what each beat touches anyway. It starts
 * with all members zero, is changed by the functions below alone, and stays where it is while it
 * runs.
 */
struct slu_pulse {
    uint64_t beat_ns;
    uint64_t timeout_ns;
    slu_timer_id timer;
    slu_pulse_fn *run;
    void *arg;
};

/*
 * Start a pulse, whose first beat is now.
 *
 * timeout_ns  above 0
 * Returns     0; -EINVAL for a time-out of 0, or without a function; -EALREADY if it is running;
 *             -EDQUOT when the wheel is full. On error nothing has changed.
 * Owner       the caller keeps the pulse until it has stopped it, or it has ended
 * Cost        one timer of the wheel, which comes once a time-out; allocates nothing
 * Threads     as slu_wheel_add
 */
SLU_API SLU_MUST_USE int slu_pulse_start(struct slu_pulse *pulse, struct slu_wheel *wheel,
                                         uint64_t now_ns, uint64_t timeout_ns, slu_pulse_fn *run,
                                         void *arg);

/*
 * A sign of life. On a pulse that is not running it does nothing.
 *
 * now_ns   older than the last beat: the time-out counts from there all the same
 * Cost     one store
 * Threads  any, as long as the pulse's memory is there; of beats at the same time one counts
 */
static inline void slu_pulse_beat(struct slu_pulse *pulse, uint64_t now_ns)
{
    __atomic_store_n(&pulse->beat_ns, now_ns, __ATOMIC_RELAXED);
}

/*
 * Beat, and change the time-out, from within the callback too: the pulse goes on then.
 *
 * timeout_ns  above 0; shorter or longer than before
 * Returns     0; -EINVAL for a time-out of 0; -ESTALE if it has ended or was stopped
 * Cost        as slu_wheel_reset
 * Threads     as slu_wheel_add
 */
SLU_API SLU_MUST_USE int slu_pulse_restart(struct slu_pulse *pulse, struct slu_wheel *wheel,
                                           uint64_t now_ns, uint64_t timeout_ns);

/*
 * Stop a pulse; its memory may go.
 *
 * Returns  0; -ESTALE if it was not running
 * Threads  as slu_wheel_add
 */
SLU_API int slu_pulse_stop(struct slu_pulse *pulse, struct slu_wheel *wheel);

/*
 * Let a pulse end with a scope: slu_wheel_attach. Once the scope is closed, its memory may go.
 *
 * Returns  as slu_wheel_attach
 */
SLU_API SLU_MUST_USE int slu_pulse_attach(struct slu_pulse *pulse, struct slu_wheel *wheel,
                                          struct slu_scope *scope);

SLU_END_DECLS

#endif

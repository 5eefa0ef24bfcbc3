/*
 * The timer is armed for the end of the time-out as it was known then, and never touched by a beat.
 * Beats come relaxed from any thread: the time is all that they hand over.
 */
#include <sluice/pulse.h>

#include <errno.h>

#include "base/golden.h"
#include "timer/wheel.h"

GOLDEN_LAYOUT(struct slu_pulse, 40, 0, 0, beat_ns, timeout_ns, timer, run, arg);

/* Half of all differences: a beat later than this clock is a beat of just now. */
#define QUIET_NS_MAX (UINT64_C(1) << 63)

static uint64_t pulse_quiet_ns(const struct slu_pulse *pulse, uint64_t now_ns)
{
    uint64_t quiet_ns = now_ns - __atomic_load_n(&pulse->beat_ns, __ATOMIC_RELAXED);
    return quiet_ns < QUIET_NS_MAX ? quiet_ns : 0;
}

static void pulse_look(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct slu_pulse *pulse = arg;
    uint64_t quiet_ns = pulse_quiet_ns(pulse, now_ns);
    if (quiet_ns >= pulse->timeout_ns) {
        pulse->run(wheel, pulse, now_ns, pulse->arg);
        return;
    }
    int err = slu_wheel_reset(wheel, timer, now_ns, pulse->timeout_ns - quiet_ns);
    (void)err; /* its scope has been cancelled meanwhile, or 0 */
}

/* A handle says little in another wheel than the one that gave it out. */
static bool pulse_is_running(const struct slu_pulse *pulse, const struct slu_wheel *wheel)
{
    uint32_t timer = 0;
    if (!pool_find(&wheel->pool, pulse->timer, &timer)) {
        return false;
    }
    struct timer_call call = call_own(timer_call(wheel, timer));
    return call.run == pulse_look && call.arg == pulse;
}

int slu_pulse_start(struct slu_pulse *pulse, struct slu_wheel *wheel, uint64_t now_ns,
                    uint64_t timeout_ns, slu_pulse_fn *run, void *arg)
{
    if (run == NULL || timeout_ns == 0) {
        return -EINVAL;
    }
    if (pulse_is_running(pulse, wheel)) {
        return -EALREADY;
    }
    slu_timer_id id = 0;
    int err = slu_wheel_add(wheel, now_ns, timeout_ns, pulse_look, pulse, &id);
    if (err != 0) {
        return err;
    }
    pulse->timeout_ns = timeout_ns;
    pulse->timer = id;
    pulse->run = run;
    pulse->arg = arg;
    slu_pulse_beat(pulse, now_ns);
    return 0;
}

int slu_pulse_restart(struct slu_pulse *pulse, struct slu_wheel *wheel, uint64_t now_ns,
                      uint64_t timeout_ns)
{
    if (timeout_ns == 0) {
        return -EINVAL;
    }
    int err = pulse_is_running(pulse, wheel)
                  ? slu_wheel_reset(wheel, pulse->timer, now_ns, timeout_ns)
                  : -ESTALE;
    if (err != 0) {
        return err;
    }
    pulse->timeout_ns = timeout_ns;
    slu_pulse_beat(pulse, now_ns);
    return 0;
}

int slu_pulse_stop(struct slu_pulse *pulse, struct slu_wheel *wheel)
{
    int err = pulse_is_running(pulse, wheel) ? slu_wheel_stop(wheel, pulse->timer) : -ESTALE;
    pulse->timer = 0;
    return err;
}

int slu_pulse_attach(struct slu_pulse *pulse, struct slu_wheel *wheel, struct slu_scope *scope)
{
    return pulse_is_running(pulse, wheel) ? slu_wheel_attach(wheel, pulse->timer, scope) : -ESTALE;
}

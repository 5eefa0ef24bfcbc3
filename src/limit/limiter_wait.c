#include <sluice/limiter.h>

#include <errno.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

/* The longest delay that ends by `deadline_ns` and before the scope's deadline. */
static uint64_t delay_max(const struct slu_scope *scope, uint64_t now_ns, uint64_t deadline_ns)
{
    uint64_t scope_ns = slu_scope_deadline_ns(scope);
    if (deadline_ns == SLU_SCOPE_NEVER && scope_ns == SLU_SCOPE_NEVER) {
        return SLU_LIMIT_NEVER;
    }
    /* A wait that ends at the moment of its scope's deadline has missed it. */
    uint64_t until_ns = deadline_ns < scope_ns ? deadline_ns : scope_ns - 1;
    return until_ns - now_ns;
}

int slu_limiter_wait(struct slu_limiter *limiter, struct slu_scope *scope, uint64_t events,
                     uint64_t deadline_ns)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    int err = slu_scope_check(scope, now_ns);
    if (err != 0) {
        return err;
    }
    if (deadline_ns < now_ns) {
        return -EAGAIN;
    }
    struct slu_reservation reservation;
    err = slu_limiter_reserve(limiter, now_ns, events, delay_max(scope, now_ns, deadline_ns),
                              &reservation);
    if (err != 0 || reservation.delay_ns == 0) {
        return err;
    }
    err = slu_scope_sleep_until(scope, reservation.at_ns);
    /* Too late to give them back: their time has come after all. */
    if (err != 0 && slu_limiter_cancel(limiter, slu_clock_monotonic_ns(), &reservation) != 0) {
        err = 0;
    }
    return err;
}

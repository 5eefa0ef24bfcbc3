#include "pipeline/flush_clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/scope.h>

#include "scope/wait.h"
#include "sys/mutex.h"

struct flush_clock {
    struct slu_budget *budget;
    struct mutex lock;
    struct flush_timer *timers;
    struct scope_waiter *waiter; /* the task, while it sleeps */
    uint64_t wakes_ns;           /* when it will wake */
};

/* Under the lock: the timer that is due first. */
static struct flush_timer *earliest(const struct flush_clock *clock)
{
    struct flush_timer *first = NULL;
    for (struct flush_timer *timer = clock->timers; timer != NULL; timer = timer->next) {
        if (first == NULL || timer->due_ns < first->due_ns) {
            first = timer;
        }
    }
    return first;
}

/* Run what is due, one after another, without the lock. */
static void run_due(struct flush_clock *clock, uint64_t now_ns)
{
    mutex_lock(&clock->lock);
    struct flush_timer *timer = earliest(clock);
    while (timer != NULL && timer->due_ns <= now_ns) {
        timer->due_ns = FLUSH_NEVER;
        mutex_unlock(&clock->lock);
        timer->run(timer->arg, now_ns);
        mutex_lock(&clock->lock);
        timer = earliest(clock);
    }
    mutex_unlock(&clock->lock);
}

static int sleep_until_due(struct flush_clock *clock, struct slu_scope *scope)
{
    struct scope_waiter waiter = {0};
    mutex_lock(&clock->lock);
    const struct flush_timer *timer = earliest(clock);
    uint64_t due_ns = timer != NULL ? timer->due_ns : FLUSH_NEVER;
    clock->waiter = &waiter;
    clock->wakes_ns = due_ns;
    mutex_unlock(&clock->lock);
    int err = scope_wait(scope, &waiter, due_ns);
    mutex_lock(&clock->lock);
    clock->waiter = NULL;
    mutex_unlock(&clock->lock);
    return err == -ETIME ? 0 : err;
}

static void clock_main(struct slu_scope *scope, void *arg)
{
    struct flush_clock *clock = arg;
    while (sleep_until_due(clock, scope) == 0) {
        run_due(clock, slu_clock_monotonic_ns());
    }
}

int flush_clock_create(struct slu_budget *budget, struct slu_scope *scope, struct flush_clock **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct flush_clock), &memory);
    if (err != 0) {
        return err;
    }
    struct flush_clock *clock = memory;
    clock->budget = budget;
    mutex_init(&clock->lock);
    err = slu_go(scope, "flush-clock", clock_main, clock);
    if (err != 0) {
        flush_clock_destroy(&clock);
        return err;
    }
    *out = clock;
    return 0;
}

void flush_clock_destroy(struct flush_clock **clock)
{
    if (*clock != NULL) {
        mutex_deinit(&(*clock)->lock);
        slu_budget_free((*clock)->budget, *clock, sizeof(**clock));
        *clock = NULL;
    }
}

void flush_clock_add(struct flush_clock *clock, struct flush_timer *timer,
                     void (*run)(void *arg, uint64_t now_ns), void *arg)
{
    *timer = (struct flush_timer){.run = run, .arg = arg, .due_ns = FLUSH_NEVER};
    mutex_lock(&clock->lock);
    timer->next = clock->timers;
    clock->timers = timer;
    mutex_unlock(&clock->lock);
}

void flush_clock_set(struct flush_clock *clock, struct flush_timer *timer, uint64_t due_ns)
{
    mutex_lock(&clock->lock);
    timer->due_ns = due_ns;
    if (clock->waiter != NULL && due_ns < clock->wakes_ns) {
        clock->wakes_ns = due_ns;
        scope_waiter_wake(clock->waiter);
    }
    mutex_unlock(&clock->lock);
}

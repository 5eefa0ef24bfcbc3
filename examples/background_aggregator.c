/*
 * A background task that can be cancelled: requests count themselves as they are served, a task
 * folds the counts into totals every few milliseconds, and closing its scope ends it. Nothing is
 * lost, because a cancelled task still runs its last lines.
 */
#include <stdatomic.h>
#include <stdio.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

struct traffic {
    _Atomic unsigned requests, bytes; /* since the last fold */
    unsigned total_requests, total_bytes;
};

static void fold(struct traffic *traffic)
{
    traffic->total_requests += atomic_exchange(&traffic->requests, 0);
    traffic->total_bytes += atomic_exchange(&traffic->bytes, 0);
}

static void aggregate(struct slu_scope *scope, void *arg)
{
    while (slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + 5000000) == 0) {
        fold(arg);
    }
    fold(arg);
}

int main(void)
{
    struct slu_budget *budget = NULL;
    if (slu_budget_create(NULL, "example", 1 << 20, &budget) != 0) {
        return 1;
    }
    struct slu_scope_options options = {
        .name = "service", .budget = budget, .task_max = 1, .task_stack_bytes = 64 * 1024};
    struct slu_scope *scope = NULL;
    struct slu_diag diag;
    if (slu_scope_create(NULL, &options, &diag, &scope) != 0) {
        fprintf(stderr, "no scope: %s\n", diag.message);
        return 1;
    }
    struct traffic traffic = {0};
    if (slu_go(scope, "aggregator", aggregate, &traffic) != 0) {
        return 1;
    }
    for (unsigned i = 1; i <= 1000; i++) {
        atomic_fetch_add(&traffic.requests, 1);
        atomic_fetch_add(&traffic.bytes, i);
    }
    int err = slu_scope_close(&scope); /* cancels, and waits until the task has ended */
    printf("%u requests, %u bytes\n", traffic.total_requests, traffic.total_bytes);
    slu_budget_destroy(&budget);
    return err;
}

/* What the scope tests share: a budget, options, a latch, and counting threads. */
#ifndef TESTS_SCOPE_FIXTURE_H
#define TESTS_SCOPE_FIXTURE_H

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "budget.h"
#include "harness.h"
#include "scope/validate.h"
#include "sys/deadline.h"
#include "sys/futex.h"

#define STACK_BYTES ((size_t)128 * 1024) /* TSan's runtime warns below */

/* Charged for nothing but itself, or the test has a leak. */
static inline void budget_end(struct slu_budget *budget)
{
    struct slu_budget *fresh = budget_of(1 << 20);
    assert_int_equal(budget_used(budget), budget_used(fresh));
    slu_budget_destroy(&fresh);
    slu_budget_destroy(&budget);
}

static inline struct slu_scope *scope_of(struct slu_scope *parent, struct slu_scope_options options)
{
    struct slu_scope *scope = NULL;
    struct slu_diag diag = {.message = ""};
    int err = slu_scope_create(parent, &options, &diag, &scope);
    if (err != 0) {
        print_message("refused: %s\n", diag.message);
    }
    assert_int_equal(err, 0);
    return scope;
}

/* Opened as often as others wait for. */
struct latch {
    _Atomic uint32_t opened;
};

static inline void latch_open(struct latch *latch)
{
    atomic_fetch_add(&latch->opened, 1);
    futex_wake(&latch->opened);
}

static inline void latch_await(struct latch *latch, uint32_t times)
{
    uint32_t opened = atomic_load(&latch->opened);
    while (opened < times) {
        (void)futex_wait_until(&latch->opened, opened, DEADLINE_NEVER);
        opened = atomic_load(&latch->opened);
    }
}

static inline size_t thread_count(void)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        count += entry->d_name[0] != '.';
    }
    closedir(tasks);
    return count;
}

static inline void *thread_ends_at_once(void *arg)
{
    return arg;
}

/* With the threads that a sanitizer's runtime starts beside the first one of ours. */
static inline size_t thread_count_before(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, thread_ends_at_once, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    size_t count = thread_count();
    for (int tries = 0; tries < 1000; tries++) {
        sched_yield();
        size_t now = thread_count();
        count = now < count ? now : count;
    }
    return count;
}

/* The kernel takes a joined thread off the list only a moment after it has woken the joiner. */
static inline void assert_thread_count(size_t expected)
{
    for (int tries = 0; tries < 100000 && thread_count() != expected; tries++) {
        sched_yield();
    }
    assert_int_equal(thread_count(), expected);
}

static inline void await_task_count(struct slu_scope *scope, uint32_t expected)
{
    struct slu_scope_stats stats;
    do {
        sched_yield();
        slu_scope_stats(scope, &stats);
    } while (stats.task_count != expected);
}

#endif

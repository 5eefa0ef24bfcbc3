/*
 * Scopes beside what one writes without them: a flag, a mutex and a condition for each thread, a
 * pthread_create and a pthread_join.
 *
 * All threads of a measurement share the one pinned core, ours and the peer's alike.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "bench.h"

#define STACK_BYTES  ((size_t)64 * 1024)
#define TASKS_MAX    1000
#define CHECK_LEVELS 3

struct subject {
    struct slu_budget *budget;
    uint32_t task_count;
    uint64_t check_count;
    uint64_t child_count;
    _Atomic uint32_t begun;
};

static void must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "scope_bench: %s: error %d\n", what, err);
        exit(3);
    }
}

/* Let all that have begun block, on the same core, before the clock starts. */
static void settle(struct subject *subject)
{
    while (atomic_load(&subject->begun) < subject->task_count) {
        sched_yield();
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    atomic_store(&subject->begun, 0);
}

static struct slu_scope *task_scope(struct subject *subject)
{
    const struct slu_scope_options options = {.name = "bench",
                                              .budget = subject->budget,
                                              .task_max = TASKS_MAX,
                                              .task_stack_bytes = STACK_BYTES};
    struct slu_scope *scope = NULL;
    must(slu_scope_create(NULL, &options, NULL, &scope), "slu_scope_create");
    return scope;
}

static void sleeping_task(struct slu_scope *scope, void *arg)
{
    struct subject *subject = arg;
    atomic_fetch_add(&subject->begun, 1);
    (void)!slu_scope_sleep_until(scope, SLU_SCOPE_NEVER); /* -ECANCELED is what it waits for */
}

static double cancel_round(void *context)
{
    struct subject *subject = context;
    struct slu_scope *scope = task_scope(subject);
    for (uint32_t i = 0; i < subject->task_count; i++) {
        must(slu_go(scope, NULL, sleeping_task, subject), "slu_go");
    }
    settle(subject);
    uint64_t began_ns = bench_now_ns();
    must(slu_scope_close(&scope), "slu_scope_close");
    return (double)(bench_now_ns() - began_ns) / 1e3;
}

/* The peer: each thread has what it takes to tell it to end. */
struct stoppable {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
    struct subject *subject;
};

static void *sleeping_thread(void *arg)
{
    struct stoppable *self = arg;
    atomic_fetch_add(&self->subject->begun, 1);
    pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static void thread_begin_on(pthread_t *thread, void *(*run)(void *), void *arg)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    must(pthread_create(thread, &attributes, run, arg), "pthread_create");
    pthread_attr_destroy(&attributes);
}

static double cancel_peer_round(void *context)
{
    static struct stoppable threads[TASKS_MAX];
    struct subject *subject = context;
    for (uint32_t i = 0; i < subject->task_count; i++) {
        threads[i] = (struct stoppable){.subject = subject};
        pthread_mutex_init(&threads[i].lock, NULL);
        pthread_cond_init(&threads[i].changed, NULL);
        thread_begin_on(&threads[i].thread, sleeping_thread, &threads[i]);
    }
    settle(subject);
    uint64_t began_ns = bench_now_ns();
    for (uint32_t i = 0; i < subject->task_count; i++) {
        pthread_mutex_lock(&threads[i].lock);
        threads[i].stop = true;
        pthread_cond_signal(&threads[i].changed);
        pthread_mutex_unlock(&threads[i].lock);
    }
    for (uint32_t i = 0; i < subject->task_count; i++) {
        pthread_join(threads[i].thread, NULL);
        pthread_cond_destroy(&threads[i].changed);
        pthread_mutex_destroy(&threads[i].lock);
    }
    return (double)(bench_now_ns() - began_ns) / 1e3;
}

static void short_task(struct slu_scope *scope, void *arg)
{
    (void)scope;
    atomic_fetch_add((_Atomic uint32_t *)arg, 1);
}

static double go_round(void *context)
{
    struct subject *subject = context;
    struct slu_scope *scope = task_scope(subject);
    _Atomic uint32_t ran = 0;
    uint64_t began_ns = bench_now_ns();
    for (uint32_t i = 0; i < subject->task_count; i++) {
        must(slu_go(scope, NULL, short_task, &ran), "slu_go");
    }
    must(slu_scope_close(&scope), "slu_scope_close");
    return (double)(bench_now_ns() - began_ns) / 1e3 / subject->task_count;
}

static void *short_thread(void *arg)
{
    atomic_fetch_add((_Atomic uint32_t *)arg, 1);
    return NULL;
}

static double go_peer_round(void *context)
{
    static pthread_t threads[TASKS_MAX];
    struct subject *subject = context;
    _Atomic uint32_t ran = 0;
    uint64_t began_ns = bench_now_ns();
    for (uint32_t i = 0; i < subject->task_count; i++) {
        thread_begin_on(&threads[i], short_thread, &ran);
    }
    for (uint32_t i = 0; i < subject->task_count; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)(bench_now_ns() - began_ns) / 1e3 / subject->task_count;
}

static double check_round(void *context)
{
    struct subject *subject = context;
    struct slu_scope *chain[CHECK_LEVELS] = {NULL};
    for (int i = 0; i < CHECK_LEVELS; i++) {
        struct slu_scope_options options = {
            .name = "bench", .budget = subject->budget, .deadline_ns = UINT64_MAX - 1};
        must(slu_scope_create(i == 0 ? NULL : chain[i - 1], &options, NULL, &chain[i]),
             "slu_scope_create");
    }
    uint64_t began_ns = bench_now_ns();
    for (uint64_t now_ns = 0; now_ns < subject->check_count; now_ns++) {
        bench_keep((uint64_t)slu_scope_check(chain[CHECK_LEVELS - 1], now_ns));
    }
    double each_ns = (double)(bench_now_ns() - began_ns) / (double)subject->check_count;
    must(slu_scope_close(&chain[0]), "slu_scope_close");
    return each_ns;
}

/* The peer: a flag and a deadline under a mutex, asked at each level. */
struct level {
    struct level *parent;
    pthread_mutex_t lock;
    bool cancelled;
    uint64_t deadline_ns;
};

static int __attribute__((noinline)) level_check(struct level *level, uint64_t now_ns)
{
    for (; level != NULL; level = level->parent) {
        pthread_mutex_lock(&level->lock);
        level->cancelled |= now_ns >= level->deadline_ns;
        bool cancelled = level->cancelled;
        pthread_mutex_unlock(&level->lock);
        if (cancelled) {
            return -ECANCELED;
        }
    }
    return 0;
}

static double check_peer_round(void *context)
{
    struct subject *subject = context;
    struct level chain[CHECK_LEVELS];
    for (int i = 0; i < CHECK_LEVELS; i++) {
        chain[i] =
            (struct level){.parent = i == 0 ? NULL : &chain[i - 1], .deadline_ns = UINT64_MAX - 1};
        pthread_mutex_init(&chain[i].lock, NULL);
    }
    uint64_t began_ns = bench_now_ns();
    for (uint64_t now_ns = 0; now_ns < subject->check_count; now_ns++) {
        bench_keep((uint64_t)level_check(&chain[CHECK_LEVELS - 1], now_ns));
    }
    return (double)(bench_now_ns() - began_ns) / (double)subject->check_count;
}

/* The deadline of the i-th of `count` requests: each from 1 to `count` once, in no order. */
static uint64_t shuffled(uint64_t i, uint64_t count)
{
    return 1 + i * 7919 % count;
}

/* A server's requests come due one after another; the rest stands by. */
static double advance_round(void *context)
{
    struct subject *subject = context;
    struct slu_scope *root = NULL;
    struct slu_scope *request = NULL;
    struct slu_scope_options options = {.name = "server", .budget = subject->budget};
    must(slu_scope_create(NULL, &options, NULL, &root), "slu_scope_create");
    for (uint64_t i = 0; i < subject->child_count; i++) {
        options.deadline_ns = shuffled(i, subject->child_count);
        must(slu_scope_create(root, &options, NULL, &request), "slu_scope_create");
    }
    uint64_t began_ns = bench_now_ns();
    for (uint64_t now_ns = 1; now_ns <= subject->child_count; now_ns++) {
        (void)slu_scope_advance(root, now_ns);
    }
    double each_ns = (double)(bench_now_ns() - began_ns) / (double)subject->child_count;
    must(slu_scope_close(&root), "slu_scope_close");
    return each_ns;
}

/* The peer: an array of deadlines, looked through at each step. */
static double advance_peer_round(void *context)
{
    struct subject *subject = context;
    uint64_t *deadlines_ns = malloc(subject->child_count * sizeof(uint64_t));
    if (deadlines_ns == NULL) {
        must(-ENOMEM, "malloc");
    }
    for (uint64_t i = 0; i < subject->child_count; i++) {
        deadlines_ns[i] = shuffled(i, subject->child_count);
    }
    uint64_t began_ns = bench_now_ns();
    for (uint64_t now_ns = 1; now_ns <= subject->child_count; now_ns++) {
        for (uint64_t i = 0; i < subject->child_count; i++) {
            deadlines_ns[i] = deadlines_ns[i] <= now_ns ? UINT64_MAX : deadlines_ns[i];
        }
        bench_keep(deadlines_ns[0]);
    }
    double each_ns = (double)(bench_now_ns() - began_ns) / (double)subject->child_count;
    free(deadlines_ns);
    return each_ns;
}

/* One task at a time, from its start until its thread has ended. */
static double turn_round(void *context)
{
    struct subject *subject = context;
    struct slu_scope *scope = task_scope(subject);
    _Atomic uint32_t ran = 0;
    uint64_t began_ns = bench_now_ns();
    for (uint32_t i = 1; i <= subject->task_count; i++) {
        must(slu_go(scope, NULL, short_task, &ran), "slu_go");
        while (atomic_load(&ran) < i) {
            sched_yield();
        }
    }
    double each_us = (double)(bench_now_ns() - began_ns) / 1e3 / subject->task_count;
    must(slu_scope_close(&scope), "slu_scope_close");
    return each_us;
}

static double turn_peer_round(void *context)
{
    struct subject *subject = context;
    _Atomic uint32_t ran = 0;
    uint64_t began_ns = bench_now_ns();
    for (uint32_t i = 1; i <= subject->task_count; i++) {
        pthread_t thread;
        thread_begin_on(&thread, short_thread, &ran);
        while (atomic_load(&ran) < i) {
            sched_yield();
        }
        pthread_join(thread, NULL);
    }
    return (double)(bench_now_ns() - began_ns) / 1e3 / subject->task_count;
}

static void report(struct bench *bench, struct subject *subject, struct bench_line line,
                   double (*round)(void *), double (*peer_round)(void *))
{
    bench_measure(bench, round, peer_round, subject, &line.value, &line.peer_value);
    bench_report(bench, line);
}

static void body(struct bench *bench)
{
    struct subject subject = {.check_count = bench_scaled(bench, 50000000),
                              .task_count = (uint32_t)bench_scaled(bench, TASKS_MAX),
                              .child_count = bench_scaled(bench, 10000)};
    must(slu_budget_create(NULL, "bench", UINT64_C(1) << 30, &subject.budget), "slu_budget_create");
    report(bench, &subject,
           (struct bench_line){.name = "scope: cancel to last task ended, 1,000 tasks",
                               .unit = "us",
                               .peer = "flag, condition and join for each"},
           cancel_round, cancel_peer_round);
    report(bench, &subject,
           (struct bench_line){.name = "scope: start and end of a task, 1,000 at a time",
                               .unit = "us",
                               .peer = "pthread_create and pthread_join"},
           go_round, go_peer_round);
    report(bench, &subject,
           (struct bench_line){.name = "scope: start and end of a task, one at a time",
                               .unit = "us",
                               .peer = "pthread_create and pthread_join"},
           turn_round, turn_peer_round);
    report(bench, &subject,
           (struct bench_line){.name = "scope: check at depth 3, no deadline come",
                               .unit = "ns",
                               .peer = "flag and deadline under a mutex"},
           check_round, check_peer_round);
    report(bench, &subject,
           (struct bench_line){.name = "scope: advance, one of 10,000 deadlines due",
                               .unit = "ns",
                               .peer = "a look at each"},
           advance_round, advance_peer_round);
    slu_budget_destroy(&subject.budget);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "scope", body);
}

/* Many appenders, many consumers, one commit task; ends from all sides. Real files. */
#include <sched.h>
#include <stdatomic.h>

#include <sluice/clock.h>

#include "fixture.h"

#define APPENDERS       4
#define CONSUMERS       3
#define APPENDED_EACH   300
#define RETURN_ONE_IN   7
#define KEPT_COUNT      5 /* by a log */
#define APPENDED_ALL    (APPENDERS * APPENDED_EACH)
#define TAG_OF(who, at) ((uint64_t)(who)*APPENDED_EACH + (at) + 1)

struct stage {
    struct store_directory directory;
    struct slu_budget *budget;
    struct slu_scope *scope;
    struct slu_scope *tasks; /* the test's own, which end before the queue does */
    struct queue *queue;
    _Atomic uint32_t appender_count;
    _Atomic uint64_t told_count;
    _Atomic uint64_t acked_count;
    _Atomic uint32_t given[APPENDED_ALL + 1];
    _Atomic int consumer_error;
    _Atomic uint64_t told_sequence;
    _Atomic bool is_released;
};

static void stage_begin(struct stage *stage, struct queue_options options)
{
    stage->directory = store_directory_make();
    stage->budget = budget_of(STORE_BUDGET_BYTES);
    const struct slu_scope_options root = {.name = "stage", .budget = stage->budget};
    const struct slu_scope_options tasks = {
        .name = "tasks", .task_max = 16, .task_stack_bytes = STORE_STACK_BYTES};
    assert_int_equal(slu_scope_create(NULL, &root, NULL, &stage->scope), 0);
    assert_int_equal(slu_scope_create(stage->scope, &tasks, NULL, &stage->tasks), 0);
    options.budget = stage->budget;
    options.directory = stage->directory.path;
    options.scope = stage->scope;
    stage->queue = store_queue(options);
}

static void stage_end(struct stage *stage)
{
    assert_int_equal(slu_scope_close(&stage->tasks), 0);
    queue_close(&stage->queue);
    assert_int_equal(slu_scope_close(&stage->scope), 0);
    slu_budget_destroy(&stage->budget);
    store_directory_remove(&stage->directory);
}

static void told(void *arg, int err, uint64_t sequence)
{
    (void)sequence;
    struct stage *stage = arg;
    assert_int_equal(err, 0);
    atomic_fetch_add(&stage->told_count, 1);
}

/* A full ring is waited for, as a receiver's clients would be asked to. */
static void appender_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    (void)scope;
    uint32_t who = atomic_fetch_add(&stage->appender_count, 1);
    for (uint64_t at = 0; at < APPENDED_EACH; at++) {
        int err = store_append(stage->queue, TAG_OF(who, at), told, stage);
        while (err == -EDQUOT || err == -ENOSPC) {
            sched_yield();
            err = store_append(stage->queue, TAG_OF(who, at), told, stage);
        }
        assert_int_equal(err, 0);
    }
}

static void consumer_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct queue_entry entry;
    for (;;) {
        int err = queue_next(stage->queue, scope, stage->budget, SLU_SCOPE_NEVER, &entry);
        if (err != 0) {
            atomic_store(&stage->consumer_error, err);
            return;
        }
        store_entry_check(&entry);
        block_free(stage->budget, &entry.bytes);
        uint32_t times = atomic_fetch_add(&stage->given[entry.tag], 1);
        if (times == 0 && entry.tag % RETURN_ONE_IN == 0) {
            queue_return(stage->queue, &entry);
        } else {
            queue_ack(stage->queue, &entry);
            atomic_fetch_add(&stage->acked_count, 1);
        }
    }
}

static void tasks_start(struct stage *stage, slu_scope_fn *run, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(slu_go(stage->tasks, "test", run, stage), 0);
    }
}

static void await_at_least(const _Atomic uint64_t *count, uint64_t expected)
{
    while (atomic_load(count) < expected) {
        sched_yield();
    }
}

static void every_record_of_many_threads_is_given_out_and_acked_once(void **state)
{
    (void)state;
    static struct stage stage;
    struct queue_options options = store_options(NULL, NULL);
    options.size_bytes_max = 1 << 17; /* small enough to be full at times */
    options.held_max = 16;
    stage_begin(&stage, options);
    tasks_start(&stage, consumer_run, CONSUMERS);
    tasks_start(&stage, appender_run, APPENDERS);
    await_at_least(&stage.acked_count, APPENDED_ALL);
    await_at_least(&stage.told_count, APPENDED_ALL);
    for (uint64_t tag = 1; tag <= APPENDED_ALL; tag++) {
        assert_int_equal(stage.given[tag], tag % RETURN_ONE_IN == 0 ? 2 : 1);
    }
    struct queue_stats stats = store_stats(stage.queue);
    assert_int_equal(stats.waiting_count, 0);
    assert_int_equal(stats.committed_count, APPENDED_ALL);
    assert_int_equal(stats.damaged_count + stats.failed_count + stats.disk_error_count, 0);
    stage_end(&stage);
    assert_int_equal(stage.consumer_error, -ECANCELED);
}

/* One that asks once, as the queue may be gone afterwards. */
static void waiter_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct queue_entry entry;
    int err = queue_next(stage->queue, scope, stage->budget, SLU_SCOPE_NEVER, &entry);
    assert_int_equal(err, -ECANCELED);
    assert_int_equal(slu_scope_error(scope), 0);
    atomic_fetch_add(&stage->acked_count, 1);
}

static void closing_ends_the_wait_of_a_consumer(void **state)
{
    (void)state;
    static struct stage stage;
    stage_begin(&stage, store_options(NULL, NULL));
    tasks_start(&stage, waiter_run, CONSUMERS);
    while (store_stats(stage.queue).consumer_count < CONSUMERS) {
        sched_yield();
    }
    struct queue *queue = stage.queue;
    queue_close(&queue);
    await_at_least(&stage.acked_count, CONSUMERS);
    stage.queue = NULL;
    stage_end(&stage);
}

static void a_wait_ends_at_its_deadline(void **state)
{
    (void)state;
    static struct stage stage;
    stage_begin(&stage, store_options(NULL, NULL));
    struct queue_entry entry;
    uint64_t soon_ns = slu_clock_monotonic_ns() + 1000000;
    assert_int_equal(queue_next(stage.queue, stage.scope, stage.budget, soon_ns, &entry), -EAGAIN);
    assert_true(slu_clock_monotonic_ns() >= soon_ns);
    stage_end(&stage);
}

static void what_was_taken_before_its_scope_was_cancelled_is_committed(void **state)
{
    (void)state;
    static struct stage stage;
    stage_begin(&stage, store_options(NULL, NULL));
    for (uint64_t tag = 1; tag <= 20; tag++) {
        assert_int_equal(store_append(stage.queue, tag, told, &stage), 0);
    }
    slu_scope_cancel(stage.scope);
    assert_int_equal(store_append(stage.queue, 21, told, &stage), -ECANCELED);
    await_at_least(&stage.told_count, 20);
    assert_int_equal(store_take_ack(stage.queue, stage.budget), 1);
    queue_close(&stage.queue);
    struct queue *queue = store_queue(store_options(stage.budget, stage.directory.path));
    for (uint64_t tag = 2; tag <= 20; tag++) {
        assert_int_equal(store_take_ack(queue, stage.budget), tag);
    }
    queue_close(&queue);
    stage_end(&stage);
}

static void what_is_acked_is_unlinked_without_being_asked(void **state)
{
    (void)state;
    static struct stage stage;
    stage_begin(&stage, store_options(NULL, NULL));
    for (uint64_t tag = 1; tag <= 200; tag++) {
        while (store_append(stage.queue, tag, told, &stage) == -EDQUOT) {
            sched_yield();
        }
    }
    await_at_least(&stage.told_count, 200);
    while (store_take_ack(stage.queue, stage.budget) != 0) {
    }
    while (store_stats(stage.queue).disk_bytes > 16 << 10) {
        sched_yield();
    }
    stage_end(&stage);
}

/* A log: the appenders are told sequences, one task releases up to the last one it has heard of. */
static void told_sequence(void *arg, int err, uint64_t sequence)
{
    struct stage *stage = arg;
    assert_int_equal(err, 0);
    atomic_store(&stage->told_sequence, sequence);
    atomic_fetch_add(&stage->told_count, 1);
}

static void log_appender_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    (void)scope;
    for (uint64_t tag = 1; tag <= APPENDED_ALL; tag++) {
        int err = store_append(stage->queue, tag, told_sequence, stage);
        while (err == -EDQUOT || err == -ENOSPC) {
            sched_yield();
            err = store_append(stage->queue, tag, told_sequence, stage);
        }
        assert_int_equal(err, 0);
    }
}

static void releaser_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    (void)scope;
    uint64_t released = 0;
    while (released + KEPT_COUNT < APPENDED_ALL) {
        uint64_t sequence = atomic_load(&stage->told_sequence);
        if (sequence <= released + KEPT_COUNT) {
            sched_yield();
            continue;
        }
        released = sequence - KEPT_COUNT;
        assert_int_equal(queue_release(stage->queue, released), 0);
        assert_true(queue_position(stage->queue) > released);
    }
    atomic_store(&stage->is_released, true);
}

static void onlooker_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    (void)scope;
    while (!atomic_load(&stage->is_released)) {
        struct queue_stats stats = store_stats(stage->queue);
        assert_true(stats.disk_bytes <= 1 << 17);
        assert_true(queue_position(stage->queue) <= queue_sequence_next(stage->queue));
    }
}

static int count_visit(void *arg, const struct queue_entry *entry)
{
    uint64_t *next_tag = arg;
    store_entry_check(entry);
    assert_int_equal(entry->tag, *next_tag);
    *next_tag += 1;
    return 0;
}

static void a_log_is_appended_to_while_it_is_released(void **state)
{
    (void)state;
    static struct stage stage;
    struct queue_options options = store_options(NULL, NULL);
    options.size_bytes_max = 1 << 17; /* it cannot end without what is unlinked */
    options.held_max = 1;
    atomic_store(&stage.is_released, false);
    atomic_store(&stage.told_count, 0);
    stage_begin(&stage, options);
    tasks_start(&stage, onlooker_run, 1);
    tasks_start(&stage, releaser_run, 1);
    tasks_start(&stage, log_appender_run, 1);
    await_at_least(&stage.told_count, APPENDED_ALL);
    while (!atomic_load(&stage.is_released)) {
        sched_yield();
    }
    assert_int_equal(store_stats(stage.queue).waiting_count, KEPT_COUNT);
    assert_int_equal(slu_scope_close(&stage.tasks), 0);
    queue_close(&stage.queue);
    options.budget = stage.budget;
    options.directory = stage.directory.path;
    stage.queue = store_queue(options);
    uint64_t next_tag = APPENDED_ALL - KEPT_COUNT + 1;
    assert_int_equal(queue_replay(stage.queue, stage.budget, count_visit, &next_tag), 0);
    assert_int_equal(next_tag, APPENDED_ALL + 1);
    stage_end(&stage);
}

static void what_is_released_is_unlinked_without_being_asked(void **state)
{
    (void)state;
    static struct stage stage;
    atomic_store(&stage.told_count, 0);
    stage_begin(&stage, store_options(NULL, NULL));
    for (uint64_t tag = 1; tag <= 200; tag++) {
        while (store_append(stage.queue, tag, told_sequence, &stage) == -EDQUOT) {
            sched_yield();
        }
    }
    await_at_least(&stage.told_count, 200);
    assert_int_equal(queue_release(stage.queue, atomic_load(&stage.told_sequence)), 0);
    while (store_stats(stage.queue).disk_bytes > 16 << 10) {
        sched_yield();
    }
    stage_end(&stage);
}

static void creation_that_fails_with_its_task_leaves_nothing(void **state)
{
    (void)state;
    static struct stage stage;
    stage_begin(&stage, store_options(NULL, NULL));
    queue_close(&stage.queue);
    struct queue_options options = store_options(stage.budget, stage.directory.path);
    options.scope = stage.scope;
    uint64_t used_bytes = budget_used(stage.budget);
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = queue_open(&options, NULL, &stage.queue);
        alloc_fault_at(0);
        if (err != 0) {
            assert_null(stage.queue);
            assert_int_equal(budget_used(stage.budget), used_bytes);
        }
    }
    queue_close(&stage.queue);
    slu_scope_cancel(stage.scope);
    assert_int_equal(queue_open(&options, NULL, &stage.queue), -ECANCELED);
    assert_int_equal(budget_used(stage.budget), used_bytes);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_of_many_threads_is_given_out_and_acked_once),
        cmocka_unit_test(closing_ends_the_wait_of_a_consumer),
        cmocka_unit_test(a_wait_ends_at_its_deadline),
        cmocka_unit_test(what_was_taken_before_its_scope_was_cancelled_is_committed),
        cmocka_unit_test(creation_that_fails_with_its_task_leaves_nothing),
        cmocka_unit_test(what_is_acked_is_unlinked_without_being_asked),
        cmocka_unit_test(what_is_released_is_unlinked_without_being_asked),
        cmocka_unit_test(a_log_is_appended_to_while_it_is_released),
    };
    return TEST_RUN("queue_threads", tests);
}

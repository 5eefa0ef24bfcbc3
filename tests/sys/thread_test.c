#include "sys/thread.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "harness.h"
#include "sys/deadline.h"
#include "sys/futex.h"
#include "sys/mutex.h"

#define STACK_BYTES ((size_t)128 * 1024)

/* What a thread saw of itself. */
struct sight {
    struct thread thread;
    char name[THREAD_NAME_MAX];
    char *stack;
    size_t mapped_bytes;
    size_t usable_bytes;
    int failed;
};

static void *look_around(void *arg)
{
    struct sight *sight = arg;
    thread_begin(&sight->thread, "a-name-of-over-15-bytes");
    pthread_attr_t attributes;
    void *stack = NULL;
    sight->failed = pthread_getattr_np(pthread_self(), &attributes);
    sight->failed |= pthread_attr_getstack(&attributes, &stack, &sight->mapped_bytes);
    sight->failed |= pthread_attr_destroy(&attributes);
    sight->failed |= pthread_getname_np(pthread_self(), sight->name, sizeof(sight->name));
    sight->stack = stack;
    sight->usable_bytes = (size_t)((char *)__builtin_frame_address(0) - sight->stack);
    return NULL;
}

static int start(struct thread *thread, void *(*run)(void *), void *arg)
{
    int err = thread_stack_map(thread_reserved_bytes(STACK_BYTES), &thread->stack);
    return err != 0 ? err : thread_start(thread, run, arg);
}

/* The thread publishes its identity itself, so the test waits for that before it joins. */
static void join_begun(struct thread *thread)
{
    while (atomic_load(&thread->id) == 0) {
        sched_yield();
    }
    thread_join(thread);
    thread_stack_unmap(&thread->stack);
}

static void a_thread_has_the_stated_stack_and_name(void **state)
{
    (void)state;
    int64_t live = alloc_live_count();
    struct sight sight = {0};
    assert_int_equal(start(&sight.thread, look_around, &sight), 0);
    join_begun(&sight.thread);
    assert_int_equal(sight.failed, 0);
    assert_string_equal(sight.name, "a-name-of-over-");
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(sight.thread.stack.reserved_bytes, thread_reserved_bytes(STACK_BYTES));
    assert_int_equal(sight.mapped_bytes, sight.thread.stack.reserved_bytes - page);
    assert_ptr_equal(sight.stack, (char *)sight.thread.stack.mapping + page);
    assert_true(sight.usable_bytes >= STACK_BYTES);
    assert_int_equal(alloc_live_count(), live);
}

static void a_stack_is_reserved_in_whole_pages_with_a_guard(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t least = thread_reserved_bytes(0);
    assert_true(least >= 2 * page && least % page == 0);
    assert_int_equal(thread_reserved_bytes(page), least + page);
    assert_true(thread_reserved_bytes(1) - least <= page);
    assert_int_equal(thread_reserved_bytes(SIZE_MAX), 0);
    assert_int_equal(thread_reserved_bytes(SIZE_MAX - page), 0);
}

static void what_cannot_start_leaves_nothing_behind(void **state)
{
    (void)state;
    int64_t live = alloc_live_count();
    size_t reserved_bytes = thread_reserved_bytes(STACK_BYTES);
    struct sight sight = {0};
    alloc_fault_at(1);
    assert_int_equal(thread_stack_map(reserved_bytes, &sight.thread.stack), -ENOMEM);
    assert_true(alloc_fault_hit());
    assert_int_equal(thread_stack_map(SIZE_MAX / 2, &sight.thread.stack), -ENOMEM);
    assert_null(sight.thread.stack.mapping);
    assert_int_equal(alloc_live_count(), live);

    alloc_fault_at(2);
    assert_int_equal(start(&sight.thread, look_around, &sight), -EAGAIN);
    assert_true(alloc_fault_hit());
    alloc_fault_at(0);
    /* The stack is there still: for another try, or to be unmapped. */
    assert_int_equal(thread_start(&sight.thread, look_around, &sight), 0);
    join_begun(&sight.thread);
    assert_int_equal(alloc_live_count(), live);

    assert_int_equal(thread_stack_map(2 * (size_t)sysconf(_SC_PAGESIZE), &sight.thread.stack), 0);
    assert_int_equal(thread_start(&sight.thread, look_around, &sight), -EINVAL);
    thread_stack_unmap(&sight.thread.stack);
    assert_int_equal(alloc_live_count(), live);
}

/* A ball that two threads hand each other under a mutex. */
struct court {
    struct thread thread;
    struct mutex lock;
    struct condition hit;
    int ball;
};

static void *play(void *arg)
{
    struct court *court = arg;
    thread_begin(&court->thread, "play");
    mutex_lock(&court->lock);
    while (court->ball < 1000) {
        if (court->ball % 2 == 1) {
            court->ball++;
            condition_signal(&court->hit);
        } else {
            (void)condition_wait_until(&court->hit, &court->lock, DEADLINE_NEVER);
        }
    }
    mutex_unlock(&court->lock);
    return NULL;
}

static void a_condition_wakes_who_waits(void **state)
{
    (void)state;
    struct court court = {.ball = 0};
    mutex_init(&court.lock);
    condition_init(&court.hit);
    assert_int_equal(start(&court.thread, play, &court), 0);
    mutex_lock(&court.lock);
    while (court.ball < 1000) {
        if (court.ball % 2 == 0) {
            court.ball++;
            condition_broadcast(&court.hit);
        } else {
            uint64_t until_ns = slu_clock_monotonic_ns() + UINT64_C(60000000000);
            assert_int_equal(condition_wait_until(&court.hit, &court.lock, until_ns), 0);
        }
    }
    condition_broadcast(&court.hit);
    mutex_unlock(&court.lock);
    join_begun(&court.thread);
    condition_deinit(&court.hit);
    mutex_deinit(&court.lock);
}

static void a_condition_gives_up_at_its_deadline(void **state)
{
    (void)state;
    struct mutex lock;
    struct condition never;
    mutex_init(&lock);
    condition_init(&never);
    mutex_lock(&lock);
    assert_int_equal(condition_wait_until(&never, &lock, 1), -ETIMEDOUT);
    uint64_t until_ns = slu_clock_monotonic_ns() + 1000000;
    while (condition_wait_until(&never, &lock, until_ns) == 0) {
    }
    assert_true(slu_clock_monotonic_ns() >= until_ns);
    mutex_unlock(&lock);
    condition_deinit(&never);
    mutex_deinit(&lock);
}

struct bell {
    struct thread thread;
    _Atomic uint32_t word;
};

static void *ring_once(void *arg)
{
    struct bell *bell = arg;
    thread_begin(&bell->thread, "ring");
    atomic_store(&bell->word, 1);
    futex_wake(&bell->word);
    return NULL;
}

static void a_futex_blocks_until_its_word_changes(void **state)
{
    (void)state;
    struct bell bell = {.word = 0};
    assert_int_equal(futex_wait_until(&bell.word, 7, DEADLINE_NEVER), 0);
    assert_int_equal(futex_wait_until(&bell.word, 0, 1), -ETIMEDOUT);
    uint64_t until_ns = slu_clock_monotonic_ns() + 1000000;
    while (futex_wait_until(&bell.word, 0, until_ns) == 0) {
    }
    assert_true(slu_clock_monotonic_ns() >= until_ns);
    assert_int_equal(start(&bell.thread, ring_once, &bell), 0);
    while (atomic_load(&bell.word) == 0) {
        assert_int_equal(futex_wait_until(&bell.word, 0, DEADLINE_NEVER), 0);
    }
    join_begun(&bell.thread);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_the_stated_stack_and_name),
        cmocka_unit_test(a_stack_is_reserved_in_whole_pages_with_a_guard),
        cmocka_unit_test(what_cannot_start_leaves_nothing_behind),
        cmocka_unit_test(a_condition_wakes_who_waits),
        cmocka_unit_test(a_condition_gives_up_at_its_deadline),
        cmocka_unit_test(a_futex_blocks_until_its_word_changes),
    };
    return TEST_RUN("thread", tests);
}

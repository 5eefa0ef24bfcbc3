#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "harness.h"
#include "preload/mapped.h"

#define THREADS   4
#define ROUNDS    20000
#define PAGE      4096
#define RANGE     ((uintptr_t)1 << 32) /* of each thread's addresses */
#define RUN_MAX   8
#define PLACE_MAX 64

static _Atomic unsigned running;

static void *thread_map(void *argument)
{
    uintptr_t own = (uintptr_t)argument;
    struct test_random random = test_random_start(own);
    for (uint64_t round = 0; round < test_rounds(ROUNDS); round++) {
        uintptr_t start = own * RANGE + test_random_below(&random, PLACE_MAX) * RUN_MAX * PAGE;
        mapped_add(start, RUN_MAX * PAGE, own);
        mapped_remove(start + PAGE, (1 + test_random_below(&random, RUN_MAX - 1)) * PAGE);
        mapped_remove(start, RUN_MAX * PAGE);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* Each entry that is seen is whole: its caller is the one of its addresses. */
static void test_threads_see_whole_entries_and_leave_none(void **state)
{
    (void)state;
    static struct mapped entries[MAPPED_MAX];
    pthread_t threads[THREADS];
    atomic_store(&running, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, thread_map, (void *)(i + 1)), 0);
    }
    while (atomic_load(&running) > 0) {
        size_t count = mapped_list(entries);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(entries[i].start / RANGE, entries[i].caller);
            assert_in_range(entries[i].bytes, PAGE, RUN_MAX * PAGE);
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(mapped_list(entries), 0);
    assert_int_equal(mapped_lost(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_see_whole_entries_and_leave_none),
    };
    return TEST_RUN("mapped_threads", tests);
}

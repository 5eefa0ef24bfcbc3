#include "limit/spot_lock.h"

#include <pthread.h>
#include <sched.h>

#include "harness.h"

#define THREAD_COUNT 8

struct shared {
    _Atomic uint64_t word; /* 2, 4, 6, ... while it is free */
    uint64_t count;        /* guarded by it, and no atomic */
    uint64_t rounds;
};

/* Now and then the holder is interrupted, so that the others meet the lock, spin and nap. */
static void *count_up(void *argument)
{
    struct shared *shared = argument;
    for (uint64_t i = 0; i < shared->rounds; i++) {
        uint64_t value = spot_lock(&shared->word);
        uint64_t count = shared->count;
        if (i % 16 == 0) {
            sched_yield();
        }
        shared->count = count + 1;
        spot_unlock(&shared->word, value + 2);
    }
    return NULL;
}

static void one_thread_at_a_time_holds_the_lock_and_its_word(void **state)
{
    (void)state;
    struct shared shared = {.word = 2, .rounds = test_rounds(500)};
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(shared.count, THREAD_COUNT * shared.rounds);
    assert_int_equal(shared.word, 2 + 2 * THREAD_COUNT * shared.rounds);
}

static void trying_takes_a_free_lock_and_leaves_a_taken_one(void **state)
{
    (void)state;
    _Atomic uint64_t word = 6;
    uint64_t value = 0;
    assert_true(spot_try_lock(&word, &value));
    assert_int_equal(value, 6);
    assert_false(spot_try_lock(&word, &value));
    assert_int_equal(value, 6);
    spot_unlock(&word, 8);
    assert_int_equal(spot_lock(&word), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_at_a_time_holds_the_lock_and_its_word),
        cmocka_unit_test(trying_takes_a_free_lock_and_leaves_a_taken_one),
    };
    return TEST_RUN("spot_lock", tests);
}

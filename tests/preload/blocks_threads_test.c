#include "preload/blocks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define THREADS 4
#define PLACES  32

/* Blocks go from thread to thread through these. */
static _Atomic(void *) places[PLACES];

struct worker {
    pthread_t thread;
    struct test_random random;
    uint64_t rounds;
    uint64_t wrong;
};

static void *block_take(struct worker *worker)
{
    size_t size = 64 + (size_t)test_random_below(&worker->random, 3) * 90000;
    unsigned char *block = blocks_take(size, 16, test_random_below(&worker->random, 2) == 0);
    if (block == NULL) {
        worker->wrong++;
        return NULL;
    }
    unsigned char pattern = (unsigned char)test_random_next(&worker->random);
    memset(block, pattern, 64);
    blocks_set_sample(block, pattern);
    return block;
}

/* The sample says what the block must hold. */
static void block_give(struct worker *worker, unsigned char *block)
{
    unsigned char found[64];
    uint32_t sample = 0;
    memcpy(found, block, sizeof(found));
    worker->wrong += blocks_usable(block) < 64;
    if (test_random_below(&worker->random, 8) == 0) {
        blocks_defer(block);
        block = blocks_deferred();
        if (block == NULL) {
            return; /* another thread has taken it */
        }
        worker->wrong += !blocks_give(block, &sample);
        return;
    }
    worker->wrong += !blocks_give(block, &sample);
    for (size_t i = 0; i < sizeof(found); i++) {
        worker->wrong += found[i] != (unsigned char)sample;
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (uint64_t round = 0; round < worker->rounds; round++) {
        void *block = block_take(worker);
        uint64_t place = test_random_below(&worker->random, PLACES);
        block = atomic_exchange(&places[place], block);
        if (block != NULL) {
            block_give(worker, block);
        }
        if (round % 500 == 0) {
            (void)blocks_trim(); /* how many does not matter */
        }
    }
    return NULL;
}

static void test_blocks_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    struct blocks_range range;
    struct worker workers[THREADS];
    blocks_init(&range);
    blocks_set_cache(256 << 10); /* so that cleaning runs beside everything else */
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.random = test_random_start(i), .rounds = test_rounds(4000)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    for (size_t i = 0; i < PLACES; i++) {
        void *block = atomic_load(&places[i]);
        uint32_t sample = 0;
        assert_true(block == NULL || blocks_give(block, &sample));
    }
    uint32_t sample = 0;
    for (void *block = blocks_deferred(); block != NULL; block = blocks_deferred()) {
        assert_true(blocks_give(block, &sample));
    }
    struct blocks_stats stats;
    blocks_stats(&stats);
    assert_int_equal(stats.used_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_many_threads_do_not_mix),
    };
    return TEST_RUN("blocks_threads", tests);
}

/* Blocks of made-up content: what is held is what was asked for, and nothing is decoded twice. */
#include "store/block_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <sluice/budget.h>

#include "budget.h"
#include "harness.h"

#define MEBIBYTE     ((uint64_t)1 << 20)
#define BLOCK_BYTES  ((size_t)1 << 20)
#define CACHE_BYTES  (10 * MEBIBYTE)
#define BUDGET_BYTES (256 * MEBIBYTE)
#define THREADS      4

struct source {
    uint64_t number; /* that its next block has */
    _Atomic uint64_t load_count;
    int err;
};

static int load(void *arg, struct slu_budget *budget, struct block *memory,
                struct sample_block *block)
{
    struct source *source = arg;
    atomic_fetch_add(&source->load_count, 1);
    int err = source->err != 0 ? source->err : block_begin(budget, BLOCK_BYTES, memory);
    if (err == 0) {
        memcpy(memory->data, &source->number, sizeof(source->number));
        block->plain = (struct slu_bytes){memory->data, BLOCK_BYTES};
    }
    return err;
}

static uint64_t number_of(const struct block_hold *hold)
{
    uint64_t number = 0;
    memcpy(&number, hold->block.plain.data, sizeof(number));
    return number;
}

static int hold_of(struct block_cache *cache, struct slu_budget *budget, struct source *source,
                   uint64_t number, struct block_hold *hold)
{
    struct block_key key = {.part = number / 100, .block = number % 100};
    source->number = number;
    return block_cache_hold(cache, &key, load, source, budget, hold);
}

/* Hold it for a moment. Returns whether it had to be loaded */
static bool is_loaded(struct block_cache *cache, struct slu_budget *budget, struct source *source,
                      uint64_t number)
{
    struct block_hold hold;
    uint64_t before = source->load_count;
    assert_int_equal(hold_of(cache, budget, source, number, &hold), 0);
    assert_int_equal(number_of(&hold), number);
    block_cache_release(cache, &hold);
    return source->load_count > before;
}

static void what_was_used_longest_ago_gives_way(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct block_cache *cache = NULL;
    struct source source = {0};
    struct block_cache_stats stats;
    (void)state;
    assert_int_equal(block_cache_create(budget, CACHE_BYTES, &cache), 0);
    for (uint64_t i = 0; i < 6; i++) {
        assert_true(is_loaded(cache, budget, &source, 100 * i));
        assert_false(is_loaded(cache, budget, &source, 100 * i));
        assert_true(is_loaded(cache, budget, &source, 5000) == (i == 0));
    }
    block_cache_stats(cache, &stats);
    assert_true(stats.used_bytes <= CACHE_BYTES && stats.used_bytes >= 5 * MEBIBYTE);
    assert_int_equal(stats.miss_count, 7);
    for (uint64_t i = 6; i < 20; i++) {
        assert_true(is_loaded(cache, budget, &source, 100 * i));
        assert_false(is_loaded(cache, budget, &source, 5000));
    }
    assert_true(is_loaded(cache, budget, &source, 0));
    assert_false(is_loaded(cache, budget, &source, 1900));
    block_cache_destroy(&cache);
    slu_budget_destroy(&budget);
}

static void what_is_held_stays_and_others_do_without(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_budget *query = budget_of(BUDGET_BYTES);
    struct block_cache *cache = NULL;
    struct source source = {0};
    struct block_hold holds[40];
    struct slu_budget_stats stats;
    (void)state;
    assert_int_equal(block_cache_create(budget, CACHE_BYTES, &cache), 0);
    for (uint64_t i = 0; i < 40; i++) {
        assert_int_equal(hold_of(cache, query, &source, i, &holds[i]), 0);
    }
    for (uint64_t i = 0; i < 40; i++) {
        assert_int_equal(number_of(&holds[i]), i);
    }
    slu_budget_stats(query, &stats);
    assert_true(stats.used_bytes > 30 * MEBIBYTE);
    slu_budget_stats(budget, &stats);
    assert_true(stats.high_water_bytes < CACHE_BYTES + MEBIBYTE);
    for (uint64_t i = 0; i < 40; i++) {
        block_cache_release(cache, &holds[i]);
    }
    slu_budget_stats(query, &stats);
    assert_true(stats.used_bytes < MEBIBYTE);
    assert_false(is_loaded(cache, query, &source, 0));
    block_cache_destroy(&cache);
    slu_budget_destroy(&query);
    slu_budget_destroy(&budget);
}

static void without_a_cache_or_with_a_small_one_all_is_loaded(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct block_cache *cache = NULL;
    struct source source = {0};
    (void)state;
    assert_true(is_loaded(NULL, budget, &source, 1));
    assert_true(is_loaded(NULL, budget, &source, 1));
    assert_int_equal(block_cache_create(budget, 0, &cache), 0);
    assert_true(is_loaded(cache, budget, &source, 1));
    assert_true(is_loaded(cache, budget, &source, 1));
    block_cache_destroy(&cache);
    slu_budget_destroy(&budget);
}

static void an_error_is_handed_on_and_a_full_budget_is_got_round(void **state)
{
    struct slu_budget *budget = budget_of(CACHE_BYTES);
    struct slu_budget *query = budget_of(BUDGET_BYTES);
    struct block_cache *cache = NULL;
    struct source source = {.err = -EBADMSG};
    struct block_hold hold;
    (void)state;
    assert_int_equal(block_cache_create(budget, CACHE_BYTES, &cache), 0);
    assert_int_equal(hold_of(cache, query, &source, 7, &hold), -EBADMSG);
    assert_int_equal(source.load_count, 1);
    source.err = 0;
    /* The cache's parent has no room, though the cache thinks so. */
    assert_int_equal(slu_budget_charge(budget, CACHE_BYTES - MEBIBYTE), 0);
    assert_true(is_loaded(cache, query, &source, 7));
    assert_true(is_loaded(cache, query, &source, 7));
    slu_budget_release(budget, CACHE_BYTES - MEBIBYTE);
    assert_true(is_loaded(cache, query, &source, 7));
    assert_false(is_loaded(cache, query, &source, 7));
    block_cache_destroy(&cache);
    slu_budget_destroy(&query);
    slu_budget_destroy(&budget);
}

struct worker {
    struct block_cache *cache;
    struct slu_budget *budget;
    struct source source;
    struct test_random random;
    pthread_t thread;
    bool is_right;
};

static void *worker_run(void *arg)
{
    struct worker *worker = arg;
    worker->is_right = true;
    for (int round = 0; round < 300; round++) {
        struct block_hold holds[3];
        uint64_t numbers[3];
        for (int i = 0; i < 3; i++) {
            numbers[i] = test_random_below(&worker->random, 12);
            worker->is_right &=
                hold_of(worker->cache, worker->budget, &worker->source, numbers[i], &holds[i]) == 0;
        }
        for (int i = 0; i < 3; i++) {
            worker->is_right &= number_of(&holds[i]) == numbers[i];
            block_cache_release(worker->cache, &holds[i]);
        }
    }
    return NULL;
}

static void threads_hold_and_release_at_the_same_time(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct block_cache *cache = NULL;
    struct worker workers[THREADS];
    struct block_cache_stats stats;
    (void)state;
    assert_int_equal(block_cache_create(budget, CACHE_BYTES, &cache), 0);
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){.cache = cache, .budget = budget, .random = test_random_start(10 + i)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), 0);
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_true(workers[i].is_right);
    }
    block_cache_stats(cache, &stats);
    assert_int_equal(stats.hit_count + stats.miss_count, THREADS * 300 * 3);
    assert_true(stats.hit_count > 0);
    block_cache_destroy(&cache);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_used_longest_ago_gives_way),
        cmocka_unit_test(what_is_held_stays_and_others_do_without),
        cmocka_unit_test(without_a_cache_or_with_a_small_one_all_is_loaded),
        cmocka_unit_test(an_error_is_handed_on_and_a_full_budget_is_got_round),
        cmocka_unit_test(threads_hold_and_release_at_the_same_time),
    };
    return TEST_RUN("block_cache", tests);
}

#include "guard/filter_window.h"

#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void *window_make(struct filter_window *window, uint64_t key_max, double rate)
{
    struct filter_window_options options = {.key_max = key_max, .rate = rate, .seed = test_seed()};
    struct layout layout = {0};
    size_t lines_at[FILTER_COUNT];
    filter_window_plan(&layout, &options, lines_at);
    void *block = aligned_alloc(GOLDEN_LINE_BYTES, layout.size_bytes);
    assert_non_null(block);
    memset(block, 0, layout.size_bytes);
    filter_window_init(window, block, lines_at, &options);
    return block;
}

static double false_rate(const struct filter_window *window, struct test_random *random,
                         uint64_t tick, uint64_t looks)
{
    uint64_t found = 0;
    for (uint64_t i = 0; i < looks; i++) {
        found += filter_window_has(window, test_random_next(random), tick);
    }
    return (double)found / (double)looks;
}

static void at_the_configured_size_false_positives_keep_to_the_rate(void **state)
{
    (void)state;
    static const struct {
        uint64_t key_max;
        double rate;
        uint64_t looks;
    } cases[] = {
        {100000, 0.1, 200000},
        {100000, 0.01, 2000000},
        {200000, 0.001, 2000000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_random random = test_random_start(i);
        struct filter_window window;
        void *block = window_make(&window, cases[i].key_max, cases[i].rate);
        /* Evenly over a span, and ten spans of it: each turn finds its filter full of the last. */
        uint64_t spread = 10 * cases[i].key_max;
        for (uint64_t key = 0; key < spread; key++) {
            uint64_t tick = key * FILTER_LIFE_TICKS / cases[i].key_max;
            filter_window_add(&window, test_random_next(&random), tick);
        }
        uint64_t tick = (spread - 1) * FILTER_LIFE_TICKS / cases[i].key_max;
        double rate = false_rate(&window, &random, tick, cases[i].looks);
        assert_true(rate <= 1.2 * cases[i].rate && rate >= 0.5 * cases[i].rate);
        free(block);
    }
}

static void more_keys_than_configured_shorten_the_memory_and_not_the_rate(void **state)
{
    (void)state;
    enum {
        KEYS = 100000
    };
    struct test_random random = test_random_start(10);
    struct filter_window window;
    void *block = window_make(&window, KEYS, 0.01);
    static uint64_t last[KEYS];
    for (uint64_t key = 0; key < 20 * KEYS; key++) {
        last[key % KEYS] = test_random_next(&random);
        filter_window_add(&window, last[key % KEYS], 7);
    }
    assert_true(false_rate(&window, &random, 7, 1000000) <= 1.2 * 0.01);
    assert_true(window.early_count > 60);
    for (uint64_t key = KEYS / 4; key < KEYS; key++) { /* three quarters at least are there */
        assert_true(filter_window_has(&window, last[key], 7));
    }
    free(block);
}

static void a_hash_stays_three_quarters_of_the_span_and_no_longer_than_it(void **state)
{
    (void)state;
    struct test_random random = test_random_start(20);
    struct filter_window window;
    void *block = window_make(&window, 100000, 1e-5);
    uint64_t tick = 0;
    for (int round = 0; round < 20000; round++) {
        tick += test_random_below(&random, 100) == 0 ? test_random_below(&random, 300)
                                                     : test_random_below(&random, 4);
        uint64_t hash = test_random_next(&random);
        filter_window_add(&window, hash, tick);
        uint64_t least = FILTER_LIFE_TICKS - FILTER_TURN_TICKS;
        assert_true(filter_window_has(&window, hash, tick + test_random_below(&random, least + 1)));
        assert_false(filter_window_has(&window, hash, tick + FILTER_LIFE_TICKS));
    }
    assert_int_equal(window.early_count, 0);
    free(block);
}

static void a_false_positive_of_one_turn_is_none_of_the_next(void **state)
{
    (void)state;
    enum {
        KEYS = 20000,
        OTHERS = 100000
    };
    struct test_random random = test_random_start(30);
    struct filter_window window;
    void *block = window_make(&window, KEYS, 0.05);
    static uint64_t keys[KEYS];
    static uint64_t others[OTHERS];
    static bool found[OTHERS];
    for (size_t i = 0; i < KEYS; i++) {
        keys[i] = test_random_next(&random);
    }
    for (size_t i = 0; i < OTHERS; i++) {
        others[i] = test_random_next(&random);
    }
    size_t once = 0;
    size_t twice = 0;
    for (uint64_t turn = 0; turn < 2; turn++) {
        uint64_t tick = turn * 1000;
        for (size_t i = 0; i < KEYS; i++) {
            filter_window_add(&window, keys[i], tick);
        }
        for (size_t i = 0; i < OTHERS; i++) {
            bool now = filter_window_has(&window, others[i], tick);
            once += now;
            twice += now && found[i];
            found[i] = now;
        }
    }
    /* By chance 0.05 x 0.05 of them: 250 of 5,000. */
    assert_in_range(once, 5000, 12000);
    assert_in_range(twice, 100, 400);
    free(block);
}

static void dropped_it_is_empty_at_once_and_takes_new_hashes(void **state)
{
    (void)state;
    struct test_random random = test_random_start(40);
    struct filter_window window;
    void *block = window_make(&window, 1000, 0.01);
    for (int round = 0; round < 50; round++) {
        uint64_t hashes[100];
        for (size_t i = 0; i < 100; i++) {
            hashes[i] = test_random_next(&random);
            filter_window_add(&window, hashes[i], 3);
        }
        assert_true(filter_window_has(&window, hashes[99], 3));
        filter_window_drop(&window);
        for (size_t i = 0; i < 100; i++) {
            assert_false(filter_window_has(&window, hashes[i], 3));
        }
    }
    /* A drop frees the filters for their turns: nothing of old ones comes back. */
    for (int i = 0; i < 4; i++) {
        filter_window_add(&window, test_random_next(&random), 3 + 16 * (uint64_t)i);
    }
    assert_true(false_rate(&window, &random, 51, 100000) < 1e-3);
    free(block);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_configured_size_false_positives_keep_to_the_rate),
        cmocka_unit_test(more_keys_than_configured_shorten_the_memory_and_not_the_rate),
        cmocka_unit_test(a_hash_stays_three_quarters_of_the_span_and_no_longer_than_it),
        cmocka_unit_test(a_false_positive_of_one_turn_is_none_of_the_next),
        cmocka_unit_test(dropped_it_is_empty_at_once_and_takes_new_hashes),
    };
    return TEST_RUN("filter_window", tests);
}

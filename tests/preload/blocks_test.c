#include "preload/blocks.h"

#include <stdbool.h>
#include <string.h>

#include "harness.h"

/* The blocks are the process's own, so that they are made once for all tests. */
static struct blocks_range range;

static bool is_ours(const void *block)
{
    return (uintptr_t)block - range.base < range.bytes;
}

static int blocks_begin(void **state)
{
    (void)state;
    blocks_init(&range);
    return blocks_ready() ? 0 : -1;
}

/* A model too simple to be wrong: what each live block holds. */
#define LIVE_MAX 600

struct live {
    unsigned char *block;
    size_t size;
    uint32_t sample;
    unsigned char pattern;
};

static struct live lives[LIVE_MAX];
static size_t live_count;

static void live_fill(const struct live *live)
{
    memset(live->block, live->pattern, live->size < 256 ? live->size : 256);
    live->block[live->size - 1] = live->pattern;
    live->block[live->size / 2] = live->pattern;
}

static void live_check(const struct live *live)
{
    for (size_t i = 0; i < live->size && i < 256; i++) {
        assert_int_equal(live->block[i], live->pattern);
    }
    assert_int_equal(live->block[live->size - 1], live->pattern);
    assert_int_equal(live->block[live->size / 2], live->pattern);
    assert_true(blocks_usable(live->block) >= live->size);
}

static void check_apart(const struct live *live)
{
    for (size_t i = 0; i < live_count; i++) {
        const struct live *other = &lives[i];
        assert_true(other->block + blocks_usable(other->block) <= live->block ||
                    live->block + blocks_usable(live->block) <= other->block);
    }
}

static size_t size_draw(struct test_random *random)
{
    switch (test_random_below(random, 32)) {
    case 0:
        return (size_t)(1 + test_random_below(random, 3 << 20));
    case 1:
        return (size_t)((UINT64_C(30) << 20) + test_random_below(random, 8 << 20));
    case 2:
    case 3:
    case 4:
    case 5:
        return (size_t)(1 + test_random_below(random, 65536));
    default:
        return (size_t)(1 + test_random_below(random, 2100));
    }
}

static void live_take(struct test_random *random)
{
    static uint32_t sample;
    size_t align = (size_t)16 << test_random_below(random, 4) * test_random_below(random, 4);
    bool zero = test_random_below(random, 3) == 0;
    struct live *live = &lives[live_count];
    *live = (struct live){.size = size_draw(random),
                          .sample = sample++,
                          .pattern = (unsigned char)test_random_below(random, 255)};
    live->block = blocks_take(live->size, align, zero);
    assert_non_null(live->block);
    assert_true(is_ours(live->block));
    assert_int_equal((uintptr_t)live->block % align, 0);
    for (size_t i = 0; zero && i < live->size; i += i < 5000 ? 1 : 4093) {
        assert_int_equal(live->block[i], 0);
    }
    check_apart(live);
    blocks_set_sample(live->block, live->sample);
    live_fill(live);
    live_count++;
}

static void live_give(size_t at)
{
    uint32_t sample = 0;
    live_check(&lives[at]);
    assert_true(blocks_give(lives[at].block, &sample));
    assert_int_equal(sample, lives[at].sample);
    assert_false(blocks_give(lives[at].block, &sample));
    lives[at] = lives[--live_count];
}

static void live_resize(struct test_random *random, size_t at)
{
    struct live *live = &lives[at];
    size_t size = size_draw(random);
    uint32_t sample = 12345;
    live_check(live);
    unsigned char *resized = blocks_resize(live->block, size, &sample);
    if (resized == NULL) {
        assert_int_equal(sample, 12345);
        live_check(live);
        return;
    }
    assert_int_equal(sample, live->sample);
    assert_true(blocks_usable(resized) >= size);
    size_t kept = size < live->size ? size : live->size;
    for (size_t i = 0; i < kept && i < 256; i++) {
        assert_int_equal(resized[i], live->pattern);
    }
    if (live->size / 2 < kept) {
        assert_int_equal(resized[live->size / 2], live->pattern);
    }
    struct live changed = {
        .block = resized, .size = size, .sample = live->sample, .pattern = live->pattern};
    *live = lives[--live_count];
    check_apart(&changed);
    blocks_set_sample(resized, changed.sample);
    live_fill(&changed);
    lives[live_count++] = changed;
}

static void check_figures(void)
{
    struct blocks_stats stats;
    blocks_stats(&stats);
    uint64_t wanted = 0;
    for (size_t i = 0; i < live_count; i++) {
        wanted += blocks_usable(lives[i].block);
    }
    assert_int_equal(stats.used_bytes, wanted);
    assert_true(stats.cached_bytes <= (UINT64_C(32) << 20) + (UINT64_C(1) << 20));
}

static void test_blocks_are_apart_and_keep_what_they_hold(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    uint64_t rounds = test_rounds(2500);
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t what = test_random_below(&random, 10);
        bool growing = round / 1000 % 2 == 0;
        if (live_count < LIVE_MAX && (live_count == 0 || what < (growing ? 5 : 3))) {
            live_take(&random);
        } else if (what < 7 || live_count == LIVE_MAX) {
            live_give((size_t)test_random_below(&random, live_count));
        } else {
            live_resize(&random, (size_t)test_random_below(&random, live_count));
        }
        if (round % 64 == 0) {
            check_figures();
        }
    }
    while (live_count > 0) {
        live_give(live_count - 1);
    }
    check_figures();
}

static void test_what_is_no_live_block_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 100, 512, 513, 3000, 100000, (size_t)40 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t sample = 0;
        char *block = blocks_take(sizes[i], 16, false);
        assert_non_null(block);
        assert_int_equal(blocks_usable(block + 16), 0);
        assert_false(blocks_give(block + 16, &sample));
        assert_false(blocks_give(block + 8, &sample));
        assert_false(blocks_give(block + 64, &sample)); /* where another could begin */
        assert_null(blocks_resize(block + 16, 10, &sample));
        assert_true(blocks_give(block, &sample));
        assert_int_equal(sample, BLOCKS_NO_SAMPLE);
        assert_false(blocks_give(block, &sample));
    }
    uint32_t sample = 0;
    assert_false(blocks_give((void *)(range.base + range.bytes - 4096), &sample));
}

/* What is aligned to pages is no small block; what follows it closely is found all the same. */
static void test_small_blocks_aligned_to_pages_are_found_beside_others(void **state)
{
    (void)state;
    enum {
        COUNT = 400
    };
    static char *blocks[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        blocks[i] = i % 2 == 0 ? blocks_take(1 + i % 5, 4096, false) : blocks_take(513, 16, false);
        assert_non_null(blocks[i]);
        assert_true(i % 2 != 0 || (uintptr_t)blocks[i] % 4096 == 0);
        blocks_set_sample(blocks[i], i);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t sample = 0;
        assert_true(blocks_usable(blocks[i]) >= (i % 2 == 0 ? 1 + i % 5 : 513));
        assert_true(blocks_give(blocks[i], &sample));
        assert_int_equal(sample, i);
    }
}

static void test_a_size_that_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_null(blocks_take(PTRDIFF_MAX, 16, false));
    assert_null(blocks_take((size_t)2 << 40, 16, false));
    assert_null(blocks_take(100, (size_t)1 << 50, false));
}

static void test_a_freed_buffer_is_given_again(void **state)
{
    (void)state;
    uint32_t sample = 0;
    char *first = blocks_take(1 << 20, 16, false);
    assert_non_null(first);
    assert_true(blocks_give(first, &sample));
    for (int i = 0; i < 100; i++) {
        char *again = blocks_take(1 << 20, 16, false);
        assert_ptr_equal(again, first);
        assert_true(blocks_give(again, &sample));
    }
}

static void test_the_cache_is_bounded_and_can_be_given_back(void **state)
{
    (void)state;
    static void *held[64];
    uint32_t sample = 0;
    struct blocks_stats stats;
    for (size_t i = 0; i < 64; i++) {
        held[i] = blocks_take(1 << 20, 16, false);
        assert_non_null(held[i]);
        memset(held[i], 1, 1 << 20);
    }
    for (size_t i = 0; i < 64; i++) {
        assert_true(blocks_give(held[i], &sample));
    }
    blocks_stats(&stats);
    assert_true(stats.cached_bytes > 0);
    assert_true(stats.cached_bytes <= (UINT64_C(32) << 20) + (UINT64_C(1) << 20));
    uint64_t cached = stats.cached_bytes;
    assert_int_equal(blocks_trim(), cached);
    blocks_stats(&stats);
    assert_int_equal(stats.cached_bytes, 0);
    assert_int_equal(stats.used_bytes, 0);
    char *fresh = blocks_take(1 << 20, 16, true);
    for (size_t i = 0; i < 1 << 20; i++) {
        assert_int_equal(fresh[i], 0);
    }
    assert_true(blocks_give(fresh, &sample));
}

static void test_a_block_grows_by_moving_its_pages(void **state)
{
    (void)state;
    uint32_t sample = 0;
    size_t size = 1 << 20;
    unsigned char *block = blocks_take(size, 16, false);
    memset(block, 7, size);
    blocks_set_sample(block, 9);
    void *behind = NULL;
    for (int i = 0; i < 12; i++) {
        /* What lies behind it is in use, so that it cannot grow where it is. */
        void *wall = blocks_take(4096, 16, false);
        size_t larger = size + size / 2;
        unsigned char *moved = blocks_resize(block, larger, &sample);
        assert_non_null(moved);
        assert_int_equal(sample, 9);
        assert_int_equal(moved[0], 7);
        assert_int_equal(moved[size - 1], 7);
        memset(moved + size, 7, larger - size);
        blocks_set_sample(moved, 9);
        block = moved;
        size = larger;
        if (behind != NULL) {
            assert_true(blocks_give(behind, &sample));
        }
        behind = wall;
    }
    assert_true(blocks_give(behind, &sample));
    assert_true(blocks_give(block, &sample));
    assert_int_equal(sample, 9);
    (void)blocks_trim();
    struct blocks_stats stats;
    blocks_stats(&stats);
    assert_int_equal(stats.used_bytes, 0);
    assert_int_equal(stats.cached_bytes, 0);
}

static void test_deferred_blocks_come_back_once(void **state)
{
    (void)state;
    void *first = blocks_take(64, 16, false);
    void *second = blocks_take(100000, 16, false);
    blocks_defer(first);
    blocks_defer(second);
    uint32_t sample = 0;
    size_t found = 0;
    for (void *block = blocks_deferred(); block != NULL; block = blocks_deferred()) {
        assert_true(block == first || block == second);
        assert_true(blocks_give(block, &sample));
        found++;
    }
    assert_int_equal(found, 2);
}

static void test_boot_blocks_are_zero_and_run_out(void **state)
{
    (void)state;
    size_t total = 0;
    for (size_t size = 0;; size = (size + 7) % 500) {
        char *block = blocks_boot(size);
        if (block == NULL) {
            break;
        }
        assert_true(is_ours(block));
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_int_equal(blocks_usable(block), size);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, 1, size);
        uint32_t sample = 0;
        assert_true(blocks_give(block, &sample));
        assert_int_equal(sample, BLOCKS_NO_SAMPLE);
        total += size;
    }
    assert_in_range(total, 32 << 10, 64 << 10);
    assert_null(blocks_boot(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_blocks_are_apart_and_keep_what_they_hold, blocks_begin),
        cmocka_unit_test(test_what_is_no_live_block_is_refused),
        cmocka_unit_test(test_small_blocks_aligned_to_pages_are_found_beside_others),
        cmocka_unit_test(test_a_size_that_cannot_be_is_refused),
        cmocka_unit_test(test_a_freed_buffer_is_given_again),
        cmocka_unit_test(test_the_cache_is_bounded_and_can_be_given_back),
        cmocka_unit_test(test_a_block_grows_by_moving_its_pages),
        cmocka_unit_test(test_deferred_blocks_come_back_once),
        cmocka_unit_test(test_boot_blocks_are_zero_and_run_out),
    };
    return TEST_RUN("blocks", tests);
}

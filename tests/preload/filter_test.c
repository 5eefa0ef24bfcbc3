#include "preload/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "preload/blocks.h"

#define COUNT_MAX 1000

/* A model too simple to be wrong: which addresses are watched, with what. */
struct watched {
    uintptr_t address;
    uint32_t sample;
};

static struct watched model[COUNT_MAX];
static size_t model_count;

static int filter_begin(void **state)
{
    (void)state;
    void *block = calloc(1, filter_bytes(COUNT_MAX));
    if (block == NULL) {
        return -1;
    }
    filter_init(block, COUNT_MAX);
    *state = block;
    return 0;
}

static int filter_end(void **state)
{
    free(*state);
    return 0;
}

/* Few enough that they come again, and that places in the table collide. */
static uintptr_t address_draw(struct test_random *random)
{
    return (uintptr_t)(1 + test_random_below(random, 3000)) << (test_random_below(random, 2) * 12);
}

static struct watched *model_find(uintptr_t address)
{
    for (size_t i = 0; i < model_count; i++) {
        if (model[i].address == address) {
            return &model[i];
        }
    }
    return NULL;
}

static void check_add(struct test_random *random, uint32_t sample)
{
    uintptr_t address = address_draw(random);
    struct watched *known = model_find(address);
    uint32_t old_sample = 7;
    int err = filter_add((void *)address, sample, &old_sample);
    if (known != NULL) {
        assert_int_equal(err, 0);
        assert_int_equal(old_sample, known->sample);
        known->sample = sample;
    } else if (model_count == COUNT_MAX) {
        assert_int_equal(err, -ENOBUFS);
    } else {
        assert_int_equal(err, 0);
        assert_int_equal(old_sample, BLOCKS_NO_SAMPLE);
        model[model_count++] = (struct watched){address, sample};
    }
}

static void check_take(uintptr_t address)
{
    struct watched *known = model_find(address);
    uint32_t sample = 12345;
    if (known != NULL) {
        assert_true(filter_may_hold((void *)address));
    }
    assert_int_equal(filter_take((void *)address, &sample), known != NULL);
    assert_int_equal(sample, known == NULL ? 12345 : known->sample);
    if (known != NULL) {
        *known = model[--model_count];
    }
}

static void test_what_is_watched_is_found_and_nothing_else(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    uint64_t rounds = test_rounds(20000);
    for (uint64_t round = 0; round < rounds; round++) {
        bool growing = round / 3000 % 2 == 0;
        if (test_random_below(&random, 10) < (growing ? 7 : 3)) {
            check_add(&random, (uint32_t)round);
        } else {
            check_take(address_draw(&random));
        }
    }
    while (model_count > 0) {
        check_take(model[model_count - 1].address);
    }
    uint32_t sample = 0;
    assert_false(filter_take(NULL, &sample));
}

static void test_counters_are_back_at_zero_when_nothing_is_watched(void **state)
{
    (void)state;
    uint32_t sample = 0;
    for (uintptr_t address = 16; address < 16 * 200; address += 16) {
        assert_false(filter_may_hold((void *)address));
        assert_int_equal(filter_add((void *)address, 1, &sample), 0);
        assert_true(filter_may_hold((void *)address));
    }
    for (uintptr_t address = 16; address < 16 * 200; address += 16) {
        assert_true(filter_take((void *)address, &sample));
    }
    for (uintptr_t address = 16; address < 16 * 200; address += 16) {
        assert_false(filter_may_hold((void *)address));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counters_are_back_at_zero_when_nothing_is_watched,
                                        filter_begin, filter_end),
        cmocka_unit_test_setup_teardown(test_what_is_watched_is_found_and_nothing_else,
                                        filter_begin, filter_end),
    };
    return TEST_RUN("filter", tests);
}

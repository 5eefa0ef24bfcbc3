#include "guard/stamp_set.h"

#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void set_make(struct stamp_set *set, uint32_t capacity)
{
    struct layout layout = {0};
    assert_int_equal(stamp_set_plan(&layout, capacity), 0);
    void *buckets = aligned_alloc(GOLDEN_LINE_BYTES, layout.size_bytes);
    assert_non_null(buckets);
    memset(buckets, 0, layout.size_bytes);
    stamp_set_init(set, buckets, capacity);
}

#define MODEL_KEYS 4000

struct model_key {
    uint64_t hash;
    uint64_t tick;
    bool present;
};

static bool model_has(const struct model_key *key, uint64_t tick)
{
    return key->present && tick - key->tick < STAMP_SET_TICKS;
}

static uint64_t random_step(struct test_random *random)
{
    switch (test_random_below(random, 50)) {
    case 0: /* over the whole life */
        return STAMP_SET_TICKS + test_random_below(random, 10);
    case 1: /* near the turn of a 16-bit stamp */
        return 65536 - 2 + test_random_below(random, 5);
    case 2:
        return UINT64_C(3) << 40;
    default:
        return test_random_below(random, 3);
    }
}

static void a_set_equals_a_list_of_hashes_and_ticks(void **state)
{
    (void)state;
    static struct model_key keys[MODEL_KEYS];
    struct test_random random = test_random_start(1);
    struct stamp_set set;
    set_make(&set, 2 * MODEL_KEYS);
    uint64_t tick = 0;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        keys[i] = (struct model_key){.hash = test_random_next(&random)};
    }
    keys[0].hash = 0;
    keys[1].hash = UINT64_MAX;
    uint64_t rounds = test_rounds(400000);
    for (uint64_t round = 0; round < rounds; round++) {
        struct model_key *key = &keys[test_random_below(&random, MODEL_KEYS)];
        tick += test_random_below(&random, 100) == 0 ? random_step(&random) : 0;
        assert_int_equal(stamp_set_has(&set, key->hash, tick), model_has(key, tick));
        switch (test_random_below(&random, 4)) {
        case 0:
            stamp_set_remove(&set, key->hash);
            key->present = false;
            break;
        case 1:
            assert_true(stamp_set_put(&set, key->hash, tick));
            key->tick = tick;
            key->present = true;
            break;
        default:
            assert_int_equal(stamp_set_has(&set, key->hash, tick + 70), false);
        }
        assert_int_equal(stamp_set_has(&set, key->hash, tick), model_has(key, tick));
    }
    stamp_set_clear(&set);
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        assert_false(stamp_set_has(&set, keys[i].hash, tick));
        assert_false(stamp_set_has(&set, keys[i].hash, 0));
    }
    free(set.buckets);
}

static void nearly_all_of_the_capacity_finds_room(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 5, 50, 1000, 100000};
    for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        struct test_random random = test_random_start(10 + i);
        struct stamp_set set;
        set_make(&set, capacities[i]);
        uint32_t refused = 0;
        for (uint32_t n = 0; n < capacities[i]; n++) {
            refused += !stamp_set_put(&set, test_random_next(&random), 5);
        }
        assert_in_range(refused, 0, capacities[i] / 1000 + (capacities[i] >= 50 ? 3 : 0));
        free(set.buckets);
    }
}

static void a_full_bucket_refuses_renews_and_replaces_its_oldest(void **state)
{
    (void)state;
    struct test_random random = test_random_start(20);
    struct stamp_set set;
    set_make(&set, 1);
    assert_int_equal(set.bucket_count, 1);
    uint64_t hashes[STAMP_SET_SLOTS + 1];
    for (unsigned i = 0; i <= STAMP_SET_SLOTS; i++) {
        hashes[i] = test_random_next(&random);
        assert_int_equal(stamp_set_put(&set, hashes[i], 100 + i), i < STAMP_SET_SLOTS);
    }
    assert_true(stamp_set_put(&set, hashes[0], 110)); /* renewed, so that 1 is the oldest */
    stamp_set_replace(&set, hashes[STAMP_SET_SLOTS], 110);
    assert_true(stamp_set_has(&set, hashes[STAMP_SET_SLOTS], 110));
    assert_false(stamp_set_has(&set, hashes[1], 110));
    assert_true(stamp_set_has(&set, hashes[0], 110));
    assert_true(stamp_set_has(&set, hashes[2], 102 + STAMP_SET_TICKS - 1));
    assert_false(stamp_set_put(&set, hashes[1], 102 + STAMP_SET_TICKS - 1));
    assert_true(stamp_set_put(&set, hashes[1], 102 + STAMP_SET_TICKS)); /* 2 has left */
    free(set.buckets);
}

/* The exempt keys depend on it: a key that is exempt stays so while it is forgotten once more. */
static void a_reader_that_overtakes_a_renewal_sees_the_entry(void **state)
{
    (void)state;
    struct test_random random = test_random_start(25);
    struct stamp_set set;
    set_make(&set, 1);
    uint64_t hash = test_random_next(&random);
    static const uint64_t ticks[] = {0, 63, 64, 65535, 65536, UINT64_C(1) << 40};
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
        for (uint64_t ahead = 0; ahead < STAMP_SET_TICKS; ahead++) {
            assert_true(stamp_set_put(&set, hash, ticks[i] + ahead));
            set.buckets[0].tick = ticks[i]; /* as the reader has seen it before */
            assert_true(stamp_set_has(&set, hash, ticks[i]));
            assert_true(stamp_set_has(&set, hash, ticks[i] + ahead));
            assert_true(stamp_set_has(&set, hash, ticks[i] + ahead + STAMP_SET_TICKS - 1));
            assert_false(stamp_set_has(&set, hash, ticks[i] + ahead + STAMP_SET_TICKS));
            stamp_set_clear(&set);
        }
    }
    free(set.buckets);
}

/* What a hash that was never put may find: 48 bits of 64 in 14 slots are not worth a test by
 * chance, so one that differs in the other 16 bits alone is made to measure. */
static void another_hash_is_taken_for_it_only_with_the_same_48_bits_in_the_same_bucket(void **state)
{
    (void)state;
    struct test_random random = test_random_start(30);
    struct stamp_set set;
    set_make(&set, 1);
    uint64_t hash = test_random_next(&random);
    assert_true(stamp_set_put(&set, hash, 1));
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_int_equal(stamp_set_has(&set, hash ^ UINT64_C(1) << bit, 1), bit >= 48);
    }
    free(set.buckets);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_equals_a_list_of_hashes_and_ticks),
        cmocka_unit_test(nearly_all_of_the_capacity_finds_room),
        cmocka_unit_test(a_full_bucket_refuses_renews_and_replaces_its_oldest),
        cmocka_unit_test(a_reader_that_overtakes_a_renewal_sees_the_entry),
        cmocka_unit_test(
            another_hash_is_taken_for_it_only_with_the_same_48_bits_in_the_same_bucket),
    };
    return TEST_RUN("stamp_set", tests);
}

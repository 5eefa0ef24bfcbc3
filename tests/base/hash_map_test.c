#include "base/hash_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#include "harness.h"

/* A map in memory of its own, and the records that it refers to: each index has one key. */
struct subject {
    struct hash_map map;
    void *slots;
    uint64_t *keys;
    uint64_t *hashes;
    bool *present;
    uint32_t index_count;
};

static struct subject subject_of(uint32_t capacity, uint32_t index_count)
{
    struct subject subject = {.index_count = index_count};
    struct layout layout = {0};
    assert_int_equal(hash_map_plan(&layout, capacity), 0);
    size_t size = 0;
    assert_int_equal(layout_size(&layout, &size), 0);
    subject.slots = calloc(1, size);
    subject.keys = calloc(index_count, sizeof(uint64_t));
    subject.hashes = calloc(index_count, sizeof(uint64_t));
    subject.present = calloc(index_count, sizeof(bool));
    assert_non_null(subject.slots);
    assert_non_null(subject.keys);
    assert_non_null(subject.hashes);
    assert_non_null(subject.present);
    hash_map_init(&subject.map, subject.slots, capacity);
    return subject;
}

static void subject_free(struct subject *subject)
{
    free(subject->slots);
    free(subject->keys);
    free(subject->hashes);
    free(subject->present);
}

struct wanted {
    const uint64_t *keys;
    uint64_t key;
};

static bool key_matches(const void *context, uint32_t index)
{
    const struct wanted *wanted = context;
    return wanted->keys[index] == wanted->key;
}

static uint32_t subject_find(const struct subject *subject, uint64_t hash, uint64_t key)
{
    struct wanted wanted = {.keys = subject->keys, .key = key};
    return hash_map_find(&subject->map, hash, key_matches, &wanted);
}

/* Ways in which hashes may be spread. */
static uint64_t hash_random(uint64_t key)
{
    return hash_bytes((struct slu_bytes){&key, sizeof(key)}, 1);
}

static uint64_t hash_few(uint64_t key)
{
    return hash_random(key % 11);
}

static uint64_t hash_same(uint64_t key)
{
    (void)key;
    return 0;
}

static uint64_t hash_last(uint64_t key)
{
    return UINT64_MAX - (key % 3 << 32);
}

static uint64_t hash_crowded(uint64_t key)
{
    return hash_random(key) >> 4;
}

static void random_operations(uint64_t (*hash)(uint64_t key), uint32_t capacity, uint64_t stream)
{
    struct subject subject = subject_of(capacity, 2 * capacity);
    struct test_random random = test_random_start(stream);
    uint32_t count = 0;
    for (uint32_t i = 0; i < subject.index_count; i++) {
        subject.keys[i] = i + 1; /* keys are told apart by the match alone where hashes are equal */
        subject.hashes[i] = hash(subject.keys[i]);
    }
    for (int round = 0; round < 20000; round++) {
        uint32_t index = (uint32_t)test_random_below(&random, subject.index_count);
        uint32_t found = subject_find(&subject, subject.hashes[index], subject.keys[index]);
        assert_int_equal(found, subject.present[index] ? index : HASH_MAP_NONE);
        if (subject.present[index]) {
            hash_map_remove(&subject.map, subject.hashes[index], index);
            subject.present[index] = false;
            count--;
        } else {
            int err = hash_map_insert(&subject.map, subject.hashes[index], index);
            assert_int_equal(err, count < capacity ? 0 : -EDQUOT);
            subject.present[index] = err == 0;
            count += err == 0;
        }
        if (round % 64 == 0) {
            hash_map_validate(&subject.map);
            assert_int_equal(subject.map.count, count);
        }
    }
    subject_free(&subject);
}

static void a_map_behaves_as_a_table_however_hashes_are_spread(void **state)
{
    (void)state;
    static uint64_t (*const spreads[])(uint64_t key) = {hash_random, hash_few, hash_same, hash_last,
                                                        hash_crowded};
    /* Up to the probe bound no spread is refused: the last home has room for all of them. */
    static const uint32_t capacities[] = {1, 2, 5, 60, HASH_MAP_PROBE_MAX};
    for (uint64_t i = 0; i < 25; i++) {
        random_operations(spreads[i % 5], capacities[i / 5], i);
    }
    random_operations(hash_random, 5000, 100);
}

static void equal_hashes_beyond_the_probe_bound_are_refused(void **state)
{
    (void)state;
    struct subject subject = subject_of(1000, 1000);
    for (uint32_t i = 0; i < HASH_MAP_PROBE_MAX; i++) {
        assert_int_equal(hash_map_insert(&subject.map, UINT64_MAX / 2, i), 0);
    }
    assert_int_equal(hash_map_insert(&subject.map, UINT64_MAX / 2, 200), -EDQUOT);
    /* Nor may an earlier hash push the last of them over the bound. */
    assert_int_equal(hash_map_insert(&subject.map, UINT64_MAX / 2 - (UINT64_C(1) << 32), 200),
                     -EDQUOT);
    hash_map_validate(&subject.map);
    assert_int_equal(subject.map.count, HASH_MAP_PROBE_MAX);
    hash_map_remove(&subject.map, UINT64_MAX / 2, 64);
    assert_int_equal(hash_map_insert(&subject.map, UINT64_MAX / 2, 200), 0);
    hash_map_validate(&subject.map);
    subject_free(&subject);
}

static uint64_t hash_at_home(const struct hash_map *map, uint64_t home)
{
    uint64_t least_tag = ((home << 32) + map->home_count - 1) / map->home_count;
    return least_tag << 32;
}

static void an_insertion_that_would_move_too_many_is_refused(void **state)
{
    (void)state;
    struct subject subject = subject_of(4000, 4000);
    for (uint32_t i = 0; i < HASH_MAP_SHIFT_MAX + 2; i++) {
        uint64_t hash = hash_at_home(&subject.map, 10 + i);
        assert_int_equal(hash_map_home(&subject.map, hash_map_tag(hash)), 10 + i);
        assert_int_equal(hash_map_insert(&subject.map, hash, i), 0);
    }
    /* All at their homes, one after the other: those behind a new one would have to move. */
    uint64_t first = hash_at_home(&subject.map, 10);
    uint64_t second = hash_at_home(&subject.map, 11);
    assert_int_equal(hash_map_insert(&subject.map, first, 3000), -EDQUOT);
    assert_int_equal(hash_map_insert(&subject.map, second, 3000), 0);
    hash_map_validate(&subject.map);
    hash_map_remove(&subject.map, second, 3000);
    hash_map_validate(&subject.map);
    assert_int_equal(subject.map.count, HASH_MAP_SHIFT_MAX + 2);
    subject_free(&subject);
}

static void a_full_map_of_random_keys_stays_far_below_the_bounds(void **state)
{
    (void)state;
    uint32_t capacity = 300000;
    struct subject subject = subject_of(capacity, 1);
    struct test_random random = test_random_start(5);
    for (uint32_t i = 0; i < capacity; i++) {
        assert_int_equal(hash_map_insert(&subject.map, test_random_next(&random), i), 0);
    }
    hash_map_validate(&subject.map);
    uint32_t farthest = 0;
    uint64_t sum = 0;
    for (uint32_t at = 0; at < subject.map.slot_count; at++) {
        if (subject.map.slots[at].index_next != 0) {
            uint32_t behind = at - hash_map_home(&subject.map, subject.map.slots[at].tag);
            farthest = behind > farthest ? behind : farthest;
            sum += behind;
        }
    }
    assert_in_range(farthest, 1, 64);
    /* Knuth: (1 / (1 - load) - 1) / 2 on average for linear probing, which is 1.5 at 3/4. */
    assert_in_range(sum, 1.4 * capacity, 1.6 * capacity);
    subject_free(&subject);
}

static void hashes_depend_on_the_seed_and_on_every_byte(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof(text));
    struct slu_bytes bytes = {text, sizeof(text)};
    uint64_t hash = hash_bytes(bytes, 1);
    assert_int_equal(hash_bytes(bytes, 1), hash);
    assert_int_not_equal(hash_bytes(bytes, 2), hash);
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 'b';
        assert_int_not_equal(hash_bytes(bytes, 1), hash);
        text[i] = 'a';
    }
    struct slu_bytes nothing = {NULL, 0};
    assert_int_not_equal(hash_bytes(nothing, 1), hash_bytes(nothing, 2));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_behaves_as_a_table_however_hashes_are_spread),
        cmocka_unit_test(equal_hashes_beyond_the_probe_bound_are_refused),
        cmocka_unit_test(an_insertion_that_would_move_too_many_is_refused),
        cmocka_unit_test(a_full_map_of_random_keys_stays_far_below_the_bounds),
        cmocka_unit_test(hashes_depend_on_the_seed_and_on_every_byte),
    };
    return TEST_RUN("hash_map", tests);
}

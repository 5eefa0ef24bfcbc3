#include "store/stream_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "budget.h"
#include "harness.h"
#include "store/labels.h"

#define BUDGET_BYTES ((uint64_t)8 << 20)
#define STREAMS_MAX  200
#define KEYS         400
#define KEY_MAX      32

struct slot {
    bool is_open;
    uint32_t stream;
    uint64_t record;
};

static struct slu_bytes key_of(uint32_t number, char text[KEY_MAX])
{
    int len = snprintf(text, KEY_MAX, "%.*skey-%u", (int)(number % 7), "aaaaaaa", number);
    return (struct slu_bytes){text, (size_t)len};
}

/* Several keys have one hash, 0 among them: they are told apart by themselves. */
static uint64_t hash_of(uint32_t number)
{
    return number % 100 * UINT64_C(0x9e3779b97f4a7c15);
}

static void table_make(struct stream_table *table, struct slu_budget *budget,
                       uint64_t key_bytes_max)
{
    struct stream_table_options options = {.stream_max = STREAMS_MAX,
                                           .key_bytes_max = key_bytes_max,
                                           .record_bytes = sizeof(uint64_t)};
    assert_int_equal(stream_table_init(table, budget, &options), 0);
}

static void slot_check(const struct stream_table *table, uint32_t number, const struct slot *slot)
{
    char text[KEY_MAX];
    struct slu_bytes key = key_of(number, text);
    uint32_t found = stream_table_find(table, key, hash_of(number));
    if (!slot->is_open) {
        assert_int_equal(found, STREAM_NONE);
        return;
    }
    assert_int_equal(found, slot->stream);
    assert_true(stream_table_has(table, found));
    assert_true(bytes_equal(stream_table_key(table, found), key));
    assert_int_equal(*(const uint64_t *)stream_table_record(table, found), slot->record);
}

static void slot_change(struct stream_table *table, uint32_t number, struct slot *slot,
                        uint64_t record)
{
    char text[KEY_MAX];
    struct slu_bytes key = key_of(number, text);
    if (slot->is_open) {
        stream_table_drop(table, slot->stream);
        slot->is_open = false;
        return;
    }
    bool has_room = table->count < STREAMS_MAX;
    int err = stream_table_add(table, key, hash_of(number), &slot->stream);
    assert_int_equal(err, has_room ? 0 : -EDQUOT);
    if (err == 0) {
        uint64_t *kept = stream_table_record(table, slot->stream);
        assert_int_equal(*kept, 0);
        *kept = record;
        *slot = (struct slot){true, slot->stream, record};
    }
}

static void order_check(const struct stream_table *table, const struct slot *slots)
{
    uint32_t order[STREAMS_MAX];
    uint32_t open = 0;
    stream_table_sort(table, 0, order);
    for (uint32_t i = 0; i < KEYS; i++) {
        open += slots[i].is_open;
    }
    assert_int_equal(table->count, open);
    for (uint32_t i = 1; i < open; i++) {
        assert_true(labels_compare(stream_table_key(table, order[i - 1]),
                                   stream_table_key(table, order[i])) < 0);
    }
}

static void keys_are_found_until_they_are_dropped(void **state)
{
    static struct slot slots[KEYS];
    struct test_random random = test_random_start(75);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct stream_table table;
    uint64_t used = budget_used(budget);
    (void)state;
    table_make(&table, budget, STREAMS_MAX * KEY_MAX);
    for (uint64_t round = 0; round < test_rounds(20000); round++) {
        uint32_t number = (uint32_t)test_random_below(&random, KEYS);
        slot_change(&table, number, &slots[number], test_random_next(&random) | 1);
        number = (uint32_t)test_random_below(&random, KEYS);
        slot_check(&table, number, &slots[number]);
        if (round % 1000 == 0) {
            order_check(&table, slots);
        }
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        slot_check(&table, i, &slots[i]);
    }
    stream_table_deinit(&table);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void keys_are_ordered_without_their_ends_first(void **state)
{
    static const char *const keys[] = {"b\1", "a\2", "a\1", "ab\0", "a\377"};
    static const uint32_t wanted[] = {2, 1, 4, 3, 0};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct stream_table table;
    uint32_t order[5];
    (void)state;
    table_make(&table, budget, 1024);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t stream = 0;
        struct slu_bytes key = {keys[i], i == 3 ? 3 : 2};
        assert_int_equal(stream_table_add(&table, key, i, &stream), 0);
        assert_int_equal(stream, i);
    }
    stream_table_sort(&table, 1, order);
    assert_memory_equal(order, wanted, sizeof(order));
    stream_table_deinit(&table);
    slu_budget_destroy(&budget);
}

static void the_bytes_of_keys_are_bounded_and_come_back(void **state)
{
    static const char long_key[100] = {'x'};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct stream_table table;
    uint32_t first = 0;
    uint32_t second = 0;
    (void)state;
    table_make(&table, budget, 150);
    struct slu_bytes whole = {long_key, 100};
    struct slu_bytes half = {long_key, 51};
    assert_int_equal(stream_table_add(&table, whole, 1, &first), 0);
    assert_int_equal(stream_table_add(&table, half, 2, &second), -EDQUOT);
    assert_int_equal(table.count, 1);
    stream_table_drop(&table, first);
    assert_int_equal(table.key_bytes, 0);
    assert_int_equal(stream_table_add(&table, half, 2, &second), 0);
    stream_table_deinit(&table);
    slu_budget_destroy(&budget);
}

static void a_table_without_room_is_refused(void **state)
{
    struct slu_budget *budget = budget_of(1024);
    struct stream_table table;
    struct stream_table_options options = {
        .stream_max = STREAMS_MAX, .key_bytes_max = 4096, .record_bytes = 8};
    (void)state;
    assert_int_equal(stream_table_init(&table, budget, &options), -EDQUOT);
    options.record_bytes = SIZE_MAX / 8;
    assert_int_equal(stream_table_init(&table, budget, &options), -EOVERFLOW);
    slu_budget_destroy(&budget);
    budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    options.record_bytes = 8;
    alloc_fault_at(1);
    assert_int_equal(stream_table_init(&table, budget, &options), -ENOMEM);
    alloc_fault_at(0);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_until_they_are_dropped),
        cmocka_unit_test(keys_are_ordered_without_their_ends_first),
        cmocka_unit_test(the_bytes_of_keys_are_bounded_and_come_back),
        cmocka_unit_test(a_table_without_room_is_refused),
    };
    return TEST_RUN("stream table", tests);
}

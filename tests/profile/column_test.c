#include "profile/column.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "profile/key_index.h"

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)16 << 20)
#define SHIFT        COLUMN_SHIFT_MIN
#define CHUNK        (1u << SHIFT)

static void items_stay_where_they_were_put(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct column column;
    uint32_t *places[10 * CHUNK];
    column_init(&column, budget, sizeof(uint32_t), SHIFT);
    for (uint32_t i = 0; i < 10 * CHUNK; i++) {
        uint32_t index = 0;
        assert_int_equal(column_add(&column, &i, &index), 0);
        assert_int_equal(index, i);
        places[i] = column_at(&column, i);
    }
    for (uint32_t i = 0; i < 10 * CHUNK; i++) {
        assert_ptr_equal(places[i], column_at(&column, i));
        assert_int_equal(*places[i], i);
    }
    column_deinit(&column);
    slu_budget_destroy(&budget);
}

static void what_is_taken_away_makes_room_for_others(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct column column;
    column_init(&column, budget, sizeof(uint32_t), SHIFT);
    for (uint32_t round = 0; round < 3; round++) {
        struct slu_budget_stats stats;
        for (uint32_t i = column.count; i < 5 * CHUNK; i++) {
            uint32_t index = 0;
            uint32_t value = 1000 * round + i;
            assert_int_equal(column_add(&column, &value, &index), 0);
            assert_int_equal(index, i);
        }
        assert_int_equal(*(uint32_t *)column_at(&column, 5 * CHUNK - 1),
                         1000 * round + 5 * CHUNK - 1);
        assert_int_equal(*(uint32_t *)column_at(&column, CHUNK + 6), CHUNK + 6);
        slu_budget_stats(budget, &stats);
        assert_true(stats.high_water_bytes < 6 * CHUNK * sizeof(uint32_t) + 4096);
        column_shorten(&column, CHUNK + 7);
    }
    column_deinit(&column);
    slu_budget_destroy(&budget);
}

static void a_run_lies_within_one_chunk(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct column column;
    column_init(&column, budget, sizeof(uint16_t), SHIFT);
    for (uint64_t round = 0; round < test_rounds(2000); round++) {
        uint32_t count = 1 + (uint32_t)test_random_below(&random, CHUNK);
        uint32_t index = 0;
        void *items = NULL;
        assert_int_equal(column_add_run(&column, count, &index, &items), 0);
        assert_int_equal(index / CHUNK, (index + count - 1) / CHUNK);
        assert_ptr_equal(items, column_at(&column, index));
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(((uint16_t *)items)[i], 0);
            ((uint16_t *)items)[i] = 0xffff;
        }
    }
    column_deinit(&column);
    slu_budget_destroy(&budget);
}

static void what_is_dropped_goes_back_to_the_budget(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct column column;
    column_init(&column, budget, sizeof(uint64_t), SHIFT);
    for (uint64_t i = 0; i < 8 * CHUNK; i++) {
        uint32_t index = 0;
        assert_int_equal(column_add(&column, &i, &index), 0);
    }
    uint64_t full = budget_used(budget);
    column_drop_before(&column, 5 * CHUNK + 3);
    assert_int_equal(full - budget_used(budget), 5 * CHUNK * sizeof(uint64_t));
    assert_int_equal(*(uint64_t *)column_at(&column, 5 * CHUNK), 5 * CHUNK);
    column_deinit(&column);
    slu_budget_destroy(&budget);
}

static void a_refused_item_changes_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(8192);
    struct column column;
    uint32_t index = 7;
    int err = 0;
    column_init(&column, budget, sizeof(uint64_t), SHIFT);
    uint64_t added = 0;
    while (err == 0) {
        uint32_t count = column.count;
        err = column_add(&column, &added, &index);
        assert_int_equal(column.count, err == 0 ? count + 1 : count);
        added += err == 0;
    }
    assert_int_equal(err, -EDQUOT);
    assert_true(added > CHUNK);
    column_deinit(&column);
    slu_budget_destroy(&budget);
}

static bool is_number(const void *context, uint32_t index)
{
    return *(const uint32_t *)context == index;
}

static void an_index_finds_what_it_was_given_however_it_grows(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct key_index index;
    assert_int_equal(key_index_init(&index, budget), 0);
    for (uint32_t i = 0; i < 50000; i++) {
        uint64_t hash = hash_bytes((struct slu_bytes){&i, sizeof(i)}, 1);
        assert_int_equal(hash_map_find(&index.map, hash, is_number, &i), HASH_MAP_NONE);
        assert_int_equal(key_index_add(&index, hash, i), 0);
    }
    hash_map_validate(&index.map);
    for (uint32_t i = 0; i < 50000; i++) {
        uint64_t hash = hash_bytes((struct slu_bytes){&i, sizeof(i)}, 1);
        assert_int_equal(hash_map_find(&index.map, hash, is_number, &i), i);
    }
    key_index_deinit(&index);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stay_where_they_were_put),
        cmocka_unit_test(what_is_taken_away_makes_room_for_others),
        cmocka_unit_test(a_run_lies_within_one_chunk),
        cmocka_unit_test(what_is_dropped_goes_back_to_the_budget),
        cmocka_unit_test(a_refused_item_changes_nothing),
        cmocka_unit_test(an_index_finds_what_it_was_given_however_it_grows),
    };
    return TEST_RUN("column", tests);
}

#include "base/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define ROOM_BYTES (8 << 20)

static uint64_t used(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return stats.used_bytes;
}

static struct slu_budget *root_of(uint64_t limit_bytes)
{
    struct slu_budget *root = NULL;
    assert_int_equal(slu_budget_create(NULL, "root", limit_bytes, &root), 0);
    return root;
}

static struct slu_pool *pool_of(struct slu_budget *root, uint32_t record_bytes, uint32_t capacity,
                                bool zeroed)
{
    struct slu_pool_options options = {
        .record_bytes = record_bytes, .capacity = capacity, .zeroed = zeroed};
    struct slu_pool *pool = NULL;
    assert_int_equal(slu_pool_create(root, &options, NULL, &pool), 0);
    return pool;
}

static void impossible_options_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        struct slu_pool_options options;
        int err;
        const char *reason;
    } cases[] = {
        {{.record_bytes = 0, .capacity = 1}, -EINVAL, "record_bytes is 0"},
        {{.record_bytes = SLU_POOL_RECORD_BYTES_MAX + 1, .capacity = 1},
         -EINVAL,
         "record_bytes is 1048577"},
        {{.record_bytes = 8, .align_bytes = 24, .capacity = 1}, -EINVAL, "align_bytes is 24"},
        {{.record_bytes = 8, .align_bytes = 128, .capacity = 1}, -EINVAL, "align_bytes is 128"},
        {{.record_bytes = 8, .capacity = 0}, -EINVAL, "capacity is 0"},
        {{.record_bytes = 8, .capacity = UINT32_MAX}, -EINVAL, "capacity is 4294967295"},
        {{.record_bytes = 8, .capacity = 1 << 20}, -EDQUOT, "do not fit budget 'root'"},
        {{.record_bytes = SLU_POOL_RECORD_BYTES_MAX, .capacity = SLU_POOL_CAPACITY_MAX},
         -EDQUOT,
         "do not fit budget 'root'"},
    };
    struct slu_budget *root = root_of(ROOM_BYTES);
    uint64_t before = used(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        struct slu_pool *pool = NULL;
        assert_int_equal(slu_pool_create(root, &cases[i].options, &diag, &pool), cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].reason));
        assert_null(pool);
        assert_int_equal(used(root), before);
    }
    slu_budget_destroy(&root);
}

static void a_pool_is_charged_as_one_block_and_released_whole(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    uint64_t before = used(root);
    int64_t live = alloc_live_count();
    uint64_t calls = alloc_count();
    struct slu_pool *pool = pool_of(root, 24, 1000, false);
    assert_int_equal(alloc_count(), calls + 1);
    size_t parts = sizeof(struct slu_pool) + 1000 * sizeof(uint64_t) + 1000 * 24;
    assert_int_equal(used(root) - before, slu_budget_block_bytes(parts));
    slu_pool_destroy(&pool);
    assert_null(pool);
    slu_pool_destroy(&pool);
    slu_pool_destroy(NULL);
    assert_int_equal(used(root), before);
    assert_int_equal(alloc_live_count(), live);
    slu_budget_destroy(&root);
}

static void a_failed_allocation_leaves_nothing(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    uint64_t before = used(root);
    int64_t live = alloc_live_count();
    struct slu_pool_options options = {.record_bytes = 16, .capacity = 100};
    struct slu_pool *pool = NULL;
    int err = -ENOMEM;
    uint64_t failures = 0;
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = slu_pool_create(root, &options, NULL, &pool);
        if (alloc_fault_hit()) {
            failures++;
            assert_int_equal(err, -ENOMEM);
            assert_null(pool);
            assert_int_equal(used(root), before);
            assert_int_equal(alloc_live_count(), live);
        }
    }
    alloc_fault_at(0);
    assert_int_equal(failures, 1);
    slu_pool_destroy(&pool);
    slu_budget_destroy(&root);
}

static void an_outdated_handle_neither_resolves_nor_gives(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_pool *pool = pool_of(root, 8, 4, false);
    slu_pool_handle first = 0;
    void *record = NULL;
    assert_int_equal(slu_pool_take(pool, &first, &record), 0);
    assert_int_not_equal(first, 0);
    assert_ptr_equal(slu_pool_resolve(pool, first), record);
    assert_int_equal(slu_pool_slot(pool, first), 0);
    assert_int_equal(slu_pool_give(pool, first), 0);
    assert_null(slu_pool_resolve(pool, first));
    assert_int_equal(slu_pool_give(pool, first), -ESTALE);
    slu_pool_handle second = 0;
    void *again = NULL;
    assert_int_equal(slu_pool_take(pool, &second, &again), 0);
    assert_ptr_equal(again, record); /* last in, first out */
    assert_int_not_equal(second, first);
    assert_null(slu_pool_resolve(pool, first));
    assert_int_equal(slu_pool_give(pool, first), -ESTALE);
    assert_ptr_equal(slu_pool_resolve(pool, second), record);
    slu_pool_destroy(&pool);
    slu_budget_destroy(&root);
}

static void no_forged_handle_resolves(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_pool *pool = pool_of(root, 8, 5, false);
    slu_pool_handle taken[3];
    void *record = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(slu_pool_take(pool, &taken[i], &record), 0);
    }
    assert_int_equal(slu_pool_give(pool, taken[1]), 0);
    /* Every index with the generations that have been, are and will be next. */
    for (uint64_t handle = 0; handle < 64; handle++) {
        bool valid = handle == taken[0] || handle == taken[2];
        assert_int_equal(slu_pool_resolve(pool, handle) != NULL, valid);
    }
    assert_null(slu_pool_resolve(pool, UINT64_MAX));
    slu_pool_destroy(&pool);
    slu_budget_destroy(&root);
}

static void a_full_pool_refuses_and_counts(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_pool *pool = pool_of(root, 1, 1, false);
    slu_pool_handle handle = 0;
    void *record = NULL;
    assert_int_equal(slu_pool_take(pool, &handle, &record), 0);
    slu_pool_handle untouched = 77;
    void *untouched_record = &untouched;
    assert_int_equal(slu_pool_take(pool, &untouched, &untouched_record), -EDQUOT);
    assert_int_equal(untouched, 77);
    assert_ptr_equal(untouched_record, &untouched);
    struct slu_pool_stats stats;
    slu_pool_stats(pool, &stats);
    assert_int_equal(stats.refused_count, 1);
    assert_int_equal(stats.taken_count, 1);
    assert_int_equal(stats.high_water_count, 1);
    assert_int_equal(slu_pool_give(pool, handle), 0);
    assert_int_equal(slu_pool_take(pool, &handle, &record), 0);
    slu_pool_destroy(&pool);
    slu_budget_destroy(&root);
}

static void a_wrapped_generation_skips_zero(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_pool *pool = pool_of(root, 8, 1, false);
    slu_pool_handle handle = 0;
    void *record = NULL;
    assert_int_equal(slu_pool_take(pool, &handle, &record), 0);
    /* As after 2^63 - 1 rounds: the last generation there is. */
    slu_pool_handle last = UINT64_MAX & ~pool->index_mask;
    pool->states[0] = last;
    assert_null(slu_pool_resolve(pool, handle));
    assert_ptr_equal(slu_pool_resolve(pool, last), record);
    assert_int_equal(slu_pool_give(pool, last), 0);
    pool_validate(pool);
    assert_int_equal(slu_pool_take(pool, &handle, &record), 0);
    assert_int_equal(handle, pool->index_mask + 1);
    slu_pool_destroy(&pool);
    slu_budget_destroy(&root);
}

static void records_are_aligned_and_apart(void **state)
{
    (void)state;
    static const struct slu_pool_options shapes[] = {
        {.record_bytes = 1, .align_bytes = 1, .capacity = 7},
        {.record_bytes = 3, .align_bytes = 2, .capacity = 7},
        {.record_bytes = 12, .capacity = 7},
        {.record_bytes = 20, .align_bytes = 16, .capacity = 7},
        {.record_bytes = 65, .align_bytes = 64, .capacity = 7},
        {.record_bytes = 64, .capacity = 7},
    };
    struct slu_budget *root = root_of(ROOM_BYTES);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct slu_pool *pool = NULL;
        assert_int_equal(slu_pool_create(root, &shapes[i], NULL, &pool), 0);
        size_t align = shapes[i].align_bytes == 0 ? 8 : shapes[i].align_bytes;
        unsigned char *records[7];
        slu_pool_handle handle = 0;
        for (unsigned char n = 0; n < 7; n++) {
            void *record = NULL;
            assert_int_equal(slu_pool_take(pool, &handle, &record), 0);
            assert_int_equal((uintptr_t)record % align, 0);
            records[n] = record;
            memset(record, n + 1, shapes[i].record_bytes);
        }
        for (unsigned char n = 0; n < 7; n++) {
            assert_int_equal(records[n][0], n + 1);
            assert_int_equal(records[n][shapes[i].record_bytes - 1], n + 1);
        }
        slu_pool_destroy(&pool);
    }
    slu_budget_destroy(&root);
}

#define MODEL_CAPACITY 200
#define STALE_COUNT    64

/* What the pool must hold: each taken handle with the number written into its record. */
struct model {
    struct {
        slu_pool_handle handle;
        uint64_t *record;
        uint64_t number;
    } taken[MODEL_CAPACITY];
    uint32_t taken_count;
    slu_pool_handle stale[STALE_COUNT];
    uint64_t stale_count;
};

static void model_take(struct model *model, struct slu_pool *pool, uint64_t number)
{
    slu_pool_handle handle = 0;
    void *record = NULL;
    int err = slu_pool_take(pool, &handle, &record);
    if (model->taken_count == MODEL_CAPACITY) {
        assert_int_equal(err, -EDQUOT);
        return;
    }
    assert_int_equal(err, 0);
    uint64_t *words = record;
    assert_true(words[0] == 0 && words[1] == 0); /* the pool is `zeroed` */
    words[0] = number;
    words[1] = ~number;
    uint32_t at = model->taken_count++;
    model->taken[at].handle = handle;
    model->taken[at].record = words;
    model->taken[at].number = number;
}

static void model_give(struct model *model, struct slu_pool *pool, uint32_t at)
{
    slu_pool_handle handle = model->taken[at].handle;
    uint64_t *words = slu_pool_resolve(pool, handle);
    assert_ptr_equal(words, model->taken[at].record);
    assert_int_equal(words[0], model->taken[at].number);
    assert_int_equal(words[1], ~model->taken[at].number);
    assert_int_equal(slu_pool_give(pool, handle), 0);
    model->taken[at] = model->taken[--model->taken_count];
    model->stale[model->stale_count++ % STALE_COUNT] = handle;
}

static void model_check_walk(const struct model *model, const struct slu_pool *pool)
{
    uint32_t met = 0;
    uint32_t position = 0;
    slu_pool_handle handle = 0;
    void *record = NULL;
    uint64_t sum = 0;
    while (slu_pool_next(pool, &position, &handle, &record)) {
        assert_ptr_equal(slu_pool_resolve(pool, handle), record);
        sum += handle;
        met++;
    }
    for (uint32_t i = 0; i < model->taken_count; i++) {
        sum -= model->taken[i].handle;
    }
    assert_int_equal(met, model->taken_count);
    assert_int_equal(sum, 0);
}

static void a_pool_behaves_as_a_set_of_named_records(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_pool *pool = pool_of(root, 16, MODEL_CAPACITY, true);
    struct model *model = calloc(1, sizeof(*model));
    assert_non_null(model);
    struct test_random random = test_random_start(1);
    uint64_t allocations = alloc_count();
    for (int round = 0; round < 200000; round++) {
        /* Waves of mostly taking and mostly giving, so that both ends are met. */
        uint64_t bias = (round / 1000) % 2 == 0 ? 60 : 40;
        if (test_random_below(&random, 100) < bias) {
            model_take(model, pool, test_random_next(&random));
        } else if (model->taken_count > 0) {
            model_give(model, pool, (uint32_t)test_random_below(&random, model->taken_count));
        }
        slu_pool_handle old = model->stale[test_random_below(&random, STALE_COUNT)];
        assert_null(slu_pool_resolve(pool, old));
        assert_int_equal(slu_pool_give(pool, old), -ESTALE);
        if (round % 997 == 0) {
            pool_validate(pool);
            model_check_walk(model, pool);
        }
    }
    assert_int_equal(alloc_count(), allocations);
    struct slu_pool_stats stats;
    slu_pool_stats(pool, &stats);
    assert_int_equal(stats.taken_count, model->taken_count);
    assert_int_equal(stats.high_water_count, MODEL_CAPACITY);
    assert_true(stats.refused_count > 0);
    free(model);
    slu_pool_destroy(&pool);
    slu_budget_destroy(&root);
}

static void a_walk_allows_giving_what_it_meets(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_pool *pool = pool_of(root, 8, 10, false);
    slu_pool_handle handle = 0;
    void *record = NULL;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(slu_pool_take(pool, &handle, &record), 0);
    }
    uint32_t position = 0;
    uint32_t met = 0;
    while (slu_pool_next(pool, &position, &handle, &record)) {
        assert_int_equal(slu_pool_give(pool, handle), 0);
        met++;
    }
    assert_int_equal(met, 10);
    position = 0;
    assert_false(slu_pool_next(pool, &position, &handle, &record));
    pool_validate(pool);
    slu_pool_destroy(&pool);
    slu_budget_destroy(&root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_options_are_refused_with_the_reason),
        cmocka_unit_test(a_pool_is_charged_as_one_block_and_released_whole),
        cmocka_unit_test(a_failed_allocation_leaves_nothing),
        cmocka_unit_test(an_outdated_handle_neither_resolves_nor_gives),
        cmocka_unit_test(no_forged_handle_resolves),
        cmocka_unit_test(a_full_pool_refuses_and_counts),
        cmocka_unit_test(a_wrapped_generation_skips_zero),
        cmocka_unit_test(records_are_aligned_and_apart),
        cmocka_unit_test(a_pool_behaves_as_a_set_of_named_records),
        cmocka_unit_test(a_walk_allows_giving_what_it_meets),
    };
    return TEST_RUN("pool", tests);
}

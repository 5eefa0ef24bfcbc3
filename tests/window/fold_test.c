#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/golden.h"
#include "budget.h"
#include "harness.h"

/* Affine maps x -> slope x + offset modulo 2^32 under composition: associative, not commutative. */
struct affine {
    uint32_t slope;
    uint32_t offset;
};

static uint64_t combine_count;

static struct affine affine_combine(struct affine older, struct affine newer)
{
    combine_count++;
    return (struct affine){newer.slope * older.slope, newer.slope * older.offset + newer.offset};
}

#define SLU_FOLD_NAME     affine_fold
#define SLU_FOLD_VALUE    struct affine
#define SLU_FOLD_COMBINE  affine_combine
#define SLU_FOLD_IDENTITY ((struct affine){1, 0})
#include <sluice/fold.h>

#define SLU_FOLD_NAME                  max_fold
#define SLU_FOLD_VALUE                 double
#define SLU_FOLD_COMBINE(older, newer) ((older) > (newer) ? (older) : (newer))
#define SLU_FOLD_IDENTITY              (-INFINITY)
#include <sluice/fold.h>

GOLDEN_LAYOUT(struct max_fold, 56, 0, 0, cells, front, left, end, accumulated, cell_count, back,
              budget, middle, newest);

#define PUSH_COMBINES_MAX  3
#define EVICT_COMBINES_MAX 2
#define QUERY_COMBINES_MAX 1

#define MODEL_MAX 4096

struct model {
    struct affine elements[MODEL_MAX];
    size_t first;
    size_t count;
};

static void model_push(struct model *model, struct affine element)
{
    if (model->first + model->count == MODEL_MAX) {
        memmove(model->elements, model->elements + model->first,
                model->count * sizeof(model->elements[0]));
        model->first = 0;
    }
    assert_true(model->count < MODEL_MAX);
    model->elements[model->first + model->count++] = element;
}

static void model_evict(struct model *model)
{
    model->first++;
    model->count--;
}

static struct affine model_query(const struct model *model)
{
    uint64_t kept = combine_count;
    struct affine total = {1, 0};
    for (size_t i = 0; i < model->count; i++) {
        total = affine_combine(total, model->elements[model->first + i]);
    }
    combine_count = kept;
    return total;
}

static struct affine random_affine(struct test_random *random)
{
    /* An odd slope can be undone, so that a missing element always shows. */
    return (struct affine){(uint32_t)test_random_next(random) | 1,
                           (uint32_t)test_random_next(random)};
}

static void assert_query(const struct affine_fold *fold, const struct model *model)
{
    combine_count = 0;
    struct affine seen = affine_fold_query(fold);
    assert_true(combine_count <= QUERY_COMBINES_MAX);
    struct affine wanted = model_query(model);
    assert_int_equal(seen.slope, wanted.slope);
    assert_int_equal(seen.offset, wanted.offset);
    assert_int_equal(affine_fold_count(fold), model->count);
}

static void checked_push(struct affine_fold *fold, struct model *model, struct affine element,
                         uint64_t capacity)
{
    combine_count = 0;
    int err = affine_fold_push(fold, element);
    assert_true(combine_count <= PUSH_COMBINES_MAX);
    assert_int_equal(err, model->count == capacity ? -EDQUOT : 0);
    if (err == 0) {
        model_push(model, element);
    }
}

static void checked_evict(struct affine_fold *fold, struct model *model)
{
    combine_count = 0;
    int err = affine_fold_evict(fold);
    assert_true(combine_count <= EVICT_COMBINES_MAX);
    assert_int_equal(err, model->count == 0 ? -EAGAIN : 0);
    if (err == 0) {
        model_evict(model);
    }
}

static void a_fold_equals_the_list_of_its_elements_within_its_combines(void **state)
{
    (void)state;
    static const uint64_t capacities[] = {1, 2, 3, 4, 7, 8, 9, 64, 100, 300};
    for (uint64_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        struct test_random random = test_random_start(i);
        struct slu_budget *budget = budget_of(1 << 20);
        struct affine_fold *fold = NULL;
        assert_int_equal(affine_fold_create(budget, capacities[i], NULL, &fold), 0);
        static struct model model;
        model = (struct model){.count = 0};
        uint64_t push_weight = 50;
        uint64_t allocations = alloc_count();
        for (int step = 0; step < 6000; step++) {
            if (step % 200 == 0) { /* lean towards growing, then towards shrinking */
                push_weight = 20 + test_random_below(&random, 61);
            }
            if (test_random_below(&random, 100) < push_weight) {
                checked_push(fold, &model, random_affine(&random), capacities[i]);
            } else {
                checked_evict(fold, &model);
            }
            assert_query(fold, &model);
        }
        assert_int_equal(alloc_count(), allocations);
        affine_fold_destroy(&fold);
        slu_budget_destroy(&budget);
    }
}

static void a_window_by_count_slides_within_five_combines(void **state)
{
    (void)state;
    for (uint64_t capacity = 1; capacity <= 40; capacity++) {
        struct test_random random = test_random_start(100 + capacity);
        struct slu_budget *budget = budget_of(1 << 20);
        struct affine_fold *fold = NULL;
        assert_int_equal(affine_fold_create(budget, capacity, NULL, &fold), 0);
        static struct model model;
        model = (struct model){.count = 0};
        for (int step = 0; step < 500; step++) {
            struct affine element = random_affine(&random);
            combine_count = 0;
            affine_fold_slide(fold, element);
            assert_true(combine_count <= PUSH_COMBINES_MAX + EVICT_COMBINES_MAX);
            if (model.count == capacity) {
                model_evict(&model);
            }
            model_push(&model, element);
            assert_query(fold, &model);
        }
        affine_fold_clear(fold);
        model.count = 0;
        assert_query(fold, &model);
        affine_fold_destroy(&fold);
        slu_budget_destroy(&budget);
    }
}

struct timed {
    uint64_t epochs[MODEL_MAX];
    struct affine elements[MODEL_MAX];
    size_t count;
    uint64_t newest_ns;
};

static struct affine timed_query(const struct timed *timed, uint64_t now_ns, uint64_t slice_ns,
                                 uint64_t slices)
{
    uint64_t at_ns = now_ns > timed->newest_ns ? now_ns : timed->newest_ns;
    struct affine total = {1, 0};
    for (size_t i = 0; i < timed->count; i++) {
        if (timed->epochs[i] + slices > at_ns / slice_ns) {
            total = affine_combine(total, timed->elements[i]);
        }
    }
    return total;
}

static void slices_like_the_list(uint64_t stream, uint64_t span_ns, uint32_t slice_count)
{
    struct test_random random = test_random_start(stream);
    struct slu_budget *budget = budget_of(1 << 20);
    struct affine_fold_slices slices = {0};
    struct slu_fold_slices_options options = {.span_ns = span_ns, .slice_count = slice_count};
    assert_int_equal(affine_fold_slices_init(&slices, budget, &options, NULL), 0);
    static struct timed timed;
    timed = (struct timed){.count = 0};
    uint64_t slice_ns = (span_ns + slice_count - 1) / slice_count;
    uint64_t now_ns = test_random_below(&random, 1000);
    for (int step = 0; step < 3000; step++) {
        switch (test_random_below(&random, 30)) {
        case 0:
            now_ns += test_random_below(&random, 3 * span_ns);
            break;
        case 1:
            now_ns -= test_random_below(&random, now_ns + 1);
            break;
        default:
            now_ns += test_random_below(&random, span_ns / 10 + 2);
            break;
        }
        struct affine element = random_affine(&random);
        affine_fold_slices_add(&slices, now_ns, element);
        timed.newest_ns = now_ns > timed.newest_ns ? now_ns : timed.newest_ns;
        timed.epochs[timed.count] = timed.newest_ns / slice_ns;
        timed.elements[timed.count++] = element;
        uint64_t asked_ns = now_ns + test_random_below(&random, span_ns / 2 + 2);
        timed.newest_ns = asked_ns > timed.newest_ns ? asked_ns : timed.newest_ns;
        struct affine seen = affine_fold_slices_query(&slices, asked_ns);
        struct affine wanted = timed_query(&timed, asked_ns, slice_ns, slice_count);
        assert_int_equal(seen.slope, wanted.slope);
        assert_int_equal(seen.offset, wanted.offset);
    }
    affine_fold_slices_deinit(&slices);
    slu_budget_destroy(&budget);
}

static void a_window_of_time_equals_the_list_of_its_values(void **state)
{
    (void)state;
    static const struct {
        uint64_t span_ns;
        uint32_t slice_count;
    } shapes[] = {{1, 1}, {1000, 1}, {2, 2}, {1000, 7}, {6000, 60}, {5, 5}};
    for (uint64_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        slices_like_the_list(200 + i, shapes[i].span_ns, shapes[i].slice_count);
    }
}

static void the_last_slice_of_time_never_ends(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct max_fold_slices slices = {0};
    struct slu_fold_slices_options options = {.span_ns = 1000, .slice_count = 7};
    assert_int_equal(max_fold_slices_init(&slices, budget, &options, NULL), 0);
    assert_true(max_fold_slices_query(&slices, UINT64_MAX) == -INFINITY);
    max_fold_slices_add(&slices, UINT64_MAX - 1, 1);
    max_fold_slices_add(&slices, UINT64_MAX, 2);
    max_fold_slices_add(&slices, UINT64_MAX, -3);
    assert_true(max_fold_slices_query(&slices, UINT64_MAX) == 2);
    max_fold_slices_deinit(&slices);
    slu_budget_destroy(&budget);
}

static void impossible_options_are_refused_by_name(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(4096);
    uint64_t before = budget_used(budget);
    static const struct {
        uint64_t capacity;
        int err;
        const char *word;
    } cases[] = {
        {0, -EINVAL, "capacity is 0"},
        {UINT32_MAX, -EINVAL, "capacity is 4294967295"},
        {UINT64_MAX, -EINVAL, "capacity is"},
        {1000, -EDQUOT, "8072 bytes"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct max_fold *fold = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(max_fold_create(budget, cases[i].capacity, &diag, &fold), cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_null(fold);
        assert_int_equal(budget_used(budget), before);
    }
    struct max_fold_slices slices = {0};
    struct slu_diag diag = {0};
    struct slu_fold_slices_options options = {.span_ns = 5, .slice_count = 6};
    assert_int_equal(max_fold_slices_init(&slices, budget, &options, &diag), -EINVAL);
    assert_non_null(strstr(diag.message, "span_ns is 5"));
    struct max_fold *fold = NULL;
    alloc_fault_at(1);
    assert_int_equal(max_fold_create(budget, 10, NULL, &fold), -ENOMEM);
    assert_null(fold);
    max_fold_destroy(&fold);
    max_fold_destroy(NULL);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fold_equals_the_list_of_its_elements_within_its_combines),
        cmocka_unit_test(a_window_by_count_slides_within_five_combines),
        cmocka_unit_test(a_window_of_time_equals_the_list_of_its_values),
        cmocka_unit_test(the_last_slice_of_time_never_ends),
        cmocka_unit_test(impossible_options_are_refused_by_name),
    };
    return TEST_RUN("fold", tests);
}

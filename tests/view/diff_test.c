/* Differences of profiles that are sampled from known heaps. */
#include "view/diff.h"

#include <math.h>

#include <sluice/budget.h>

#include "view/view.h"

#include "harness.h"
#include "made_profile.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define PERIOD       (512 * 1024)
#define SITE_COUNT   40
#define GROWN        7 /* the site that grows */

/* Each block of a site is sampled with its probability, and stands for the inverse of it. */
static void heap_sample(struct model *model, struct test_random *random, uint64_t grown_blocks)
{
    made_profile(model, PERIOD, 0);
    for (uint32_t site = 0; site < SITE_COUNT; site++) {
        int64_t size = INT64_C(64) << (site % 12);
        uint64_t blocks = UINT64_C(20000) >> (site % 12) << (site % 3);
        blocks += site == GROWN ? grown_blocks : 0;
        double probability = 1 - exp(-(double)size / PERIOD);
        uint64_t sampled = 0;
        for (uint64_t i = 0; i < blocks; i++) {
            sampled += test_random_unit(random) < probability;
        }
        double objects = (double)sampled / probability;
        uint32_t location = made_location(model, &site, 1);
        made_sample(model, &location, 1, (int64_t)objects, (int64_t)(objects * (double)size));
    }
}

struct compared {
    uint32_t significant_count;
    bool grown_is_significant;
    bool grown_is_first;
};

static struct compared heaps_compare(struct test_random *random, uint64_t grown_blocks)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_model(budget);
    struct compared result = {0};
    struct view *view = NULL;
    struct view_diff diff;
    uint32_t order[SITE_COUNT];
    const struct view_options options = {.level = VIEW_FUNCTIONS};
    heap_sample(model, random, 0);
    heap_sample(model, random, grown_blocks);
    assert_int_equal(view_create(model, &options, NULL, &view), 0);
    assert_int_equal(view_diff_init(&diff, view, 1, (struct view_range){0, SITE_COUNT},
                                    (struct view_range){SITE_COUNT, SITE_COUNT}, false),
                     0);
    assert_true(diff.is_sampled);
    uint32_t count = view_diff_order(&diff, view, order);
    for (uint32_t i = 0; i < count; i++) {
        const struct view_change *change = &diff.changes[order[i]];
        struct slu_bytes label = view_label(view, order[i]);
        bool is_grown = label.len == 2 && ((const char *)label.data)[1] == '0' + GROWN;
        result.significant_count += change->is_significant;
        result.grown_is_significant =
            result.grown_is_significant || (is_grown && change->is_significant);
        result.grown_is_first = result.grown_is_first || (i == 0 && is_grown);
    }
    view_diff_deinit(&diff);
    view_destroy(&view);
    model_destroy(&model);
    slu_budget_destroy(&budget);
    return result;
}

/* Of 100 comparisons 5 may have a false alarm; 13 would come by chance once in a thousand runs. */
static void noise_alone_is_not_flagged(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    uint64_t rounds = test_rounds(100);
    uint64_t alarms = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        alarms += heaps_compare(&random, 0).significant_count > 0;
    }
    assert_true(alarms <= rounds * 13 / 100);
}

static void a_site_that_grew_is_flagged_and_first(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    for (uint64_t i = 0; i < test_rounds(20); i++) {
        struct compared result = heaps_compare(&random, 10000); /* of 8 KiB: 80 MiB */
        assert_true(result.grown_is_significant && result.grown_is_first);
        assert_true(result.significant_count <= 3);
    }
}

static void without_sampling_every_difference_counts(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_model(budget);
    struct view *view = NULL;
    struct view_diff diff;
    const struct view_options options = {.level = VIEW_FUNCTIONS};
    uint32_t site = 0;
    made_profile(model, 1, 0);
    uint32_t location = made_location(model, &site, 1);
    made_sample(model, &location, 1, 10, 1000);
    made_profile(model, 1, 0);
    made_sample(model, &location, 1, 11, 1001);
    assert_int_equal(view_create(model, &options, NULL, &view), 0);
    assert_int_equal(
        view_diff_init(&diff, view, 1, (struct view_range){0, 1}, (struct view_range){1, 1}, true),
        0);
    assert_false(diff.is_sampled);
    assert_true(diff.changes[0].is_significant);
    assert_int_equal(view_change_delta(&diff, &diff.changes[0]), 1);
    view_diff_deinit(&diff);
    view_destroy(&view);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_alone_is_not_flagged),
        cmocka_unit_test(a_site_that_grew_is_flagged_and_first),
        cmocka_unit_test(without_sampling_every_difference_counts),
    };
    return TEST_RUN("diff", tests);
}

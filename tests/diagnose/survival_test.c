#include "diagnose/survival.h"

#include <math.h>

#include <sluice/budget.h>

#include "budget.h"
#include "diagnose/evidence.h"
#include "diagnose/sites.h"
#include "harness.h"
#include "story.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)

static double since(double seconds)
{
    return seconds - 1000;
}

static double size(double seconds)
{
    (void)seconds;
    return 100;
}

/* Half of what is allocated goes at once, the rest stays. */
static double allocated(double seconds)
{
    return 1000 + 2000 * since(seconds);
}

static double half(double seconds)
{
    return allocated(seconds) / 2;
}

static double half_aged(double seconds, double from, double to)
{
    return from > since(seconds) ? 0 : half(seconds - from) - half(fmax(seconds - to, 1000));
}

/* What is younger than three seconds. */
static double young(double seconds)
{
    return 2000 * fmin(since(seconds), 3) + 1;
}

static double young_aged(double seconds, double from, double to)
{
    double oldest = fmin(fmin(to, 3), since(seconds));
    return from >= oldest ? 0 : 2000 * (oldest - from);
}

struct told {
    struct slu_budget *budget;
    struct evidence *evidence;
    struct survival survival;
};

static struct told told_of(const struct story *story)
{
    struct test_random random = test_random_start(1);
    struct told told = {.budget = budget_of(BUDGET_BYTES)};
    assert_int_equal(evidence_create(told.budget, &told.evidence), 0);
    story_tell(story, &random, told.evidence);
    told.survival = survival_of(told.evidence->heap, told.evidence->heap->sites[1]);
    return told;
}

static void told_end(struct told *told)
{
    evidence_destroy(&told->evidence);
    slu_budget_destroy(&told->budget);
}

static void assert_share(const struct survivors *survivors, double from, double to, double share)
{
    assert_true(survivors->is_known);
    assert_true(survivors->from_seconds == from && survivors->to_seconds == to);
    assert_true(fabs(survivors->share - share) < 0.01);
}

static void oldest_stretch_is_one_that_was_seen_whole(void **state)
{
    struct story story = {
        .sites = {{NULL, "f", half, allocated, size}}, .aged = {half_aged}, .step_seconds = 1};
    static const struct {
        uint32_t moments;
        double from, to;
    } cases[] = {{5, 1, 3}, {11, 3, 10}, {30, 3, 10}, {31, 10, 30}, {120, 10, 30}, {121, 30, 120}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        story.moments = cases[i].moments;
        struct told told = told_of(&story);
        assert_share(&told.survival.old, cases[i].from, cases[i].to, 0.5);
        assert_share(&told.survival.young, 0, cases[i].from, 0.5);
        double bytes = 2000 * 100 * (cases[i].to - cases[i].from);
        assert_true(fabs(told.survival.old.allocated_bytes - bytes) < bytes / 1000);
        told_end(&told);
    }
}

static void what_passes_is_seen_young_and_not_old(void **state)
{
    struct story story = {.sites = {{NULL, "f", young, allocated, size}},
                          .aged = {young_aged},
                          .moments = 20,
                          .step_seconds = 1};
    (void)state;
    struct told told = told_of(&story);
    assert_share(&told.survival.young, 0, 3, 1);
    assert_share(&told.survival.old, 3, 10, 0);
    told_end(&told);
}

static void nothing_is_said_without_ages_or_with_too_little(void **state)
{
    struct story usual = {.sites = {{NULL, "f", half, allocated, size}},
                          .aged = {half_aged},
                          .moments = 20,
                          .step_seconds = 1};
    struct story stories[] = {usual, usual, usual, usual};
    (void)state;
    stories[0].aged[0] = NULL;
    stories[1].moments = SERIES_POINTS_MIN - 1;
    stories[2].step_seconds = 0.1; /* observed for less than three seconds */
    stories[3].period = 1e6;       /* of one sample in ten seconds nothing is to be said */
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        struct told told = told_of(&stories[i]);
        assert_false(told.survival.old.is_known);
        assert_false(told.survival.young.is_known);
        told_end(&told);
    }
}

/* A profile without ages that comes later makes those of the one before outdated. */
static void ages_of_an_older_profile_are_not_used(void **state)
{
    struct story story = {.sites = {{NULL, "f", half, allocated, size}},
                          .aged = {half_aged},
                          .moments = 20,
                          .step_seconds = 1};
    struct test_random random = test_random_start(1);
    (void)state;
    struct told told = told_of(&story);
    story.aged[0] = NULL;
    story.moments = 21;
    assert_true(told.survival.old.is_known);
    story_tell(&story, &random, told.evidence);
    told.survival = survival_of(told.evidence->heap, told.evidence->heap->sites[1]);
    assert_false(told.survival.old.is_known);
    told_end(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_stretch_is_one_that_was_seen_whole),
        cmocka_unit_test(what_passes_is_seen_young_and_not_old),
        cmocka_unit_test(nothing_is_said_without_ages_or_with_too_little),
        cmocka_unit_test(ages_of_an_older_profile_are_not_used),
    };
    return TEST_RUN("survival", tests);
}

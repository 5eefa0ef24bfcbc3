#include "diagnose/series.h"

#include <math.h>

#include "harness.h"

#define RUNS 400

static double seconds[SERIES_POINTS_MAX];
static double values[SERIES_POINTS_MAX];

/* How many of a mean of `mean`: exact for small means, a rounded normal above. */
static double draw_poisson(struct test_random *random, double mean)
{
    if (mean > 60) {
        double sum = 0;
        for (int i = 0; i < 12; i++) {
            sum += test_random_unit(random);
        }
        double count = floor(mean + (sum - 6) * sqrt(mean) + 0.5);
        return count < 0 ? 0 : count;
    }
    double count = 0;
    for (double product = test_random_unit(random); product > exp(-mean);
         product *= test_random_unit(random)) {
        count++;
    }
    return count;
}

struct process {
    uint32_t count;
    double grain;  /* bytes that a sample stands for */
    double leaked; /* samples that are added from moment to moment and stay */
    double churn;  /* samples in use that are others each time */
    double saw;    /* height of a saw, in samples */
    double period; /* of the saw, in moments */
};

/* A profile each second, as sampling shows it. */
static struct trend observe(const struct process *process, struct test_random *random)
{
    double phase = test_random_unit(random) * process->period;
    double kept = 0;
    for (uint32_t i = 0; i < process->count; i++) {
        double tooth = process->saw > 0 ? fmod(i + phase, process->period) / process->period : 0;
        double churned = process->churn > 0 ? draw_poisson(random, process->churn) : 0;
        seconds[i] = 1000 + i;
        values[i] = process->grain * (kept + churned + process->saw * tooth);
        kept += process->leaked > 0 ? draw_poisson(random, process->leaked) : 0;
    }
    struct series series = {seconds, values, process->count, process->grain};
    struct trend trend;
    series_trend(&series, &trend);
    return trend;
}

static double covered(const struct process *process, uint64_t stream)
{
    struct test_random random = test_random_start(stream);
    uint32_t hits = 0;
    double truth = process->leaked * process->grain;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct trend trend = observe(process, &random);
        hits += trend.slope.low <= truth && truth <= trend.slope.high;
    }
    return 100.0 * hits / RUNS;
}

/* Without growth they may hold it more often: a slope by chance is taken for one of samples. */
static void intervals_hold_the_truth_in_95_of_100_runs(void **state)
{
    static const struct process processes[] = {
        {10, 524288, 3, 0, 0, 1},  {10, 524288, 30, 0, 0, 1},  {20, 524288, 0, 50, 0, 1},
        {20, 524288, 3, 20, 0, 1}, {60, 524288, 30, 0, 0, 1},  {60, 524288, 0, 20, 0, 1},
        {60, 65536, 3, 200, 0, 1}, {200, 524288, 1, 30, 0, 1}, {40, 1, 0, 1000, 0, 1},
        {512, 4096, 2, 100, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
        double percent = covered(&processes[i], 10 + i);
        print_message("# process %zu: %.1f%% covered\n", i, percent);
        assert_true(percent >= 91.5 && (percent <= 99 || processes[i].leaked == 0));
    }
}

static void a_saw_without_growth_is_no_growth(void **state)
{
    static const double periods[] = {3.3, 5.0, 7.1, 12.7, 20.0};
    struct test_random random = test_random_start(30);
    (void)state;
    for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
        struct process process = {60, 524288, 0, 10, 100, periods[i]};
        uint32_t found = 0;
        for (uint32_t run = 0; run < RUNS; run++) {
            found += observe(&process, &random).grows;
        }
        print_message("# period %.1f: %u of %d\n", periods[i], found, RUNS);
        assert_true(found <= RUNS / 200);
    }
}

static void growth_under_a_saw_is_found(void **state)
{
    struct process process = {120, 524288, 8, 10, 60, 7.3};
    struct test_random random = test_random_start(31);
    uint32_t found = 0;
    (void)state;
    for (uint32_t run = 0; run < RUNS; run++) {
        found += observe(&process, &random).grows;
    }
    assert_true(found >= RUNS * 98 / 100);
}

/* Two profiles of a healthy program differ by noise; so do many. */
static void noise_is_rarely_growth(void **state)
{
    static const uint32_t counts[] = {5, 8, 20, 60};
    struct test_random random = test_random_start(32);
    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct process process = {counts[i], 524288, 0, 40, 0, 1};
        uint32_t found = 0;
        for (uint32_t run = 0; run < RUNS; run++) {
            found += observe(&process, &random).grows;
        }
        print_message("# %u moments: %u of %d\n", counts[i], found, RUNS);
        assert_true(found <= RUNS / 100);
    }
}

static void warming_up_levels_off(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        seconds[i] = i;
        values[i] = 1e8 * (1 - exp(-(double)i / 6)) + 1e5 * (i % 3);
    }
    struct series series = {seconds, values, 60, 0};
    struct trend trend;
    series_trend(&series, &trend);
    assert_true(trend.is_known && trend.levels_off && !trend.grows);
}

static void little_evidence_gives_no_judgement(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SERIES_POINTS_MIN; i++) {
        seconds[i] = i;
        values[i] = 1e6 * i;
    }
    struct trend trend;
    series_trend(&(struct series){seconds, values, SERIES_POINTS_MIN - 1, 0}, &trend);
    assert_false(trend.is_known || trend.grows);
    series_trend(&(struct series){seconds, values, SERIES_POINTS_MIN, 0}, &trend);
    assert_true(trend.is_known && trend.grows);
    series_trend(&(struct series){seconds, values, SERIES_POINTS_MIN, 1e6}, &trend);
    assert_false(trend.grows); /* four samples may be chance */
    series_trend(&(struct series){seconds, values, 0, 0}, &trend);
    assert_false(trend.is_known);
}

static void equal_moments_and_values_are_taken(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        seconds[i] = 5;
        values[i] = 7;
    }
    struct trend trend;
    series_trend(&(struct series){seconds, values, 10, 0}, &trend);
    assert_false(trend.is_known);
    for (uint32_t i = 0; i < 10; i++) {
        seconds[i] = i;
    }
    series_trend(&(struct series){seconds, values, 10, 0}, &trend);
    assert_true(trend.is_known && !trend.grows && !trend.shrinks && trend.slope.mid == 0);
}

/* The naive model: the best line by trying many. */
static void the_line_is_the_best_one(void **state)
{
    struct test_random random = test_random_start(33);
    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        seconds[i] = i * 2.0 + test_random_unit(&random);
        values[i] = 50 + 3 * seconds[i] + 10 * test_random_unit(&random);
    }
    struct trend trend;
    series_trend(&(struct series){seconds, values, 30, 0}, &trend);
    double best = INFINITY;
    double best_slope = 0;
    for (double slope = 2; slope < 4; slope += 0.001) {
        double mean = 0;
        double squares = 0;
        for (uint32_t i = 0; i < 30; i++) {
            mean += (values[i] - slope * seconds[i]) / 30;
        }
        for (uint32_t i = 0; i < 30; i++) {
            double distance = values[i] - slope * seconds[i] - mean;
            squares += distance * distance;
        }
        best_slope = squares < best ? slope : best_slope;
        best = squares < best ? squares : best;
    }
    assert_true(fabs(trend.slope.mid - best_slope) < 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_hold_the_truth_in_95_of_100_runs),
        cmocka_unit_test(a_saw_without_growth_is_no_growth),
        cmocka_unit_test(growth_under_a_saw_is_found),
        cmocka_unit_test(noise_is_rarely_growth),
        cmocka_unit_test(warming_up_levels_off),
        cmocka_unit_test(little_evidence_gives_no_judgement),
        cmocka_unit_test(equal_moments_and_values_are_taken),
        cmocka_unit_test(the_line_is_the_best_one),
    };
    return TEST_RUN("series", tests);
}

/*
 * Estimates beside the truth: simulated programs allocate and free, each allocation counted as it
 * is, and what the profile says of them is compared over many seeds. The spread that sampling
 * gives is known: an allocation of size s that is sampled with probability p adds
 * s^2 (1 - p)/p to the variance.
 */
#include <math.h>
#include <stdio.h>

#include "fixture.h"

#define SEED_COUNT       100
#define ALLOCATION_COUNT 20000
#define THREAD_COUNT     4

struct truth {
    double bytes;
    double objects;
    double bytes_variance;
    double objects_variance;
};

/* The estimates of one seed, as so many standard deviations from the truth, and as a ratio. */
struct estimate {
    double ratio;
    double deviations;
};

static void add(struct truth *truth, uint64_t size_bytes, double rate_bytes)
{
    double odds = 1 / expm1((double)size_bytes / rate_bytes); /* (1 - p)/p */
    truth->bytes += (double)size_bytes;
    truth->objects += 1;
    truth->bytes_variance += (double)size_bytes * (double)size_bytes * odds;
    truth->objects_variance += odds;
}

static struct estimate compare(uint64_t estimate, double truth, double variance)
{
    return (struct estimate){
        .ratio = (double)estimate / truth,
        .deviations = ((double)estimate - truth) / sqrt(variance),
    };
}

/* 16 bytes to 4 MiB, each power of two as often as any other. */
static uint64_t random_size(struct test_random *random)
{
    return (uint64_t)(16 * exp2(18 * test_random_unit(random)));
}

struct outcome {
    struct estimate alloc_bytes;
    struct estimate alloc_objects;
    struct estimate inuse_bytes;
};

/* Every third allocation stays. `rates` are taken in turn, as a ceiling would change them. */
static struct outcome simulate(struct fixture *fixture, uint64_t seed, const uint64_t *rates,
                               size_t rate_count)
{
    struct test_random random = test_random_start(seed);
    struct truth allocated = {0};
    struct truth in_use = {0};
    uint64_t states[THREAD_COUNT];
    uint64_t thread_rates[THREAD_COUNT];
    uint64_t lefts[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        states[i] = test_random_next(&random);
        thread_rates[i] = rates[0];
        lefts[i] = sampling_next(&states[i], rates[0]);
    }
    for (uint64_t i = 0; i < ALLOCATION_COUNT; i++) {
        size_t thread = test_random_below(&random, THREAD_COUNT);
        uint64_t size = random_size(&random);
        uint64_t rate = thread_rates[thread];
        add(&allocated, size, (double)rate);
        if (i % 3 == 0) {
            add(&in_use, size, (double)rate);
        }
        if (size < lefts[thread]) {
            lefts[thread] -= size;
            continue;
        }
        uint32_t index = PROFILE_NONE;
        const uint64_t pcs[] = {1 + i % 100, 2, 3};
        struct profile_allocation allocation = {i, size, rate, 1, 3, pcs};
        assert_int_equal(profile_record(fixture->profile, &allocation, i, &index), 0);
        if (i % 3 != 0) {
            assert_int_equal(profile_forget(fixture->profile, index, i), 0);
        }
        thread_rates[thread] = rates[i % rate_count];
        lefts[thread] = sampling_next(&states[thread], thread_rates[thread]);
    }
    struct profile_stats stats = stats_of(fixture->profile);
    return (struct outcome){
        .alloc_bytes = compare(stats.alloc_bytes, allocated.bytes, allocated.bytes_variance),
        .alloc_objects =
            compare(stats.alloc_objects, allocated.objects, allocated.objects_variance),
        .inuse_bytes = compare(stats.inuse_bytes, in_use.bytes, in_use.bytes_variance),
    };
}

struct spread {
    double ratio_sum;
    double deviation_sum;
    double square_sum;
};

static void gather(struct spread *spread, struct estimate estimate)
{
    spread->ratio_sum += estimate.ratio;
    spread->deviation_sum += estimate.deviations;
    spread->square_sum += estimate.deviations * estimate.deviations;
}

/* The mean within 4 standard errors of nothing, and the spread as near to 1 as is asked. */
static void assert_as_poisson_says(const char *what, const struct spread *spread, double ratio_off,
                                   double spread_off)
{
    double ratio = spread->ratio_sum / SEED_COUNT;
    double mean = spread->deviation_sum / SEED_COUNT;
    double deviation = sqrt(spread->square_sum / SEED_COUNT);
    printf("# %s: mean ratio %.4f, mean %.3f and spread %.3f standard deviations\n", what, ratio,
           mean, deviation);
    if (fabs(ratio - 1) > ratio_off || fabs(mean) > 4 / sqrt(SEED_COUNT) ||
        fabs(deviation - 1) > spread_off) {
        fail_msg("%s is biased or spread otherwise than sampling explains", what);
    }
}

static void compare_over_seeds(const uint64_t *rates, size_t rate_count)
{
    struct profile_options options = {
        .rate_bytes = 1, .samples_max = ALLOCATION_COUNT, .stacks_max = 200, .pcs_max = 1000};
    struct spread alloc_bytes = {0};
    struct spread alloc_objects = {0};
    struct spread inuse_bytes = {0};
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct fixture fixture = fixture_of(&options);
        struct outcome outcome = simulate(&fixture, seed, rates, rate_count);
        gather(&alloc_bytes, outcome.alloc_bytes);
        gather(&alloc_objects, outcome.alloc_objects);
        gather(&inuse_bytes, outcome.inuse_bytes);
        fixture_end(&fixture);
    }
    double spread_off = 4 / sqrt(2 * SEED_COUNT);
    assert_as_poisson_says("allocated bytes", &alloc_bytes, 0.01, spread_off);
    assert_as_poisson_says("bytes in use", &inuse_bytes, 0.01, spread_off);
    /* A sampled object of 16 bytes stands for 32,768, and there are few of them in a run: far from
     * a normal distribution, so that the spread of 100 runs tells little. */
    assert_as_poisson_says("allocated objects", &alloc_objects, 0.25, 1);
}

static void totals_are_unbiased_and_spread_as_poisson_says(void **state)
{
    (void)state;
    static const uint64_t rates[] = {SAMPLING_RATE_DEFAULT};
    compare_over_seeds(rates, 1);
}

static void rates_that_change_leave_no_bias(void **state)
{
    (void)state;
    static const uint64_t rates[] = {64 << 10, 128 << 10, 1 << 20, 256 << 10, 2 << 20};
    compare_over_seeds(rates, sizeof(rates) / sizeof(rates[0]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_unbiased_and_spread_as_poisson_says),
        cmocka_unit_test(rates_that_change_leave_no_bias),
    };
    return TEST_RUN("unbiased", tests);
}

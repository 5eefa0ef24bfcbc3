#include "profile/rate_ceiling.h"

#include <math.h>

#include "profile/sampling.h"

#include "harness.h"

#define SECOND_NS UINT64_C(1000000000)
#define BASE      SAMPLING_RATE_DEFAULT

static uint64_t rate_of(const struct rate_ceiling *ceiling)
{
    return atomic_load_explicit(&ceiling->rate_bytes, memory_order_relaxed);
}

static struct rate_ceiling ceiling_of(uint64_t samples_per_second_max)
{
    struct rate_ceiling ceiling = {0};
    rate_ceiling_init(&ceiling, BASE, samples_per_second_max, SECOND_NS);
    return ceiling;
}

/* A program that allocates steadily: more samples the smaller their distance is. */
struct load {
    uint64_t bytes_per_second;
    uint64_t now_ns;
    uint64_t sample_count;
};

static void run(struct rate_ceiling *ceiling, struct load *load, uint64_t seconds)
{
    uint64_t end_ns = load->now_ns + seconds * SECOND_NS;
    while (load->now_ns < end_ns) {
        load->now_ns += rate_of(ceiling) * SECOND_NS / load->bytes_per_second;
        rate_ceiling_count(ceiling, load->now_ns);
        load->sample_count++;
    }
}

static void few_samples_leave_the_rate_alone(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1000);
    struct load load = {.bytes_per_second = 900 * BASE, .now_ns = SECOND_NS};
    run(&ceiling, &load, 20);
    assert_int_equal(rate_of(&ceiling), BASE);
}

static void many_samples_raise_the_rate_until_they_are_few(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1000);
    struct load load = {.bytes_per_second = 100000 * BASE, .now_ns = SECOND_NS};
    run(&ceiling, &load, 1);
    assert_true(load.sample_count < 2500); /* while it rises there may be more */
    load.sample_count = 0;
    run(&ceiling, &load, 10);
    assert_in_range(load.sample_count, 10000 / 4, 10000);
    assert_int_equal(rate_of(&ceiling), 128 * BASE);
}

static void the_rate_comes_back_when_the_load_has_gone(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1000);
    struct load load = {.bytes_per_second = 100000 * BASE, .now_ns = SECOND_NS};
    run(&ceiling, &load, 2);
    assert_true(rate_of(&ceiling) > BASE);
    load.bytes_per_second = 100 * BASE;
    run(&ceiling, &load, 10);
    assert_int_equal(rate_of(&ceiling), BASE);
}

static void a_long_pause_brings_it_back_at_the_next_sample(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1000);
    struct load load = {.bytes_per_second = 100000 * BASE, .now_ns = SECOND_NS};
    run(&ceiling, &load, 2);
    rate_ceiling_count(&ceiling, load.now_ns + 3600 * SECOND_NS);
    assert_int_equal(rate_of(&ceiling), BASE);
}

static void a_steady_load_does_not_make_it_swing(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1000);
    struct load load = {.bytes_per_second = 1500 * BASE, .now_ns = SECOND_NS};
    run(&ceiling, &load, 2);
    for (int second = 0; second < 50; second++) {
        run(&ceiling, &load, 1);
        assert_int_equal(rate_of(&ceiling), 2 * BASE);
    }
}

/* Distances as a sampler draws them: seconds differ by chance. */
static uint64_t changes_of_rate(struct rate_ceiling *ceiling, struct test_random *random,
                                double load, uint64_t seconds)
{
    uint64_t now_ns = SECOND_NS;
    uint64_t changes = 0;
    for (uint64_t end_ns = now_ns + seconds * SECOND_NS; now_ns < end_ns;) {
        uint64_t before = rate_of(ceiling);
        now_ns +=
            (uint64_t)(-log1p(-test_random_unit(random)) * (double)before / (load * BASE) * 1e9);
        rate_ceiling_count(ceiling, now_ns);
        changes += rate_of(ceiling) != before;
    }
    return changes;
}

/*
 * A load that is just about the ceiling makes chance raise the rate. At the raised rate there are
 * half as many samples, which is no reason to lower it again: only a quarter is.
 */
static void chance_does_not_make_it_swing(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    static const double loads[] = {700, 800, 900, 950, 1000, 1100, 1300, 1500, 1800, 1950};
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        struct rate_ceiling ceiling = ceiling_of(1000);
        assert_true(changes_of_rate(&ceiling, &random, loads[i], 100) <= 20);
    }
}

static void a_low_ceiling_holds_too(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1);
    struct load load = {.bytes_per_second = 1000 * BASE, .now_ns = SECOND_NS};
    run(&ceiling, &load, 1000);
    assert_true(load.sample_count < 1000 + 11 * 33);
}

static void without_a_ceiling_the_rate_stays(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(0);
    for (int i = 0; i < 100000; i++) {
        rate_ceiling_count(&ceiling, SECOND_NS);
    }
    assert_int_equal(rate_of(&ceiling), BASE);
}

static void a_clock_that_goes_back_begins_a_new_window(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1000);
    struct load load = {.bytes_per_second = 900 * BASE, .now_ns = 100 * SECOND_NS};
    run(&ceiling, &load, 2);
    load.now_ns = 5 * SECOND_NS;
    run(&ceiling, &load, 10);
    assert_int_equal(rate_of(&ceiling), BASE);
    rate_ceiling_count(&ceiling, 0);
    rate_ceiling_count(&ceiling, UINT64_MAX);
    rate_ceiling_count(&ceiling, 0);
    assert_int_equal(rate_of(&ceiling), BASE);
}

static void the_rate_never_passes_its_bound(void **state)
{
    (void)state;
    struct rate_ceiling ceiling = ceiling_of(1000);
    for (int i = 0; i < 100000; i++) {
        rate_ceiling_count(&ceiling, SECOND_NS); /* all at once */
    }
    assert_int_equal(rate_of(&ceiling), SAMPLING_RATE_MAX);
    rate_ceiling_set(&ceiling, 1000);
    assert_int_equal(rate_of(&ceiling), 1000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_samples_leave_the_rate_alone),
        cmocka_unit_test(many_samples_raise_the_rate_until_they_are_few),
        cmocka_unit_test(the_rate_comes_back_when_the_load_has_gone),
        cmocka_unit_test(a_long_pause_brings_it_back_at_the_next_sample),
        cmocka_unit_test(a_steady_load_does_not_make_it_swing),
        cmocka_unit_test(chance_does_not_make_it_swing),
        cmocka_unit_test(a_low_ceiling_holds_too),
        cmocka_unit_test(without_a_ceiling_the_rate_stays),
        cmocka_unit_test(a_clock_that_goes_back_begins_a_new_window),
        cmocka_unit_test(the_rate_never_passes_its_bound),
    };
    return TEST_RUN("rate_ceiling", tests);
}

/* When to try again. */
#include "pipeline/retry.h"

#include <errno.h>
#include <stdbool.h>

#include "budget.h"
#include "config_text.h"
#include "harness.h"

#define SECOND_NS UINT64_C(1000000000)

static const struct retry_options defaults = RETRY_DEFAULTS;

static struct retry_options without_jitter(void)
{
    struct retry_options options = defaults;
    options.randomization_factor = 0;
    return options;
}

static void intervals_grow_to_the_largest_and_stay_there(void **state)
{
    static const double expected_s[] = {5, 7.5, 11.25, 16.875, 25.3125, 30, 30, 30};
    struct retry_options options = without_jitter();
    struct retry retry;
    (void)state;
    retry_begin(&retry, &options, 0);
    for (size_t i = 0; i < sizeof(expected_s) / sizeof(expected_s[0]); i++) {
        uint64_t delay_ns = 0;
        assert_true(retry_next(&retry, 0, 0, i, &delay_ns));
        assert_int_equal(delay_ns, (uint64_t)(expected_s[i] * 1e9));
    }
}

static void jitter_keeps_within_its_bounds_and_uses_them(void **state)
{
    struct test_random random = test_random_start(1);
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    (void)state;
    for (uint64_t i = 0; i < test_rounds(2000); i++) {
        struct retry retry;
        uint64_t delay_ns = 0;
        retry_begin(&retry, &defaults, 0);
        assert_true(retry_next(&retry, 0, 0, test_random_next(&random), &delay_ns));
        least = delay_ns < least ? delay_ns : least;
        most = delay_ns > most ? delay_ns : most;
    }
    assert_in_range(least, 5 * SECOND_NS / 2, 26 * SECOND_NS / 10);
    assert_in_range(most, 74 * SECOND_NS / 10, 15 * SECOND_NS / 2);
}

static void jitter_is_at_its_ends_for_the_ends_of_the_random_numbers(void **state)
{
    struct retry retry;
    uint64_t delay_ns = 0;
    (void)state;
    retry_begin(&retry, &defaults, 0);
    assert_true(retry_next(&retry, 0, 0, 0, &delay_ns));
    assert_int_equal(delay_ns, 5 * SECOND_NS / 2);
    retry_begin(&retry, &defaults, 0);
    assert_true(retry_next(&retry, 0, 0, UINT64_MAX, &delay_ns));
    assert_in_range(delay_ns, 15 * SECOND_NS / 2 - 10, 15 * SECOND_NS / 2);
}

static void what_was_asked_for_is_the_least(void **state)
{
    struct retry_options options = without_jitter();
    struct retry retry;
    uint64_t delay_ns = 0;
    (void)state;
    retry_begin(&retry, &options, 0);
    assert_true(retry_next(&retry, 0, 60 * SECOND_NS, 0, &delay_ns));
    assert_int_equal(delay_ns, 60 * SECOND_NS);
    assert_true(retry_next(&retry, 0, SECOND_NS, 0, &delay_ns));
    assert_int_equal(delay_ns, 7500000000);
}

static void it_gives_up_before_the_time_is_over(void **state)
{
    struct retry_options options = without_jitter();
    struct retry retry;
    uint64_t delay_ns = 77;
    (void)state;
    options.max_elapsed_ns = 20 * SECOND_NS;
    retry_begin(&retry, &options, 100 * SECOND_NS);
    assert_true(retry_next(&retry, 105 * SECOND_NS, 15 * SECOND_NS, 0, &delay_ns));
    assert_int_equal(delay_ns, 15 * SECOND_NS);
    delay_ns = 77;
    assert_false(retry_next(&retry, 115 * SECOND_NS, 0, 0, &delay_ns));
    assert_int_equal(delay_ns, 77);
    retry_begin(&retry, &options, 100 * SECOND_NS);
    assert_false(retry_next(&retry, 100 * SECOND_NS, 21 * SECOND_NS, 0, &delay_ns));
}

static void without_an_end_it_never_gives_up(void **state)
{
    struct retry retry;
    (void)state;
    retry_begin(&retry, &defaults, 0);
    for (uint64_t i = 1; i < 10000; i++) {
        uint64_t delay_ns = 0;
        assert_true(retry_next(&retry, i * 3600 * SECOND_NS, 0, i, &delay_ns));
        assert_in_range(delay_ns, 5 * SECOND_NS / 2, 45 * SECOND_NS);
    }
}

static void what_is_off_never_tries_again(void **state)
{
    struct retry_options options = defaults;
    struct retry retry;
    uint64_t delay_ns = 77;
    (void)state;
    options.is_enabled = false;
    retry_begin(&retry, &options, 0);
    assert_false(retry_next(&retry, 0, 0, 0, &delay_ns));
    assert_int_equal(delay_ns, 77);
}

/* Anything that a configuration or a server may say. */
static void no_number_makes_a_wait_that_is_over_already(void **state)
{
    struct retry_options options = without_jitter();
    struct retry retry;
    uint64_t delay_ns = 0;
    uint64_t year_ns = 365 * 24 * 3600 * SECOND_NS;
    (void)state;
    options.initial_interval_ns = UINT64_MAX / 2;
    options.max_interval_ns = UINT64_MAX / 2;
    options.multiplier = 1e300;
    options.randomization_factor = 1;
    retry_begin(&retry, &options, year_ns);
    for (int i = 0; i < 4; i++) {
        assert_true(retry_next(&retry, year_ns, 0, UINT64_MAX, &delay_ns));
        assert_true(delay_ns >= year_ns && year_ns + delay_ns > delay_ns);
    }
    assert_true(retry_next(&retry, year_ns, UINT64_MAX, 0, &delay_ns));
    assert_true(delay_ns >= year_ns && year_ns + delay_ns > delay_ns);
    options.max_elapsed_ns = SECOND_NS;
    assert_false(retry_next(&retry, year_ns, UINT64_MAX, 0, &delay_ns));
}

static void the_first_interval_is_no_longer_than_the_largest(void **state)
{
    struct retry_options options = without_jitter();
    struct retry retry;
    uint64_t delay_ns = 0;
    (void)state;
    options.initial_interval_ns = 60 * SECOND_NS;
    retry_begin(&retry, &options, 0);
    assert_true(retry_next(&retry, 0, 0, 0, &delay_ns));
    assert_int_equal(delay_ns, 30 * SECOND_NS);
}

static void a_clock_that_goes_back_gives_nothing_up(void **state)
{
    struct retry_options options = without_jitter();
    struct retry retry;
    uint64_t delay_ns = 0;
    (void)state;
    options.max_elapsed_ns = 20 * SECOND_NS;
    retry_begin(&retry, &options, 100 * SECOND_NS);
    assert_true(retry_next(&retry, 0, 0, 0, &delay_ns));
}

struct option_case {
    const char *text;
    const char *mistakes;
};

static void options_are_read(void **state)
{
    static const struct option_case cases[] = {
        {"", ""},
        {"{enabled: false, initial_interval: 1s, randomization_factor: 0.1, multiplier: 2,"
         " max_interval: 1m, max_elapsed_time: 5m}",
         ""},
        {"initial_interval: 0s", "1:19: initial_interval: it must be 1 at least, and not \"0s\"\n"},
        {"max_interval: 0s", "1:15: max_interval: it must be 1 at least, and not \"0s\"\n"},
        {"randomization_factor: 1.5",
         "1:23: randomization_factor: it must be from 0 to 1, and not \"1.5\"\n"},
        {"randomization_factor: -0.5",
         "1:23: randomization_factor: it must be from 0 to 1, and not \"-0.5\"\n"},
        {"multiplier: 0.9", "1:13: multiplier: it must be 1 at least, and not \"0.9\"\n"},
        {"randomisation_factor: 1", "1:1: there is no \"randomisation_factor\" in retry_on_failure;"
                                    " did you mean \"randomization_factor\"?\n"},
    };
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct retry_options options = defaults;
        struct config *config = config_of(budget, cases[i].text);
        int err = config_read(config, config_root(config), &retry_object, &options);
        assert_mistakes(config, cases[i].mistakes);
        assert_int_equal(err, cases[i].mistakes[0] != '\0' ? -EINVAL : 0);
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_grow_to_the_largest_and_stay_there),
        cmocka_unit_test(jitter_keeps_within_its_bounds_and_uses_them),
        cmocka_unit_test(jitter_is_at_its_ends_for_the_ends_of_the_random_numbers),
        cmocka_unit_test(what_was_asked_for_is_the_least),
        cmocka_unit_test(it_gives_up_before_the_time_is_over),
        cmocka_unit_test(without_an_end_it_never_gives_up),
        cmocka_unit_test(what_is_off_never_tries_again),
        cmocka_unit_test(no_number_makes_a_wait_that_is_over_already),
        cmocka_unit_test(the_first_interval_is_no_longer_than_the_largest),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing_up),
        cmocka_unit_test(options_are_read),
    };
    return TEST_RUN("retry", tests);
}

#include <sluice/meter.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "meter/validate.h"
#include "meter_fixture.h"

#define METER_BYTES (4 << 20)

struct fixture {
    struct slu_budget *budget;
    struct slu_meter *meter;
    uint32_t metric;
};

static struct slu_meter_options summary_options(uint32_t windows_max)
{
    struct slu_meter_options options = small_options();
    options.windows_max = windows_max;
    options.window = (struct slu_quantile_window_options){
        .span_ns = 10 * SECOND, .slot_count = 10, .size_bytes = 4096};
    return options;
}

static void start(struct fixture *fixture, uint32_t windows_max, double scale)
{
    static const char *const labels[] = {"key"};
    static const double quantiles[] = {0, 0.5, 1};
    struct slu_meter_options options = summary_options(windows_max);
    fixture->budget = budget_of(METER_BYTES);
    fixture->meter = meter_of(fixture->budget, &options);
    fixture->metric = metric_of(fixture->meter, &(struct slu_metric_options){
                                                    .name = "latency",
                                                    .help = "Time to answer.",
                                                    .kind = SLU_METRIC_SUMMARY,
                                                    .scale = scale,
                                                    .labels = labels,
                                                    .label_count = 1,
                                                    .quantiles = quantiles,
                                                    .quantile_count = 3,
                                                });
}

static void stop(struct fixture *fixture)
{
    meter_validate(fixture->meter);
    slu_meter_destroy(&fixture->meter);
    slu_budget_destroy(&fixture->budget);
}

static void observe(struct fixture *fixture, uint32_t writer, const char *value, uint64_t now_ns,
                    double amount)
{
    struct slu_bytes values = bytes_of(value);
    struct slu_meter_key key = {.metric = fixture->metric, .label_count = 1, .values = &values};
    assert_int_equal(slu_meter_observe_key(fixture->meter, writer, &key, now_ns, amount), 0);
}

/* The number of the line that begins with `start`. */
static double line_number(const char *page, const char *start)
{
    const char *line = strstr(page, start);
    assert_non_null(line);
    double number = 0;
    assert_int_equal(sscanf(line + strlen(start), " %lf", &number), 1);
    return number;
}

static void assert_near(double value, double wanted)
{
    assert_true(fabs(value - wanted) <= fabs(wanted) * SLU_QUANTILE_ERROR_DEFAULT * 1.001);
}

static void a_summary_shows_quantiles_of_the_span_and_count_and_sum_of_all(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, 8, 0);
    for (int i = 1; i <= 100; i++) {
        observe(&fixture, (uint32_t)i % 2, "a", SECOND, i);
    }
    const char *page = exposed(fixture.meter, SECOND, SLU_METER_PROMETHEUS);
    assert_int_equal(strncmp(page,
                             "# HELP latency Time to answer.\n# TYPE latency summary\n"
                             "latency{key=\"a\",quantile=\"0\"} ",
                             74),
                     0);
    assert_near(line_number(page, "latency{key=\"a\",quantile=\"0\"}"), 1);
    assert_near(line_number(page, "latency{key=\"a\",quantile=\"0.5\"}"), 50);
    assert_near(line_number(page, "latency{key=\"a\",quantile=\"1\"}"), 100);
    assert_non_null(strstr(page, "\nlatency_sum{key=\"a\"} 5050\nlatency_count{key=\"a\"} 100\n"));
    observe(&fixture, 0, "a", 8 * SECOND, 7);
    page = exposed(fixture.meter, 15 * SECOND, SLU_METER_OPENMETRICS);
    assert_near(line_number(page, "latency{key=\"a\",quantile=\"0\"}"), 7);
    assert_near(line_number(page, "latency{key=\"a\",quantile=\"1\"}"), 7);
    assert_non_null(strstr(page, "\nlatency_sum{key=\"a\"} 5057\nlatency_count{key=\"a\"} 101\n"));
    stop(&fixture);
}

static void an_empty_span_has_no_quantiles(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, 8, 0);
    struct slu_series series = series_of(fixture.meter, fixture.metric, "", SECOND);
    assert_string_equal(exposed(fixture.meter, SECOND, SLU_METER_PROMETHEUS),
                        "# HELP latency Time to answer.\n# TYPE latency summary\n"
                        "latency{quantile=\"0\"} NaN\nlatency{quantile=\"0.5\"} NaN\n"
                        "latency{quantile=\"1\"} NaN\nlatency_sum 0\nlatency_count 0\n");
    assert_int_equal(slu_meter_observe(fixture.meter, 0, series, SECOND, NAN), -EINVAL);
    assert_int_equal(slu_meter_count(fixture.meter, 0, series, SECOND, 1), -EINVAL);
    assert_int_equal(slu_meter_observe(fixture.meter, 9, series, SECOND, 1), -EINVAL);
    const char *page = exposed(fixture.meter, SECOND, SLU_METER_PROMETHEUS);
    assert_non_null(strstr(page, "latency_sum 0\nlatency_count 0\n"));
    stop(&fixture);
}

static void values_are_shown_in_the_unit_of_the_scale(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, 8, 1e-9);
    observe(&fixture, 0, "a", SECOND, 1.5e9);
    const char *page = exposed(fixture.meter, SECOND, SLU_METER_PROMETHEUS);
    assert_near(line_number(page, "latency{key=\"a\",quantile=\"0.5\"}"), 1.5);
    assert_non_null(strstr(page, "\nlatency_sum{key=\"a\"} 1.5\n"));
    stop(&fixture);
}

static void without_a_window_samples_go_to_the_overflow(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, 3, 0); /* the overflow has the first */
    observe(&fixture, 0, "a", SECOND, 1);
    observe(&fixture, 0, "b", SECOND, 2);
    observe(&fixture, 0, "c", SECOND, 3);
    observe(&fixture, 1, "d", SECOND, 4);
    struct slu_metric_stats stats;
    struct slu_meter_stats meter_stats;
    assert_int_equal(slu_metric_stats(fixture.meter, fixture.metric, &stats), 0);
    slu_meter_stats(fixture.meter, &meter_stats);
    assert_int_equal(stats.overflow_count, 2);
    assert_int_equal(meter_stats.windows_used_count, 3);
    const char *page = exposed(fixture.meter, SECOND, SLU_METER_PROMETHEUS);
    assert_near(line_number(page, "latency{otel_metric_overflow=\"true\",quantile=\"1\"}"), 4);
    assert_non_null(strstr(page, "\nlatency_sum{otel_metric_overflow=\"true\"} 7\n"));
    struct slu_metric_options options = {.name = "other", .kind = SLU_METRIC_SUMMARY};
    struct slu_diag diag = {0};
    uint32_t metric = 0;
    assert_int_equal(slu_meter_register(fixture.meter, &options, &diag, &metric), -EDQUOT);
    assert_non_null(strstr(diag.message, "windows_max"));
    stop(&fixture);
}

static void a_window_goes_with_its_series_and_begins_empty(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, 2, 0);
    struct slu_series old = series_of(fixture.meter, fixture.metric, "old", 0);
    assert_int_equal(slu_meter_observe(fixture.meter, 0, old, 0, 1000), 0);
    assert_int_equal(slu_meter_expire(fixture.meter, 10 * SECOND, 100), 1);
    assert_int_equal(slu_meter_observe(fixture.meter, 0, old, 10 * SECOND, 1), -ESTALE);
    observe(&fixture, 0, "new", 10 * SECOND, 5);
    assert_int_equal(slu_meter_observe(fixture.meter, 0, old, 10 * SECOND, 1), -ESTALE);
    const char *page = exposed(fixture.meter, 10 * SECOND, SLU_METER_PROMETHEUS);
    assert_near(line_number(page, "latency{key=\"new\",quantile=\"1\"}"), 5);
    assert_non_null(strstr(page, "\nlatency_count{key=\"new\"} 1\n"));
    stop(&fixture);
}

static void refuse_metric(const struct slu_metric_options *options, const char *word)
{
    struct fixture fixture;
    start(&fixture, 8, 0);
    struct slu_diag diag = {0};
    uint32_t metric = 0;
    assert_int_not_equal(slu_meter_register(fixture.meter, options, &diag, &metric), 0);
    assert_non_null(strstr(diag.message, word));
    stop(&fixture);
}

static void what_a_summary_cannot_have_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const double falling[] = {0.9, 0.5};
    static const double equal[] = {0.5, 0.5};
    static const double beyond[] = {0.5, 1.1};
    static const double none[] = {NAN};
    static const char *const labels[] = {"quantile"};
    struct slu_metric_options options = {
        .name = "x", .kind = SLU_METRIC_SUMMARY, .quantiles = falling, .quantile_count = 2};
    refuse_metric(&options, "quantile 1 is 0.5");
    options.quantiles = equal;
    refuse_metric(&options, "quantile 1 is 0.5");
    options.quantiles = beyond;
    refuse_metric(&options, "quantile 1 is 1.1");
    options.quantiles = none;
    options.quantile_count = 1;
    refuse_metric(&options, "quantile 0 is");
    options.quantile_count = SLU_METRIC_QUANTILES_MAX + 1;
    refuse_metric(&options, "quantile_count is 9");
    options = (struct slu_metric_options){
        .name = "x", .kind = SLU_METRIC_SUMMARY, .labels = labels, .label_count = 1};
    refuse_metric(&options, "'quantile'");
    options = (struct slu_metric_options){.name = "latency_sum", .kind = SLU_METRIC_GAUGE};
    refuse_metric(&options, "'latency' is registered");
}

static void windows_that_cannot_be_are_refused_with_the_reason(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(METER_BYTES);
    struct slu_meter *meter = NULL;
    struct slu_diag diag = {0};
    struct slu_meter_options options = summary_options(8);
    options.window.span_ns = 0;
    assert_int_equal(slu_meter_create(budget, &options, &diag, &meter), -EINVAL);
    assert_non_null(strstr(diag.message, "span_ns"));
    options = summary_options(64 + 4 + 1);
    assert_int_equal(slu_meter_create(budget, &options, &diag, &meter), -EINVAL);
    assert_non_null(strstr(diag.message, "windows_max"));
    slu_budget_destroy(&budget);
}

static void observing_allocates_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, 8, 0);
    uint64_t allocations = alloc_count();
    char value[16];
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(value, sizeof(value), "v%u", i / 10 % 40);
        observe(&fixture, i % 2, value, i * SECOND / 20, i);
    }
    (void)exposed(fixture.meter, 250 * SECOND, SLU_METER_PROMETHEUS);
    assert_int_equal(alloc_count(), allocations);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_summary_shows_quantiles_of_the_span_and_count_and_sum_of_all),
        cmocka_unit_test(an_empty_span_has_no_quantiles),
        cmocka_unit_test(values_are_shown_in_the_unit_of_the_scale),
        cmocka_unit_test(without_a_window_samples_go_to_the_overflow),
        cmocka_unit_test(a_window_goes_with_its_series_and_begins_empty),
        cmocka_unit_test(what_a_summary_cannot_have_is_refused_with_the_reason),
        cmocka_unit_test(windows_that_cannot_be_are_refused_with_the_reason),
        cmocka_unit_test(observing_allocates_nothing),
    };
    return TEST_RUN("meter/meter_summary", tests);
}

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
};

static void start(struct fixture *fixture, const struct slu_meter_options *options)
{
    fixture->budget = budget_of(METER_BYTES);
    fixture->meter = meter_of(fixture->budget, options);
}

static void stop(struct fixture *fixture)
{
    meter_validate(fixture->meter);
    slu_meter_destroy(&fixture->meter);
    assert_null(fixture->meter);
    slu_budget_destroy(&fixture->budget);
}

static void assert_series_count(struct slu_meter *meter, uint32_t count)
{
    struct slu_meter_stats stats;
    slu_meter_stats(meter, &stats);
    assert_int_equal(stats.series_count, count);
}

static uint64_t overflow_count(struct slu_meter *meter, uint32_t metric)
{
    struct slu_metric_stats stats;
    assert_int_equal(slu_metric_stats(meter, metric, &stats), 0);
    return stats.overflow_count;
}

static void count_of(struct slu_meter *meter, uint32_t metric, const char *value, uint64_t now_ns)
{
    struct slu_bytes values = bytes_of(value);
    struct slu_meter_key key = {.metric = metric, .label_count = 1, .values = &values};
    assert_int_equal(slu_meter_count_key(meter, 0, &key, now_ns, 1), 0);
}

static void labels_tell_series_apart(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    static const char *const labels[] = {"method", "path"};
    uint32_t metric = metric_of(meter, &(struct slu_metric_options){.name = "requests",
                                                                    .help = "Requests served.",
                                                                    .kind = SLU_METRIC_COUNTER,
                                                                    .labels = labels,
                                                                    .label_count = 2});
    static const char *const sets[][2] = {
        {"GET", "/"}, {"GET", "/a"}, {"POST", "/"}, {"", "GET/"}, {"GET/", ""}, {"", ""},
    };
    for (uint64_t amount = 1; amount <= 6; amount++) {
        struct slu_bytes values[] = {bytes_of(sets[amount - 1][0]), bytes_of(sets[amount - 1][1])};
        struct slu_meter_key key = {.metric = metric, .label_count = 2, .values = values};
        assert_int_equal(slu_meter_count_key(meter, 0, &key, 1, amount), 0);
        assert_int_equal(slu_meter_count_key(meter, 1, &key, 1, 10 * amount), 0);
        assert_int_equal(slu_meter_count_key(meter, SLU_METER_ANY_THREAD, &key, 1, 100 * amount),
                         0);
    }
    assert_string_equal(exposed(meter, 1, SLU_METER_PROMETHEUS),
                        "# HELP requests_total Requests served.\n"
                        "# TYPE requests_total counter\n"
                        "requests_total{method=\"GET\",path=\"/\"} 111\n"
                        "requests_total{method=\"GET\",path=\"/a\"} 222\n"
                        "requests_total{method=\"POST\",path=\"/\"} 333\n"
                        "requests_total{path=\"GET/\"} 444\n"
                        "requests_total{method=\"GET/\"} 555\n"
                        "requests_total 666\n");
    stop(&fixture);
}

static void rules_normalise_values_by_the_name_of_their_label(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(METER_BYTES);
    static const struct slu_label_rule table[] = {{"path", SLU_LABEL_PATH},
                                                  {"code", SLU_LABEL_STATUS}};
    struct slu_label_options rule_options = {.rules = table, .rule_count = 2};
    struct slu_label_rules *rules = NULL;
    assert_int_equal(slu_label_rules_create(budget, &rule_options, NULL, &rules), 0);
    struct slu_meter_options options = small_options();
    options.rules = rules;
    struct slu_meter *meter = meter_of(budget, &options);
    static const char *const labels[] = {"code", "path", "user"};
    uint32_t metric = metric_of(meter, &(struct slu_metric_options){.name = "requests_total",
                                                                    .kind = SLU_METRIC_COUNTER,
                                                                    .labels = labels,
                                                                    .label_count = 3});
    for (uint32_t i = 0; i < 100; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/api/v1/user/%u?id=%u", i, i);
        struct slu_bytes values[] = {bytes_of(i % 2 == 0 ? "200" : "204"), bytes_of(path),
                                     bytes_of("a\xff")};
        struct slu_meter_key key = {.metric = metric, .label_count = 3, .values = values};
        assert_int_equal(slu_meter_count_key(meter, 0, &key, 1, 1), 0);
    }
    assert_string_equal(
        exposed(meter, 1, SLU_METER_PROMETHEUS),
        "# TYPE requests_total counter\n"
        "requests_total{code=\"2xx\",path=\"/api/v1/user/:id\",user=\"a\xef\xbf\xbd\"} 100\n");
    slu_meter_destroy(&meter);
    slu_label_rules_destroy(&rules);
    slu_budget_destroy(&budget);
}

static void kinds_are_shown_as_what_they_are(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    uint32_t busy =
        metric_of(meter, &(struct slu_metric_options){
                             .name = "busy_seconds", .kind = SLU_METRIC_COUNTER, .scale = 1e-9});
    uint32_t open =
        metric_of(meter, &(struct slu_metric_options){.name = "open", .kind = SLU_METRIC_SUM});
    uint32_t heat = metric_of(
        meter, &(struct slu_metric_options){.name = "heat", .kind = SLU_METRIC_GAUGE, .help = ""});
    uint32_t seen = metric_of(
        meter, &(struct slu_metric_options){.name = "any \"name\"", .kind = SLU_METRIC_PRESENCE});
    struct slu_meter_key key = {.metric = busy};
    assert_int_equal(slu_meter_count_key(meter, 0, &key, 1, 1100000000), 0);
    key.metric = open;
    assert_int_equal(slu_meter_shift_key(meter, 0, &key, 1, -5), 0);
    assert_int_equal(slu_meter_shift_key(meter, 1, &key, 1, 3), 0);
    key.metric = heat;
    assert_int_equal(slu_meter_set_key(meter, 0, &key, 5, -0.5), 0);
    assert_int_equal(slu_meter_set_key(meter, 1, &key, 4, 7), 0);
    key.metric = seen;
    struct slu_series series;
    assert_int_equal(slu_meter_resolve(meter, 0, &key, 5, &series), 0);
    assert_string_equal(exposed(meter, 5, SLU_METER_PROMETHEUS),
                        "# TYPE busy_seconds_total counter\n"
                        "busy_seconds_total 1.1\n"
                        "# TYPE open gauge\n"
                        "open -2\n"
                        "# TYPE heat gauge\n"
                        "heat -0.5\n");
    assert_string_equal(exposed(meter, 5, SLU_METER_OPENMETRICS), "# TYPE busy_seconds counter\n"
                                                                  "busy_seconds_total 1.1\n"
                                                                  "# TYPE open gauge\n"
                                                                  "open -2\n"
                                                                  "# TYPE heat gauge\n"
                                                                  "heat -0.5\n"
                                                                  "# EOF\n");
    stop(&fixture);
}

static void gauges_show_all_doubles(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    static const char *const labels[] = {"v"};
    uint32_t metric =
        metric_of(fixture.meter,
                  &(struct slu_metric_options){
                      .name = "g", .kind = SLU_METRIC_GAUGE, .labels = labels, .label_count = 1});
    const double numbers[] = {NAN, INFINITY, -INFINITY, -0.0, 1e300, 12345678};
    for (uint32_t i = 0; i < 6; i++) {
        char name[] = {(char)('a' + i), '\0'};
        struct slu_series series = series_of(fixture.meter, metric, name, 1);
        assert_int_equal(slu_meter_set(fixture.meter, 0, series, 1, numbers[i]), 0);
    }
    assert_string_equal(exposed(fixture.meter, 1, SLU_METER_PROMETHEUS),
                        "# TYPE g gauge\n"
                        "g{v=\"a\"} NaN\ng{v=\"b\"} +Inf\ng{v=\"c\"} -Inf\ng{v=\"d\"} -0\n"
                        "g{v=\"e\"} 1e+300\ng{v=\"f\"} 12345678\n");
    stop(&fixture);
}

static void text_is_escaped_as_its_format_wants(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    static const char *const labels[] = {"key"};
    uint32_t metric =
        metric_of(fixture.meter, &(struct slu_metric_options){.name = "x",
                                                              .help = "A \\ of \"two\"\nlines",
                                                              .kind = SLU_METRIC_COUNTER,
                                                              .labels = labels,
                                                              .label_count = 1});
    count_of(fixture.meter, metric, "C:\\DIR\n\"quoted\"\\", 1);
    assert_string_equal(exposed(fixture.meter, 1, SLU_METER_PROMETHEUS),
                        "# HELP x_total A \\\\ of \"two\"\\nlines\n"
                        "# TYPE x_total counter\n"
                        "x_total{key=\"C:\\\\DIR\\n\\\"quoted\\\"\\\\\"} 1\n");
    assert_string_equal(exposed(fixture.meter, 1, SLU_METER_OPENMETRICS),
                        "# HELP x A \\\\ of \\\"two\\\"\\nlines\n"
                        "# TYPE x counter\n"
                        "x_total{key=\"C:\\\\DIR\\n\\\"quoted\\\"\\\\\"} 1\n"
                        "# EOF\n");
    stop(&fixture);
}

static void beyond_the_cap_samples_go_to_one_series(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    options.series_max = 2;
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    uint32_t metric = counter_of(meter, "c");
    for (int round = 0; round < 3; round++) {
        count_of(meter, metric, "a", 1);
        count_of(meter, metric, "b", 1);
        count_of(meter, metric, "late", 1);
        count_of(meter, metric, round == 0 ? "x" : "y", 1);
    }
    assert_string_equal(exposed(meter, 1, SLU_METER_PROMETHEUS),
                        "# TYPE c_total counter\n"
                        "c_total{key=\"a\"} 3\nc_total{key=\"b\"} 3\n"
                        "c_total{otel_metric_overflow=\"true\"} 6\n");
    assert_int_equal(overflow_count(meter, metric), 6);
    assert_true(slu_meter_is_overflow(meter, series_of(meter, metric, "z", 1)));
    assert_false(slu_meter_is_overflow(meter, series_of(meter, metric, "a", 1)));
    stop(&fixture);
}

static void a_metric_has_a_cap_of_its_own(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    static const char *const labels[] = {"key"};
    uint32_t capped =
        metric_of(fixture.meter, &(struct slu_metric_options){.name = "capped",
                                                              .kind = SLU_METRIC_GAUGE,
                                                              .labels = labels,
                                                              .label_count = 1,
                                                              .series_max = 1});
    uint32_t other = counter_of(fixture.meter, "other");
    assert_false(slu_meter_is_overflow(fixture.meter, series_of(fixture.meter, capped, "a", 1)));
    assert_true(slu_meter_is_overflow(fixture.meter, series_of(fixture.meter, capped, "b", 1)));
    assert_false(slu_meter_is_overflow(fixture.meter, series_of(fixture.meter, other, "b", 1)));
    stop(&fixture);
}

static void a_capped_metric_finds_idle_series_behind_busy_ones(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    static const char *const labels[] = {"key"};
    uint32_t metric = metric_of(meter, &(struct slu_metric_options){.name = "capped",
                                                                    .kind = SLU_METRIC_COUNTER,
                                                                    .labels = labels,
                                                                    .label_count = 1,
                                                                    .series_max = 3});
    count_of(meter, metric, "busy", 0);
    count_of(meter, metric, "idle", 0);
    count_of(meter, metric, "also idle", 0);
    count_of(meter, metric, "busy", 10 * SECOND);
    count_of(meter, metric, "new", 10 * SECOND);
    count_of(meter, metric, "also new", 10 * SECOND);
    assert_int_equal(overflow_count(meter, metric), 0);
    count_of(meter, metric, "too many", 10 * SECOND);
    assert_int_equal(overflow_count(meter, metric), 1);
    stop(&fixture);
}

static void values_are_capped_in_bytes(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    options.values_bytes_max = 192; /* eight pieces of 24 */
    start(&fixture, &options);
    uint32_t metric = counter_of(fixture.meter, "c");
    uint32_t other = counter_of(fixture.meter, "d");
    struct slu_meter_stats stats;
    count_of(fixture.meter, metric, "123456789012345678901234", 1);
    slu_meter_stats(fixture.meter, &stats);
    assert_int_equal(stats.values_used_bytes, 24);
    count_of(fixture.meter, other, "123456789012345678901234", 1); /* kept once */
    count_of(fixture.meter, metric, "1234567890123456789012345", 1);
    slu_meter_stats(fixture.meter, &stats);
    assert_int_equal(stats.values_used_bytes, 72);
    for (int i = 0; i < 10; i++) {
        char value[] = {(char)('a' + i), '\0'};
        count_of(fixture.meter, metric, value, 1);
    }
    slu_meter_stats(fixture.meter, &stats);
    assert_int_equal(stats.values_used_bytes, 192);
    assert_int_equal(stats.series_count, 3 + 5);
    assert_int_equal(overflow_count(fixture.meter, metric), 5);
    stop(&fixture);
}

static void the_label_that_explodes_is_named(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    options.series_max = 32;
    start(&fixture, &options);
    static const char *const labels[] = {"method", "user", "code"};
    uint32_t metric = metric_of(fixture.meter, &(struct slu_metric_options){
                                                   .name = "requests",
                                                   .kind = SLU_METRIC_COUNTER,
                                                   .labels = labels,
                                                   .label_count = 3,
                                               });
    struct slu_meter_explosion explosion;
    assert_int_equal(slu_meter_exploded(fixture.meter, metric, 1, &explosion), -ENOENT);
    for (uint32_t i = 0; i < 5000; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "u%u", i);
        struct slu_bytes values[] = {bytes_of(i % 2 == 0 ? "GET" : "PUT"), bytes_of(user),
                                     bytes_of(i % 3 == 0 ? "200" : "404")};
        struct slu_meter_key key = {.metric = metric, .label_count = 3, .values = values};
        assert_int_equal(slu_meter_count_key(fixture.meter, 0, &key, 1, 1), 0);
    }
    assert_int_equal(slu_meter_exploded(fixture.meter, metric, 1, &explosion), 0);
    assert_int_equal(explosion.metric, metric);
    assert_int_equal(explosion.label, 1);
    assert_memory_equal(explosion.name.data, "user", explosion.name.len);
    assert_in_range(explosion.distinct_count, 3300, 6700);
    assert_int_equal(explosion.overflow_count, 5000 - 32);
    assert_int_equal(slu_meter_exploded(fixture.meter, metric, 15 * SECOND, &explosion), 0);
    assert_in_range(explosion.distinct_count, 3300, 6700);
    assert_int_equal(slu_meter_exploded(fixture.meter, metric, 25 * SECOND, &explosion), 0);
    assert_int_equal(explosion.distinct_count, 0);
    assert_int_equal(slu_meter_exploded(fixture.meter, 99, 1, &explosion), -EINVAL);
    stop(&fixture);
}

static void an_idle_series_goes_and_its_handle_is_stale(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    uint32_t metric = counter_of(meter, "c");
    struct slu_series old = series_of(meter, metric, "old", 0);
    struct slu_series kept = series_of(meter, metric, "kept", 0);
    assert_int_equal(slu_meter_count(meter, 1, old, 0, 5), 0);
    assert_int_equal(slu_meter_count(meter, 0, kept, 3 * SECOND, 1), 0);
    assert_int_equal(slu_meter_expire(meter, 10 * SECOND - 1, 100), 0);
    assert_int_equal(slu_meter_expire(meter, 10 * SECOND, 100), 1);
    assert_int_equal(slu_meter_count(meter, 0, old, 10 * SECOND, 1), -ESTALE);
    assert_int_equal(slu_meter_count(meter, 1, old, 10 * SECOND, 1), -ESTALE);
    struct slu_series successor = series_of(meter, metric, "new", 10 * SECOND);
    assert_int_equal(slu_meter_count(meter, 1, successor, 10 * SECOND, 7), 0);
    assert_int_equal(slu_meter_count(meter, 1, old, 10 * SECOND, 100), -ESTALE);
    assert_int_equal(slu_meter_count(meter, SLU_METER_ANY_THREAD, old, 1, 100), -ESTALE);
    assert_int_equal(slu_meter_count(meter, 0, kept, 10 * SECOND, 1), 0);
    assert_string_equal(exposed(meter, 10 * SECOND, SLU_METER_PROMETHEUS),
                        "# TYPE c_total counter\n"
                        "c_total{key=\"kept\"} 2\nc_total{key=\"new\"} 7\n");
    struct slu_metric_stats stats;
    assert_int_equal(slu_metric_stats(meter, metric, &stats), 0);
    assert_int_equal(stats.dropped_count, 1);
    assert_int_equal(stats.series_count, 2);
    stop(&fixture);
}

static void an_exposition_drops_what_is_idle(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    uint32_t metric = counter_of(fixture.meter, "c");
    for (int i = 0; i < 9; i++) {
        char value[] = {(char)('a' + i), '\0'};
        count_of(fixture.meter, metric, value, i % 3 == 1 ? 5 * SECOND : 0);
    }
    assert_string_equal(exposed(fixture.meter, 10 * SECOND, SLU_METER_PROMETHEUS),
                        "# TYPE c_total counter\n"
                        "c_total{key=\"b\"} 1\nc_total{key=\"e\"} 1\nc_total{key=\"h\"} 1\n");
    assert_series_count(fixture.meter, 3);
    assert_string_equal(exposed(fixture.meter, 20 * SECOND, SLU_METER_PROMETHEUS),
                        "# TYPE c_total counter\n");
    stop(&fixture);
}

static void a_full_meter_takes_new_series_when_old_ones_are_idle(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    uint32_t metric = counter_of(meter, "c");
    char value[16];
    for (uint32_t i = 0; i < 200; i++) {
        (void)snprintf(value, sizeof(value), "v%u", i);
        count_of(meter, metric, value, i);
    }
    assert_series_count(meter, 64);
    assert_int_equal(overflow_count(meter, metric), 136);
    count_of(meter, metric, "v0", 9 * SECOND);
    count_of(meter, metric, "new", 10 * SECOND - 1);
    assert_int_equal(overflow_count(meter, metric), 137);
    for (uint32_t i = 0; i < 63; i++) {
        (void)snprintf(value, sizeof(value), "w%u", i);
        count_of(meter, metric, value, 11 * SECOND);
    }
    assert_int_equal(overflow_count(meter, metric), 137);
    assert_series_count(meter, 64);
    count_of(meter, metric, "x", 11 * SECOND);
    assert_int_equal(overflow_count(meter, metric), 138);
    stop(&fixture);
}

static void time_running_backwards_drops_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    uint32_t metric = counter_of(fixture.meter, "c");
    struct slu_series series = series_of(fixture.meter, metric, "a", 100 * SECOND);
    assert_int_equal(slu_meter_expire(fixture.meter, 1, 100), 0);
    assert_int_equal(slu_meter_expire(fixture.meter, 0, 100), 0);
    assert_int_equal(slu_meter_count(fixture.meter, 0, series, 100 * SECOND, 1), 0);
    assert_int_equal(slu_meter_expire(fixture.meter, UINT64_MAX, 100), 1);
    stop(&fixture);
}

static void a_meter_without_idle_time_keeps_all(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    options.idle_ns = 0;
    options.series_max = 1;
    start(&fixture, &options);
    uint32_t metric = counter_of(fixture.meter, "c");
    struct slu_series series = series_of(fixture.meter, metric, "a", 0);
    assert_int_equal(slu_meter_expire(fixture.meter, UINT64_MAX, 100), 0);
    count_of(fixture.meter, metric, "b", UINT64_MAX);
    count_of(fixture.meter, metric, "c", UINT64_MAX - 1);
    assert_int_equal(slu_meter_count(fixture.meter, 0, series, UINT64_MAX, 1), 0);
    assert_int_equal(overflow_count(fixture.meter, metric), 2);
    stop(&fixture);
}

static void labels_may_be_given_by_name_in_any_order(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    static const char *const labels[] = {"a", "b", "c"};
    struct slu_metric_options metric_options = {
        .name = "x", .kind = SLU_METRIC_COUNTER, .labels = labels, .label_count = 3};
    uint32_t metric = metric_of(fixture.meter, &metric_options);
    struct slu_bytes names[] = {bytes_of("c"), bytes_of("a"), bytes_of("b"), bytes_of("d")};
    struct slu_bytes values[] = {bytes_of("3"), bytes_of("1"), bytes_of(""), bytes_of("4")};
    struct slu_meter_key key = {metric, 3, names, values};
    assert_int_equal(slu_meter_count_key(fixture.meter, 0, &key, 1, 1), 0);
    key.label_count = 2;
    assert_int_equal(slu_meter_count_key(fixture.meter, 0, &key, 1, 1), 0);
    key.label_count = 4;
    assert_int_equal(slu_meter_count_key(fixture.meter, 0, &key, 1, 1), -EINVAL);
    names[3] = bytes_of("a");
    assert_int_equal(slu_meter_count_key(fixture.meter, 0, &key, 1, 1), -EINVAL);
    assert_string_equal(exposed(fixture.meter, 1, SLU_METER_PROMETHEUS),
                        "# TYPE x_total counter\nx_total{a=\"1\",c=\"3\"} 2\n");
    stop(&fixture);
}

static void open_labels_are_added_as_they_are_met(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_metric_options metric_options = {
        .name = "http.requests", .kind = SLU_METRIC_PRESENCE, .open_labels = true};
    uint32_t metric = metric_of(fixture.meter, &metric_options);
    struct slu_bytes names[] = {bytes_of("http.route"), bytes_of("n"), bytes_of("o"), bytes_of("p"),
                                bytes_of("q")};
    struct slu_bytes values[] = {bytes_of("/x"), bytes_of("1"), bytes_of("2"), bytes_of("3"),
                                 bytes_of("4")};
    struct slu_series series[6];
    for (uint32_t count = 0; count <= 5; count++) {
        struct slu_meter_key key = {metric, count, names, values};
        assert_int_equal(slu_meter_resolve(fixture.meter, 0, &key, 1, &series[count]), 0);
        assert_int_equal(slu_meter_is_overflow(fixture.meter, series[count]), count == 5);
    }
    assert_series_count(fixture.meter, 5);
    assert_int_equal(overflow_count(fixture.meter, metric), 1);
    struct slu_series again;
    struct slu_meter_key key = {metric, 1, names, values};
    assert_int_equal(slu_meter_resolve(fixture.meter, 1, &key, 1, &again), 0);
    assert_int_equal(again.id, series[1].id);
    names[0] = bytes_of("\xff");
    assert_int_equal(slu_meter_resolve(fixture.meter, 1, &key, 1, &again), -EINVAL);
    stop(&fixture);
}

static void wrong_use_is_refused_and_records_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    uint32_t metric = counter_of(meter, "c");
    struct slu_series series = series_of(meter, metric, "a", 1);
    struct slu_series none = {0};
    assert_int_equal(slu_meter_count(meter, 2, series, 1, 1), -EINVAL);
    assert_int_equal(slu_meter_count(meter, 0, none, 1, 1), -EINVAL);
    assert_int_equal(slu_meter_shift(meter, 0, series, 1, 1), -EINVAL);
    assert_int_equal(slu_meter_set(meter, 0, series, 1, 1), -EINVAL);
    assert_int_equal(slu_meter_set(meter, 3, series, 1, 1), -EINVAL);
    struct slu_series forged = series;
    forged.id ^= UINT64_C(1) << 63;
    assert_int_equal(slu_meter_count(meter, 0, forged, 1, 1), -ESTALE);
    forged.id = UINT64_MAX;
    assert_int_equal(slu_meter_count(meter, 0, forged, 1, 1), -ESTALE);
    struct slu_bytes values[] = {bytes_of("a"), bytes_of("b")};
    struct slu_meter_key key = {.metric = metric, .label_count = 2, .values = values};
    assert_int_equal(slu_meter_count_key(meter, 0, &key, 1, 1), -EINVAL);
    key.label_count = 0;
    assert_int_equal(slu_meter_count_key(meter, 0, &key, 1, 1), -EINVAL);
    key = (struct slu_meter_key){.metric = 1, .label_count = 1, .values = values};
    assert_int_equal(slu_meter_count_key(meter, 0, &key, 1, 1), -EINVAL);
    key.metric = metric;
    assert_int_equal(slu_meter_count_key(meter, 9, &key, 1, 1), -EINVAL);
    assert_string_equal(exposed(meter, 1, SLU_METER_PROMETHEUS),
                        "# TYPE c_total counter\nc_total{key=\"a\"} 0\n");
    stop(&fixture);
}

static void sums_at_their_ends_are_refused_and_kept(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    struct slu_meter *meter = fixture.meter;
    struct slu_series series = series_of(meter, counter_of(meter, "c"), "a", 1);
    assert_int_equal(slu_meter_count(meter, 0, series, 1, UINT64_MAX - 1), 0);
    assert_int_equal(slu_meter_count(meter, 0, series, 1, 2), -EOVERFLOW);
    assert_int_equal(slu_meter_count(meter, 0, series, 1, 1), 0);
    assert_int_equal(slu_meter_count(meter, 1, series, 1, 9), 0);
    static const char *const labels[] = {"key"};
    uint32_t metric = metric_of(
        meter, &(struct slu_metric_options){
                   .name = "s", .kind = SLU_METRIC_SUM, .labels = labels, .label_count = 1});
    series = series_of(meter, metric, "a", 1);
    assert_int_equal(slu_meter_shift(meter, 0, series, 1, INT64_MIN), 0);
    assert_int_equal(slu_meter_shift(meter, 0, series, 1, -1), -EOVERFLOW);
    assert_int_equal(slu_meter_shift(meter, 1, series, 1, INT64_MAX), 0);
    assert_int_equal(slu_meter_shift(meter, 1, series, 1, 1), -EOVERFLOW);
    assert_string_equal(exposed(meter, 1, SLU_METER_PROMETHEUS),
                        "# TYPE c_total counter\nc_total{key=\"a\"} 18446744073709551615\n"
                        "# TYPE s gauge\ns{key=\"a\"} -1\n");
    stop(&fixture);
}

struct stubborn {
    int calls_left;
};

static int stubborn_write(void *context, const char *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    struct stubborn *stubborn = context;
    return stubborn->calls_left-- > 0 ? 0 : -EPIPE;
}

static void an_exposition_ends_with_the_error_of_its_reader(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    uint32_t metric = counter_of(fixture.meter, "c");
    char value[121];
    memset(value, 'v', sizeof(value));
    value[120] = '\0';
    for (int i = 0; i < 64; i++) {
        value[0] = (char)('0' + i);
        count_of(fixture.meter, metric, value, 1);
    }
    for (int calls = 0; calls < 2; calls++) {
        struct stubborn stubborn = {calls};
        assert_int_equal(
            slu_meter_expose(fixture.meter, 1, SLU_METER_PROMETHEUS, stubborn_write, &stubborn),
            -EPIPE);
        assert_int_equal(stubborn.calls_left, -1);
    }
    static struct page page;
    assert_int_equal(slu_meter_expose(fixture.meter, 1, SLU_METER_PROMETHEUS, page_write, &page),
                     0);
    assert_true(page.len > 8192);
    assert_in_range(page.piece_max, 1, 4096);
    stop(&fixture);
}

static void nothing_is_allocated_after_creation(void **state)
{
    (void)state;
    struct fixture fixture;
    struct slu_meter_options options = small_options();
    start(&fixture, &options);
    uint64_t allocations = alloc_count();
    uint64_t used = budget_used(fixture.budget);
    uint32_t metric = counter_of(fixture.meter, "c");
    char value[16];
    for (uint32_t i = 0; i < 20000; i++) {
        (void)snprintf(value, sizeof(value), "v%u", i % 300);
        count_of(fixture.meter, metric, value, i * SECOND / 8);
    }
    (void)exposed(fixture.meter, 0, SLU_METER_PROMETHEUS);
    assert_int_equal(alloc_count(), allocations);
    assert_int_equal(budget_used(fixture.budget), used);
    stop(&fixture);
}

static void creation_without_memory_leaves_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(METER_BYTES);
    struct slu_meter_options options = small_options();
    struct slu_meter *meter = NULL;
    struct slu_diag diag = {0};
    uint64_t used = budget_used(budget);
    alloc_fault_at(1);
    assert_int_equal(slu_meter_create(budget, &options, &diag, &meter), -ENOMEM);
    alloc_fault_at(0);
    assert_int_equal(budget_used(budget), used);
    options.series_max = SLU_METER_SERIES_MAX;
    assert_int_equal(slu_meter_create(budget, &options, &diag, &meter), -EDQUOT);
    assert_non_null(strstr(diag.message, "16777216 series for 2 writers"));
    assert_null(meter);
    assert_int_equal(budget_used(budget), used);
    slu_meter_destroy(&meter);
    slu_meter_destroy(NULL);
    slu_budget_destroy(&budget);
}

static void refuse(struct slu_meter_options options, const char *word)
{
    struct slu_budget *budget = budget_of(METER_BYTES);
    struct slu_meter *meter = NULL;
    struct slu_diag diag = {0};
    assert_int_equal(slu_meter_create(budget, &options, &diag, &meter), -EINVAL);
    assert_non_null(strstr(diag.message, word));
    assert_int_equal(slu_meter_create(budget, &options, NULL, &meter), -EINVAL);
    slu_budget_destroy(&budget);
}

#define REFUSE(member, number)                                                                     \
    do {                                                                                           \
        struct slu_meter_options options = small_options();                                        \
        options.member = (number);                                                                 \
        refuse(options, #member);                                                                  \
    } while (0)

static void impossible_options_are_refused_with_the_reason(void **state)
{
    (void)state;
    REFUSE(metrics_max, 0);
    REFUSE(metrics_max, SLU_METER_METRICS_MAX + 1);
    REFUSE(series_max, 0);
    REFUSE(series_max, SLU_METER_SERIES_MAX + 1);
    REFUSE(labels_max, 0);
    REFUSE(labels_max, SLU_METER_LABELS_MAX + 1);
    REFUSE(value_bytes_max, SLU_LABEL_BYTES_MIN - 1);
    REFUSE(value_bytes_max, SLU_LABEL_BYTES_MAX + 1);
    REFUSE(writer_count, 0);
    REFUSE(writer_count, SLU_METER_WRITERS_MAX + 1);
    REFUSE(values_bytes_max, SLU_LABEL_BYTES_MIN - 1);
    REFUSE(values_bytes_max, SLU_METER_VALUES_BYTES_MAX + 1);
    struct slu_meter_options options = small_options();
    options.value_bytes_max = 1024;
    options.values_bytes_max = 1024;
    refuse(options, "must fit 4096 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_tell_series_apart),
        cmocka_unit_test(rules_normalise_values_by_the_name_of_their_label),
        cmocka_unit_test(kinds_are_shown_as_what_they_are),
        cmocka_unit_test(gauges_show_all_doubles),
        cmocka_unit_test(text_is_escaped_as_its_format_wants),
        cmocka_unit_test(beyond_the_cap_samples_go_to_one_series),
        cmocka_unit_test(a_metric_has_a_cap_of_its_own),
        cmocka_unit_test(a_capped_metric_finds_idle_series_behind_busy_ones),
        cmocka_unit_test(values_are_capped_in_bytes),
        cmocka_unit_test(the_label_that_explodes_is_named),
        cmocka_unit_test(an_idle_series_goes_and_its_handle_is_stale),
        cmocka_unit_test(an_exposition_drops_what_is_idle),
        cmocka_unit_test(a_full_meter_takes_new_series_when_old_ones_are_idle),
        cmocka_unit_test(time_running_backwards_drops_nothing),
        cmocka_unit_test(a_meter_without_idle_time_keeps_all),
        cmocka_unit_test(labels_may_be_given_by_name_in_any_order),
        cmocka_unit_test(open_labels_are_added_as_they_are_met),
        cmocka_unit_test(wrong_use_is_refused_and_records_nothing),
        cmocka_unit_test(sums_at_their_ends_are_refused_and_kept),
        cmocka_unit_test(an_exposition_ends_with_the_error_of_its_reader),
        cmocka_unit_test(nothing_is_allocated_after_creation),
        cmocka_unit_test(creation_without_memory_leaves_nothing),
        cmocka_unit_test(impossible_options_are_refused_with_the_reason),
    };
    return TEST_RUN("meter/meter", tests);
}

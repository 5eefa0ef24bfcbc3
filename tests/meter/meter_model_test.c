/*
 * A meter beside a list of everything recorded. When idle series go is the meter's choice, so the
 * list accepts it; but none may go before its time, an exposition shows none that is beyond it, and
 * everything else is the same to the byte.
 */
#include <sluice/meter.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "meter/validate.h"
#include "meter_fixture.h"

#define SERIES_MAX   24
#define CAPPED_MAX   5
#define WRITER_COUNT 3 /* the last one is SLU_METER_ANY_THREAD */
#define IDLE_NS      1000
#define KNOWN_MAX    4096
#define METRIC_COUNT 3

struct model_cell {
    uint64_t sum;
    double value;
    uint64_t at_ns;
    bool is_open;
    bool has_sample;
};

struct model_series {
    struct slu_series series;
    uint32_t metric;
    uint32_t labels[2];
    bool is_gone;
    struct model_cell cells[WRITER_COUNT];
};

struct model {
    struct slu_meter *meter;
    struct test_random random;
    struct model_series known[KNOWN_MAX]; /* in the order of their making */
    uint32_t known_count;
    struct model_series overflows[METRIC_COUNT];
    uint64_t now_ns;
    uint64_t latest_ns; /* that the meter's series were examined at */
};

static const struct slu_metric_options metrics[METRIC_COUNT] = {
    {.name = "counted", .kind = SLU_METRIC_COUNTER, .label_count = 2},
    {.name = "capped", .kind = SLU_METRIC_GAUGE, .label_count = 2, .series_max = CAPPED_MAX},
    {.name = "sum", .kind = SLU_METRIC_SUM, .label_count = 2},
};

static uint32_t writer_of(uint32_t nth)
{
    return nth == WRITER_COUNT - 1 ? SLU_METER_ANY_THREAD : nth;
}

static uint64_t series_at_ns(const struct model_series *series)
{
    uint64_t at_ns = 0;
    for (int i = 0; i < WRITER_COUNT; i++) {
        const struct model_cell *cell = &series->cells[i];
        at_ns = cell->is_open && cell->at_ns > at_ns ? cell->at_ns : at_ns;
    }
    return at_ns;
}

static bool is_idle(const struct model *model, const struct model_series *series)
{
    uint64_t at_ns = series_at_ns(series);
    return at_ns < model->latest_ns && model->latest_ns - at_ns >= IDLE_NS;
}

static void model_drop(const struct model *model, struct model_series *series)
{
    assert_true(is_idle(model, series));
    series->is_gone = true;
}

static void value_text(uint32_t label, char text[48])
{
    static const char *const long_start = "a value of more than one piece ";
    (void)snprintf(text, 48, "%s%u", label % 3 == 2 ? long_start : "", label);
    if (label == 0) {
        text[0] = '\0';
    }
}

static uint32_t live_count(const struct model *model, uint32_t metric)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->known_count; i++) {
        count += !model->known[i].is_gone && model->known[i].metric == metric;
    }
    return count;
}

static struct model_series *model_find(struct model *model, uint32_t metric,
                                       const uint32_t labels[2])
{
    for (uint32_t i = 0; i < model->known_count; i++) {
        struct model_series *series = &model->known[i];
        if (!series->is_gone && series->metric == metric && series->labels[0] == labels[0] &&
            series->labels[1] == labels[1]) {
            return series;
        }
    }
    return NULL;
}

/* Drop from the list what is not there any more. */
static void model_follow(struct model *model)
{
    for (uint32_t i = 0; i < model->known_count; i++) {
        struct model_series *series = &model->known[i];
        uint32_t nth = 0;
        while (nth < WRITER_COUNT && !series->cells[nth].is_open) {
            nth++;
        }
        if (series->is_gone || !is_idle(model, series)) {
            continue;
        }
        struct slu_metric_stats stats;
        assert_int_equal(slu_metric_stats(model->meter, series->metric, &stats), 0);
        if (stats.series_count < live_count(model, series->metric)) {
            /* which of the idle ones, only asking tells; adding nothing changes nothing else */
            struct slu_series asked = series->series;
            int err = series->metric == 0 ? slu_meter_count(model->meter, writer_of(nth), asked,
                                                            series->cells[nth].at_ns, 0)
                      : series->metric == 2
                          ? slu_meter_shift(model->meter, writer_of(nth), asked,
                                            series->cells[nth].at_ns, 0)
                          : slu_meter_set(model->meter, writer_of(nth), asked,
                                          series->cells[nth].at_ns, series->cells[nth].value);
            if (err == -ESTALE) {
                model_drop(model, series);
            } else {
                series->cells[nth].has_sample = true;
            }
        }
    }
    for (uint32_t metric = 0; metric < METRIC_COUNT; metric++) {
        struct slu_metric_stats stats;
        assert_int_equal(slu_metric_stats(model->meter, metric, &stats), 0);
        assert_int_equal(stats.series_count, live_count(model, metric));
    }
}

static void model_compact(struct model *model)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < model->known_count; i++) {
        if (!model->known[i].is_gone) {
            model->known[kept++] = model->known[i];
        }
    }
    model->known_count = kept;
}

static void touch(struct model_series *series, uint32_t nth, uint64_t now_ns)
{
    struct model_cell *cell = &series->cells[nth];
    if (!cell->is_open || series->metric != 1) {
        cell->at_ns = now_ns;
    }
    cell->is_open = true;
}

static struct model_series *model_add(struct model *model, uint32_t metric,
                                      const uint32_t labels[2], struct slu_series series)
{
    assert_true(model->known_count < KNOWN_MAX);
    struct model_series *added = &model->known[model->known_count++];
    *added =
        (struct model_series){.series = series, .metric = metric, .labels = {labels[0], labels[1]}};
    return added;
}

static struct model_series *resolve(struct model *model, uint32_t nth)
{
    struct test_random *random = &model->random;
    uint32_t metric = (uint32_t)test_random_below(random, METRIC_COUNT);
    uint32_t labels[2] = {(uint32_t)test_random_below(random, 5),
                          (uint32_t)test_random_below(random, 7)};
    char text[2][48];
    value_text(labels[0], text[0]);
    value_text(labels[1], text[1]);
    struct slu_bytes values[2] = {bytes_of(text[0]), bytes_of(text[1])};
    struct slu_meter_key key = {.metric = metric, .label_count = 2, .values = values};
    struct slu_series series = {0};
    assert_int_equal(slu_meter_resolve(model->meter, writer_of(nth), &key, model->now_ns, &series),
                     0);
    struct model_series *known = model_find(model, metric, labels);
    if (known != NULL && known->series.id == series.id) {
        touch(known, nth, model->now_ns);
        return known;
    }
    uint64_t now_ns = model->now_ns;
    model->latest_ns = now_ns > model->latest_ns ? now_ns : model->latest_ns;
    if (known != NULL) {
        model_drop(model, known);
    }
    if (slu_meter_is_overflow(model->meter, series)) {
        known = &model->overflows[metric];
        known->series = series;
        known->metric = metric;
    } else {
        known = model_add(model, metric, labels, series);
    }
    touch(known, nth, model->now_ns);
    model_follow(model);
    if (known == &model->overflows[metric]) {
        struct slu_meter_stats stats;
        slu_meter_stats(model->meter, &stats);
        assert_true(stats.series_count == SERIES_MAX || live_count(model, 1) == CAPPED_MAX);
    }
    return known;
}

/* Record for a series that may have gone. */
static void record(struct model *model, struct model_series *series, uint32_t nth)
{
    uint64_t amount = test_random_below(&model->random, 1000);
    uint32_t writer = writer_of(nth);
    struct model_cell *cell = &series->cells[nth];
    int err = 0;
    if (series->metric == 0) {
        err = slu_meter_count(model->meter, writer, series->series, model->now_ns, amount);
    } else if (series->metric == 1) {
        err = slu_meter_set(model->meter, writer, series->series, model->now_ns, (double)amount);
    } else {
        err = slu_meter_shift(model->meter, writer, series->series, model->now_ns,
                              (int64_t)amount - 500);
    }
    if (series->is_gone) {
        assert_int_equal(err, -ESTALE);
        return;
    }
    assert_int_equal(err, 0);
    cell->sum += series->metric == 2 ? amount - 500 : amount;
    cell->value = (double)amount;
    cell->at_ns = model->now_ns;
    cell->is_open = true;
    cell->has_sample = true;
}

static size_t series_text(const struct model_series *series, bool overflow, char *out, size_t size)
{
    uint64_t sum = 0;
    double value = 0;
    uint64_t value_ns = 0;
    for (int i = 0; i < WRITER_COUNT; i++) {
        const struct model_cell *cell = &series->cells[i];
        sum += cell->sum;
        if (cell->has_sample && cell->at_ns >= value_ns) {
            value = cell->value;
            value_ns = cell->at_ns;
        }
    }
    char text[2][48];
    char labels[128] = "";
    value_text(series->labels[0], text[0]);
    value_text(series->labels[1], text[1]);
    if (overflow) {
        (void)snprintf(labels, sizeof(labels), "{otel_metric_overflow=\"true\"}");
    } else if (text[0][0] != '\0' && text[1][0] != '\0') {
        (void)snprintf(labels, sizeof(labels), "{a=\"%s\",b=\"%s\"}", text[0], text[1]);
    } else if (text[0][0] != '\0' || text[1][0] != '\0') {
        bool first = text[0][0] != '\0';
        (void)snprintf(labels, sizeof(labels), "{%s=\"%s\"}", first ? "a" : "b",
                       first ? text[0] : text[1]);
    }
    const char *name = metrics[series->metric].name;
    int len = series->metric == 1
                  ? snprintf(out, size, "%s%s %.0f\n", name, labels, value)
                  : snprintf(out, size, "%s%s%s %lld\n", name, series->metric == 0 ? "_total" : "",
                             labels, (long long)sum);
    assert_in_range(len, 1, size - 1);
    return (size_t)len;
}

static bool has_samples(const struct model_series *series)
{
    return series->cells[0].has_sample || series->cells[1].has_sample ||
           series->cells[2].has_sample;
}

static void compare_exposition(struct model *model)
{
    static char wanted[1 << 16];
    size_t len = 0;
    const char *page = exposed(model->meter, model->now_ns, SLU_METER_PROMETHEUS);
    model->latest_ns = model->now_ns > model->latest_ns ? model->now_ns : model->latest_ns;
    for (uint32_t metric = 0; metric < METRIC_COUNT; metric++) {
        len += (size_t)snprintf(wanted + len, sizeof(wanted) - len, "# TYPE %s%s\n",
                                metrics[metric].name, metric == 0 ? "_total counter" : " gauge");
        for (uint32_t i = 0; i < model->known_count; i++) {
            struct model_series *series = &model->known[i];
            if (series->metric != metric || series->is_gone) {
                continue;
            }
            if (is_idle(model, series)) {
                model_drop(model, series);
                continue;
            }
            len += series_text(series, false, wanted + len, sizeof(wanted) - len);
        }
        if (has_samples(&model->overflows[metric])) {
            len += series_text(&model->overflows[metric], true, wanted + len, sizeof(wanted) - len);
        }
    }
    assert_string_equal(page, wanted);
}

static void time_pass(struct model *model)
{
    switch (test_random_below(&model->random, 40)) {
    case 0:
        model->now_ns += 2 * IDLE_NS;
        break;
    case 1:
        model->now_ns -= test_random_below(&model->random, model->now_ns < 300 ? 1 : 300);
        break;
    default:
        model->now_ns += test_random_below(&model->random, 60);
    }
}

static void step(struct model *model)
{
    uint32_t nth = (uint32_t)test_random_below(&model->random, WRITER_COUNT);
    time_pass(model);
    switch (test_random_below(&model->random, 20)) {
    case 0:
        compare_exposition(model);
        break;
    case 1:
        (void)slu_meter_expire(model->meter, model->now_ns,
                               (uint32_t)test_random_below(&model->random, 50));
        model->latest_ns = model->now_ns > model->latest_ns ? model->now_ns : model->latest_ns;
        model_follow(model);
        break;
    case 2: /* an old handle */
        if (model->known_count > 0) {
            uint32_t at = (uint32_t)test_random_below(&model->random, model->known_count);
            model_follow(model);
            record(model, &model->known[at], nth);
        }
        break;
    default:
        record(model, resolve(model, nth), nth);
    }
    if (model->known_count == KNOWN_MAX) {
        model_compact(model);
    }
    meter_validate(model->meter);
}

static void a_meter_equals_the_list_of_its_samples(void **state)
{
    (void)state;
    static struct model model;
    static const char *const labels[] = {"a", "b"};
    for (uint64_t round = 0; round < test_rounds(6); round++) {
        struct slu_budget *budget = budget_of(1 << 20);
        struct slu_meter_options options = small_options();
        options.series_max = SERIES_MAX;
        options.idle_ns = IDLE_NS;
        model =
            (struct model){.meter = meter_of(budget, &options), .random = test_random_start(round)};
        for (uint32_t metric = 0; metric < METRIC_COUNT; metric++) {
            struct slu_metric_options metric_options = metrics[metric];
            metric_options.labels = labels;
            assert_int_equal(metric_of(model.meter, &metric_options), metric);
        }
        for (int i = 0; i < 3000; i++) {
            step(&model);
        }
        slu_meter_destroy(&model.meter);
        slu_budget_destroy(&budget);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_meter_equals_the_list_of_its_samples),
    };
    return TEST_RUN("meter/meter_model", tests);
}

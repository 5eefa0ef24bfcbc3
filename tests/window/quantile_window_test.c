#include <sluice/quantile.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "harness.h"
#include "random_clock.h"
#include "window/quantile.h"

#define SECOND UINT64_C(1000000000)

static struct slu_quantile_window *window_of(struct slu_budget *budget, uint64_t span_ns,
                                             uint32_t slots, size_t bytes)
{
    struct slu_quantile_window_options options = {
        .span_ns = span_ns, .slot_count = slots, .size_bytes = bytes};
    struct slu_quantile_window *window = NULL;
    assert_int_equal(slu_quantile_window_create(budget, &options, NULL, &window), 0);
    return window;
}

/* Every event with its slot: too simple to be wrong. */
#define MODEL_EVENTS_MAX 8192

struct model {
    struct model_event {
        uint64_t epoch;
        double value;
    } events[MODEL_EVENTS_MAX];
    size_t event_count;
    uint64_t slot_ns;
    uint64_t slot_count;
    uint64_t newest_epoch;
    bool begun;
};

static uint64_t model_epoch(const struct model *model, uint64_t now_ns)
{
    uint64_t epoch = now_ns / model->slot_ns;
    return model->begun && epoch < model->newest_epoch ? model->newest_epoch : epoch;
}

static void model_add(struct model *model, uint64_t now_ns, double value)
{
    model->newest_epoch = model_epoch(model, now_ns);
    model->begun = true;
    /* Twice the span is kept, for windows whose slots have become coarse. */
    size_t kept = 0;
    for (size_t i = 0; i < model->event_count; i++) {
        if (model->events[i].epoch + 2 * model->slot_count > model->newest_epoch) {
            model->events[kept++] = model->events[i];
        }
    }
    model->event_count = kept;
    assert_true(model->event_count < MODEL_EVENTS_MAX);
    model->events[model->event_count++] = (struct model_event){model->newest_epoch, value};
}

static int compare_values(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The sorted values of the slots that are at most `age` slots older than the span allows. */
static size_t model_values(const struct model *model, uint64_t now_ns, uint64_t age, double *values)
{
    uint64_t epoch = model_epoch(model, now_ns);
    size_t count = 0;
    for (size_t i = 0; i < model->event_count; i++) {
        if (model->events[i].epoch + model->slot_count + age > epoch) {
            values[count++] = model->events[i].value;
        }
    }
    qsort(values, count, sizeof(values[0]), compare_values);
    return count;
}

static const double quantiles[] = {0.5, 0, 0.95, 0.99, 1, 0.01};

#define QUANTILE_COUNT (sizeof(quantiles) / sizeof(quantiles[0]))

static size_t rank_of(double quantile, size_t count)
{
    size_t rank = (size_t)ceil(quantile * (double)count - 1e-6);
    return rank == 0 ? 0 : rank - 1;
}

static bool is_within(double got, double exact, double error)
{
    /* Joined buckets at zero reach up from the smallest normal number. */
    return isinf(exact) ? got == exact : fabs(got - exact) <= error * fabs(exact) + 1e-290;
}

static void assert_within_error(struct slu_quantile_window *window, uint64_t now_ns,
                                const double *values, size_t count, double error)
{
    double got[QUANTILE_COUNT];
    assert_int_equal(slu_quantile_window_get(window, now_ns, quantiles, QUANTILE_COUNT, got), 0);
    for (size_t i = 0; i < QUANTILE_COUNT; i++) {
        if (count == 0) {
            assert_true(isnan(got[i]));
        } else {
            assert_true(is_within(got[i], values[rank_of(quantiles[i], count)], error));
        }
    }
}

/* A window that has shed nothing holds exactly the model's events. */
static void assert_like_model(struct slu_quantile_window *window, const struct model *model,
                              uint64_t now_ns)
{
    static double values[MODEL_EVENTS_MAX];
    struct slu_quantile_window_stats stats;
    slu_quantile_window_stats(window, now_ns, &stats);
    size_t count = model_values(model, now_ns, 0, values);
    assert_int_equal(stats.count, count);
    assert_int_equal(stats.early_count, 0);
    assert_int_equal(stats.slot_ns, model->slot_ns);
    assert_within_error(window, now_ns, values, count, stats.relative_error);
}

static double random_value(struct test_random *random, uint64_t kind)
{
    double unit = test_random_unit(random);
    switch (kind) {
    case 0:
        return 42.5;
    case 1:
        return exp(6 * (unit + test_random_unit(random) - 1));
    case 2:
        return floor(unit * 10) - 3;
    case 3:
        return pow(10, 24 * (unit - 0.5)) * (test_random_below(random, 2) == 0 ? 1 : -1);
    default: {
        uint64_t bits = test_random_next(random);
        double value = 0;
        memcpy(&value, &bits, sizeof(value));
        return isnan(value) ? -INFINITY : value;
    }
    }
}

#define KIND_COUNT 5

static const struct {
    uint64_t span_ns;
    uint32_t slots;
} shapes[] = {{1, 1}, {1000, 1}, {1000, 7}, {60 * SECOND, 60}, {60 * SECOND, 240}, {6400, 64}};

#define SHAPE_COUNT (sizeof(shapes) / sizeof(shapes[0]))

static void a_window_equals_the_list_of_its_events(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 22);
    static struct model model;
    for (uint64_t round = 0; round < test_rounds(SHAPE_COUNT * KIND_COUNT); round++) {
        struct test_random random = test_random_start(100 + round);
        uint64_t span_ns = shapes[round % SHAPE_COUNT].span_ns;
        uint32_t slots = shapes[round % SHAPE_COUNT].slots;
        struct slu_quantile_window *window = window_of(budget, span_ns, slots, 1 << 20);
        model = (struct model){.slot_ns = (span_ns + slots - 1) / slots, .slot_count = slots};
        uint64_t now_ns = test_random_below(&random, 1000000);
        uint64_t allocations = alloc_count();
        for (int step = 0; step < 400; step++) {
            now_ns = random_clock_next(&random, now_ns, span_ns, span_ns / 64 + 2);
            for (uint64_t n = test_random_below(&random, 6); n > 0; n--) {
                double value = random_value(&random, round % KIND_COUNT);
                assert_int_equal(slu_quantile_window_add(window, now_ns, value), 0);
                model_add(&model, now_ns, value);
            }
            if (step % 4 == 0) {
                /* A question from the future lets events go; the clock is then not set back. */
                now_ns = step % 16 == 0
                             ? random_clock_next(&random, now_ns, span_ns, span_ns / 64 + 2)
                             : now_ns;
                assert_like_model(window, &model, now_ns);
                quantile_window_validate(window);
                now_ns = now_ns > model.newest_epoch * model.slot_ns
                             ? now_ns
                             : model.newest_epoch * model.slot_ns;
                if (now_ns / model.slot_ns > model.newest_epoch) {
                    model.newest_epoch = now_ns / model.slot_ns;
                    assert_int_equal(slu_quantile_window_add(window, now_ns, 1), 0);
                    model_add(&model, now_ns, 1);
                }
            }
        }
        assert_int_equal(alloc_count(), allocations);
        slu_quantile_window_destroy(&window);
    }
    slu_budget_destroy(&budget);
}

/* What a window that is too small still promises. */
static void assert_promises(struct slu_quantile_window *window, const struct model *model,
                            uint64_t now_ns, uint64_t early_before)
{
    static double values[MODEL_EVENTS_MAX];
    struct slu_quantile_window_stats stats;
    slu_quantile_window_stats(window, now_ns, &stats);
    uint64_t late_slots = stats.slot_ns / model->slot_ns - 1;
    assert_true(late_slots < model->slot_count);
    size_t most = model_values(model, now_ns, late_slots, values);
    assert_true(stats.count <= most);
    size_t least = model_values(model, now_ns, 0, values);
    assert_true(stats.count + stats.early_count >= least);
    assert_true(stats.early_count >= early_before);
    assert_true(stats.used_bytes <= stats.size_bytes);
    if (stats.early_count == early_before && stats.slot_ns == model->slot_ns && early_before == 0) {
        assert_int_equal(stats.count, least);
        assert_within_error(window, now_ns, values, least, stats.relative_error);
    }
}

static void a_small_block_sheds_as_documented_and_never_breaks(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 22);
    static struct model model;
    bool coarse = false;
    bool early = false;
    bool joined = false;
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        struct test_random random = test_random_start(500 + round);
        uint64_t span_ns = 60 * SECOND;
        uint32_t slots = round % 2 == 0 ? 60 : 240;
        size_t bytes = SLU_QUANTILE_WINDOW_BYTES_MIN + test_random_below(&random, 3000);
        struct slu_quantile_window *window = window_of(budget, span_ns, slots, bytes);
        model = (struct model){.slot_ns = (span_ns + slots - 1) / slots, .slot_count = slots};
        uint64_t now_ns = 0;
        struct slu_quantile_window_stats stats = {0};
        uint64_t kind = 0;
        for (int step = 0; step < 1500; step++) {
            kind = step % 300 == 0 ? test_random_below(&random, KIND_COUNT) : kind;
            now_ns += test_random_below(&random, span_ns / slots);
            for (uint64_t n = test_random_below(&random, 12); n > 0; n--) {
                double value = random_value(&random, kind);
                assert_int_equal(slu_quantile_window_add(window, now_ns, value), 0);
                model_add(&model, now_ns, value);
            }
            if (step % 10 == 0) {
                assert_promises(window, &model, now_ns, stats.early_count);
                quantile_window_validate(window);
                slu_quantile_window_stats(window, now_ns, &stats);
                coarse = coarse || stats.slot_ns > model.slot_ns;
                early = early || stats.early_count > 0;
                joined = joined || stats.relative_error > 0.011;
            }
        }
        /* Empty again, it is as good as new. */
        slu_quantile_window_stats(window, now_ns + 2 * span_ns, &stats);
        assert_int_equal(stats.count, 0);
        assert_true(fabs(stats.relative_error - 0.01) < 1e-12);
        slu_quantile_window_destroy(&window);
    }
    assert_true(coarse && early && joined);
    slu_budget_destroy(&budget);
}

static double gauss(struct test_random *random)
{
    double radius = sqrt(-2 * log(1 - test_random_unit(random)));
    return radius * cos(6.283185307179586 * test_random_unit(random));
}

/* Lognormal events, sigma 1, at random times; the figures at the end. */
static void run_lognormal(uint64_t rate, uint32_t slots, size_t bytes, uint64_t seconds,
                          struct slu_quantile_window_stats *stats)
{
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_window *window = window_of(budget, 60 * SECOND, slots, bytes);
    struct test_random random = test_random_start(rate + slots);
    uint64_t now_ns = 0;
    while (now_ns < seconds * SECOND) {
        double wait = -log(1 - test_random_unit(&random)) / (double)rate;
        now_ns += (uint64_t)(wait * 1e9);
        assert_int_equal(slu_quantile_window_add(window, now_ns, exp(gauss(&random))), 0);
    }
    slu_quantile_window_stats(window, now_ns, stats);
    quantile_window_validate(window);
    double values[3];
    static const double asked[] = {0.5, 0.95, 0.99};
    assert_int_equal(slu_quantile_window_get(window, now_ns, asked, 3, values), 0);
    if (rate >= 1000) {
        assert_true(fabs(values[0] - 1) < 0.03);
        assert_true(fabs(values[1] - exp(1.6448536)) < 0.03 * values[1]);
        assert_true(fabs(values[2] - exp(2.3263479)) < 0.04 * values[2]);
    }
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void assert_shed_nothing(const struct slu_quantile_window_stats *stats, uint64_t slot_ns)
{
    assert_int_equal(stats->slot_ns, slot_ns);
    assert_int_equal(stats->early_count, 0);
    assert_true(fabs(stats->relative_error - 0.01) < 1e-12);
    assert_true(stats->used_bytes <= stats->size_bytes);
}

static void the_documented_sizes_shed_nothing(void **state)
{
    (void)state;
    struct slu_quantile_window_stats stats;
    run_lognormal(10000, 240, 65536, 70, &stats);
    assert_shed_nothing(&stats, SECOND / 4);
    run_lognormal(10000, 60, 16384, 70, &stats);
    assert_shed_nothing(&stats, SECOND);
    run_lognormal(1, 240, 2048, 3000, &stats);
    assert_shed_nothing(&stats, SECOND / 4);
}

static void a_hot_key_in_a_small_block_keeps_the_span_with_coarser_slots(void **state)
{
    (void)state;
    struct slu_quantile_window_stats stats;
    run_lognormal(10000, 240, 16384, 130, &stats);
    assert_true(stats.slot_ns > SECOND / 4 && stats.slot_ns <= 5 * SECOND);
    assert_true(stats.covered_ns >= 59 * SECOND);
    assert_true(stats.count >= 590000 && stats.count <= 660000);
    assert_true(fabs(stats.relative_error - 0.01) < 1e-12);
}

/* Steady traffic, and for a while values all over the range that make buckets join. */
static void joined_buckets_part_again_while_events_keep_coming(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_window *window = window_of(budget, 60 * SECOND, 60, 4096);
    struct test_random random = test_random_start(11);
    static struct model model;
    model = (struct model){.slot_ns = SECOND, .slot_count = 60};
    struct slu_quantile_window_stats stats = {0};
    double worst = 0;
    for (uint64_t step = 0; step < 3000; step++) {
        uint64_t now_ns = step * SECOND / 10;
        double value = exp(test_random_unit(&random));
        if (step >= 600 && step < 700) {
            value = pow(10, 200 * (test_random_unit(&random) - 0.5));
        }
        assert_int_equal(slu_quantile_window_add(window, now_ns, value), 0);
        model_add(&model, now_ns, value);
        if (step % 10 == 0) {
            static double values[MODEL_EVENTS_MAX];
            slu_quantile_window_stats(window, now_ns, &stats);
            worst = stats.relative_error > worst ? stats.relative_error : worst;
            assert_int_equal(stats.early_count, 0);
            if (stats.slot_ns == SECOND) {
                size_t count = model_values(&model, now_ns, 0, values);
                assert_within_error(window, now_ns, values, count, stats.relative_error);
            }
            quantile_window_validate(window);
        }
    }
    assert_true(worst > 0.03);
    assert_true(fabs(stats.relative_error - 0.01) < 1e-12);
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void more_than_a_record_counts_in_one_bucket_is_counted(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_window *window = window_of(budget, 4 * SECOND, 4, 2048);
    struct slu_quantile_window_stats stats;
    for (uint64_t second = 0; second < 8; second++) {
        for (int i = 0; i < 200000; i++) {
            assert_int_equal(slu_quantile_window_add(window, second * SECOND, 7), 0);
        }
        slu_quantile_window_stats(window, second * SECOND, &stats);
        assert_int_equal(stats.count, 200000 * (second < 4 ? second + 1 : 4));
        quantile_window_validate(window);
    }
    assert_int_equal(stats.early_count, 0);
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
}

/* Two buckets that are nearly full become one while their slot is open. */
static void an_open_slot_keeps_its_time_when_buckets_are_joined(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_window *window = window_of(budget, 4 * SECOND, 4, 2048);
    struct slu_quantile_window_stats stats;
    for (int bucket = 0; bucket < 8; bucket++) {
        for (int i = 0; i < 60000; i++) {
            double value = pow(1.02, bucket);
            assert_int_equal(slu_quantile_window_add(window, 0, value), 0);
        }
    }
    for (int decade = -20; decade < 20; decade++) {
        assert_int_equal(slu_quantile_window_add(window, 0, pow(10, decade)), 0);
    }
    for (uint64_t second = 1; second <= 4; second++) {
        assert_int_equal(slu_quantile_window_add(window, second * SECOND, 1), 0);
        slu_quantile_window_stats(window, second * SECOND, &stats);
        quantile_window_validate(window);
        assert_int_equal(stats.count, second < 4 ? 480040 + second : 4);
    }
    assert_int_equal(stats.slot_ns, SECOND);
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void the_edges_of_time_are_ordinary(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_window *window = window_of(budget, 60 * SECOND, 60, 4096);
    struct slu_quantile_window_stats stats;
    static const uint64_t times[] = {0, 1, 60 * SECOND, UINT64_MAX};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        double median = 1;
        slu_quantile_window_stats(window, times[i], &stats);
        assert_int_equal(stats.count, 0);
        assert_int_equal(stats.covered_ns, SECOND);
        assert_int_equal(slu_quantile_window_get(window, times[i], quantiles, 1, &median), 0);
        assert_true(isnan(median));
    }
    assert_int_equal(slu_quantile_window_add(window, UINT64_MAX - 61 * SECOND, 1), 0);
    assert_int_equal(slu_quantile_window_add(window, UINT64_MAX - 1, 2), 0);
    assert_int_equal(slu_quantile_window_add(window, UINT64_MAX, 3), 0);
    assert_int_equal(slu_quantile_window_add(window, 0, 4), 0); /* back: in the newest slot */
    slu_quantile_window_stats(window, UINT64_MAX, &stats);
    assert_int_equal(stats.count, 3);
    assert_int_equal(slu_quantile_window_add(window, 5, NAN), -EINVAL);
    slu_quantile_window_stats(window, 0, &stats);
    assert_int_equal(stats.count, 3);
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void a_jump_over_the_span_empties_the_window(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_window *window = window_of(budget, 10 * SECOND, 10, 4096);
    struct slu_quantile_window_stats stats;
    for (uint64_t second = 0; second < 10; second++) {
        assert_int_equal(slu_quantile_window_add(window, second * SECOND, 1), 0);
    }
    slu_quantile_window_stats(window, 10 * SECOND - 1, &stats);
    assert_int_equal(stats.count, 10);
    assert_int_equal(stats.covered_ns, 10 * SECOND - 1);
    slu_quantile_window_stats(window, 18 * SECOND, &stats);
    assert_int_equal(stats.count, 1);
    assert_int_equal(slu_quantile_window_add(window, 100 * SECOND, 5), 0);
    slu_quantile_window_stats(window, 100 * SECOND, &stats);
    assert_int_equal(stats.count, 1);
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void windows_collect_into_one_sketch(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_sketch_options options = {.size_bytes = 8192};
    struct slu_quantile_sketch *all = NULL;
    struct slu_quantile_sketch *direct = NULL;
    assert_int_equal(slu_quantile_sketch_create(budget, &options, NULL, &all), 0);
    assert_int_equal(slu_quantile_sketch_create(budget, &options, NULL, &direct), 0);
    struct test_random random = test_random_start(7);
    for (int part = 0; part < 3; part++) {
        struct slu_quantile_window *window = window_of(budget, 10 * SECOND, 10, 8192);
        for (uint64_t i = 0; i < 2000; i++) {
            double value = random_value(&random, 1);
            assert_int_equal(slu_quantile_window_add(window, i * SECOND / 100, value), 0);
            if (i >= 1000) {
                assert_int_equal(slu_quantile_sketch_add(direct, value), 0);
            }
        }
        assert_int_equal(slu_quantile_window_collect(window, 20 * SECOND - 1, all), 0);
        slu_quantile_window_destroy(&window);
    }
    double got[QUANTILE_COUNT];
    double wanted[QUANTILE_COUNT];
    assert_int_equal(all->count, direct->count);
    assert_int_equal(slu_quantile_sketch_get(all, quantiles, QUANTILE_COUNT, got), 0);
    assert_int_equal(slu_quantile_sketch_get(direct, quantiles, QUANTILE_COUNT, wanted), 0);
    assert_memory_equal(got, wanted, sizeof(got));
    slu_quantile_sketch_destroy(&all);
    slu_quantile_sketch_destroy(&direct);
    slu_budget_destroy(&budget);
}

static void impossible_options_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct slu_quantile_window_options options;
        int err;
        const char *word;
    } cases[] = {
        {{0, 1, 0, 4096}, -EINVAL, "span_ns is 0"},
        {{SECOND, 0, 0, 4096}, -EINVAL, "slot_count is 0"},
        {{59, 60, 0, 4096}, -EINVAL, "span_ns is 59"},
        {{UINT64_MAX, 2, 0, 4096}, -EINVAL, "range of time"},
        {{SECOND, 10, 0, 2047}, -EINVAL, "size_bytes is 2047"},
        {{SECOND, 10, 0, SLU_QUANTILE_WINDOW_BYTES_MAX + 1}, -EINVAL, "size_bytes"},
        {{SECOND, 10, 0.0019, 4096}, -EINVAL, "relative_error is 0.0019"},
        {{SECOND, 10, NAN, 4096}, -EINVAL, "relative_error"},
        {{SECOND, 10, 0, 16384}, -EDQUOT, "16384 bytes"},
    };
    struct slu_budget *budget = budget_of(16384);
    uint64_t before = budget_used(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_quantile_window *window = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(slu_quantile_window_create(budget, &cases[i].options, &diag, &window),
                         cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_null(window);
        assert_int_equal(budget_used(budget), before);
    }
    struct slu_quantile_window_options options = {SECOND, 10, 0, 2048};
    struct slu_quantile_window *window = NULL;
    alloc_fault_at(1);
    assert_int_equal(slu_quantile_window_create(budget, &options, NULL, &window), -ENOMEM);
    assert_true(alloc_fault_hit());
    assert_null(window);
    assert_int_equal(budget_used(budget), before);
    window = window_of(budget, SECOND, 10, 2048);
    assert_int_equal(budget_used(budget), before + 2048);
    slu_quantile_window_destroy(&window);
    slu_quantile_window_destroy(&window);
    slu_quantile_window_destroy(NULL);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_equals_the_list_of_its_events),
        cmocka_unit_test(a_small_block_sheds_as_documented_and_never_breaks),
        cmocka_unit_test(the_documented_sizes_shed_nothing),
        cmocka_unit_test(a_hot_key_in_a_small_block_keeps_the_span_with_coarser_slots),
        cmocka_unit_test(joined_buckets_part_again_while_events_keep_coming),
        cmocka_unit_test(more_than_a_record_counts_in_one_bucket_is_counted),
        cmocka_unit_test(an_open_slot_keeps_its_time_when_buckets_are_joined),
        cmocka_unit_test(the_edges_of_time_are_ordinary),
        cmocka_unit_test(a_jump_over_the_span_empties_the_window),
        cmocka_unit_test(windows_collect_into_one_sketch),
        cmocka_unit_test(impossible_options_are_refused_by_name),
    };
    return TEST_RUN("quantile_window", tests);
}

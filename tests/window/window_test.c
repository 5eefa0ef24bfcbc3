#include <sluice/window.h>

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "harness.h"
#include "random_clock.h"

#define SECOND UINT64_C(1000000000)

static struct slu_window *window_of(struct slu_budget *budget, uint64_t span_ns, uint32_t slots)
{
    struct slu_window_options options = {.span_ns = span_ns, .slot_count = slots};
    struct slu_window *window = NULL;
    assert_int_equal(slu_window_create(budget, &options, NULL, &window), 0);
    return window;
}

/* Every event, with the last moment that its slot leaves possible. */
#define MODEL_EVENTS_MAX 4096

struct model {
    struct model_event {
        uint64_t last_ns;
        uint64_t value;
    } events[MODEL_EVENTS_MAX];
    size_t event_count;
    uint64_t slot_ns;
    uint64_t slot_count;
    uint64_t newest_ns; /* a time in the newest slot */
    uint64_t begin_ns;
    bool begun;
};

static uint64_t model_epoch(const struct model *model, uint64_t now_ns)
{
    uint64_t at_ns = model->begun && now_ns < model->newest_ns ? model->newest_ns : now_ns;
    return at_ns / model->slot_ns;
}

static void model_drop(struct model *model, uint64_t now_ns)
{
    uint64_t epoch = model_epoch(model, now_ns);
    size_t kept = 0;
    for (size_t i = 0; i < model->event_count; i++) {
        if (model->events[i].last_ns / model->slot_ns + model->slot_count > epoch) {
            model->events[kept++] = model->events[i];
        }
    }
    model->event_count = kept;
}

static void model_advance(struct model *model, uint64_t now_ns)
{
    model_drop(model, now_ns);
    if (!model->begun) {
        model->begun = true;
        model->begin_ns = now_ns;
    }
    model->newest_ns = now_ns > model->newest_ns ? now_ns : model->newest_ns;
}

static void model_add(struct model *model, uint64_t now_ns, uint64_t value)
{
    model_advance(model, now_ns);
    assert_true(model->event_count < MODEL_EVENTS_MAX);
    model->events[model->event_count++] = (struct model_event){model->newest_ns, value};
}

static void model_rescale(struct model *model, uint64_t now_ns, uint64_t slot_ns)
{
    if (!model->begun) {
        model->slot_ns = slot_ns;
        return;
    }
    uint64_t newest_epoch = model->newest_ns / model->slot_ns;
    if (now_ns / model->slot_ns > newest_epoch) {
        model_advance(model, now_ns);
        newest_epoch = model->newest_ns / model->slot_ns;
    }
    uint64_t slot_start_ns = newest_epoch * model->slot_ns;
    uint64_t clamped_ns = now_ns > slot_start_ns ? now_ns : slot_start_ns;
    uint64_t ring_ns = newest_epoch >= model->slot_count
                           ? (newest_epoch + 1 - model->slot_count) * model->slot_ns
                           : 0;
    model->begin_ns = ring_ns > model->begin_ns ? ring_ns : model->begin_ns;
    for (size_t i = 0; i < model->event_count; i++) {
        uint64_t epoch = model->events[i].last_ns / model->slot_ns;
        model->events[i].last_ns =
            epoch == newest_epoch ? clamped_ns : (epoch + 1) * model->slot_ns - 1;
    }
    model->newest_ns = clamped_ns;
    model->slot_ns = slot_ns;
    model_drop(model, clamped_ns);
}

static void assert_like_model(const struct slu_window *window, const struct model *model,
                              uint64_t now_ns)
{
    struct slu_window_snapshot seen;
    slu_window_snapshot(window, now_ns, &seen);
    uint64_t epoch = model_epoch(model, now_ns);
    uint64_t count = 0;
    uint64_t sum = 0;
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    for (size_t i = 0; i < model->event_count; i++) {
        const struct model_event *event = &model->events[i];
        if (event->last_ns / model->slot_ns + model->slot_count > epoch) {
            count++;
            sum += event->value;
            min = event->value < min ? event->value : min;
            max = event->value > max ? event->value : max;
        }
    }
    assert_int_equal(seen.count, count);
    assert_int_equal(seen.sum, sum);
    assert_int_equal(seen.min, min);
    assert_int_equal(seen.max, max);
    uint64_t start_ns =
        epoch >= model->slot_count ? (epoch + 1 - model->slot_count) * model->slot_ns : 0;
    start_ns = start_ns > model->begin_ns ? start_ns : model->begin_ns;
    uint64_t covered_ns = now_ns > start_ns ? now_ns - start_ns : 0;
    covered_ns = model->begun && covered_ns > model->slot_ns ? covered_ns : model->slot_ns;
    assert_int_equal(seen.covered_ns, covered_ns);
    assert_true(count == 0 ? isnan(seen.mean) != 0 : seen.mean == (double)sum / (double)count);
    assert_true(seen.rate == (double)count * 1e9 / (double)covered_ns);
}

static void behave_like_the_model(uint64_t stream, uint64_t span_ns, uint32_t slots, bool rescale)
{
    struct test_random random = test_random_start(stream);
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_window *window = window_of(budget, span_ns, slots);
    static struct model model;
    model = (struct model){.slot_ns = (span_ns + slots - 1) / slots, .slot_count = slots};
    uint64_t now_ns = test_random_below(&random, 4) == 0 ? 0 : test_random_below(&random, 1000000);
    uint64_t allocations = alloc_count();
    for (int step = 0; step < 1500; step++) {
        now_ns = random_clock_next(&random, now_ns, slu_window_span_ns(window),
                                   slu_window_span_ns(window) / 8 + 2);
        if (rescale && test_random_below(&random, 30) == 0) {
            uint64_t span = slots + test_random_below(&random, 8 * span_ns);
            assert_int_equal(slu_window_rescale(window, now_ns, span, NULL), 0);
            model_rescale(&model, now_ns, (span + slots - 1) / slots);
        } else if (model.event_count < MODEL_EVENTS_MAX) {
            uint64_t value = test_random_below(&random, 1000);
            assert_int_equal(slu_window_add(window, now_ns, value), 0);
            model_add(&model, now_ns, value);
        }
        assert_like_model(window, &model, now_ns);
        assert_like_model(window, &model,
                          random_clock_next(&random, now_ns, span_ns, span_ns / 8 + 2));
    }
    assert_int_equal(alloc_count(), allocations);
    slu_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static const struct {
    uint64_t span_ns;
    uint32_t slots;
} shapes[] = {{1, 1},   {1000, 1},  {10, 10}, {1000, 7},        {60 * SECOND, 60},
              {100, 3}, {6400, 64}, {2, 2},   {SECOND / 10, 60}};

#define SHAPE_COUNT (sizeof(shapes) / sizeof(shapes[0]))

static void a_window_equals_the_list_of_its_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        behave_like_the_model(100 + i, shapes[i].span_ns, shapes[i].slots, false);
    }
}

static void a_rescaled_window_keeps_each_event_until_it_must_have_left(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 4; round++) {
        for (size_t i = 0; i < SHAPE_COUNT; i++) {
            uint64_t stream = 200 + round * SHAPE_COUNT + i;
            behave_like_the_model(stream, shapes[i].span_ns, shapes[i].slots, true);
        }
    }
}

static void a_fresh_window_is_empty_at_any_time(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_window *window = window_of(budget, 60 * SECOND, 60);
    static const uint64_t times[] = {0, 1, 60 * SECOND, UINT64_MAX};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct slu_window_snapshot seen;
        slu_window_snapshot(window, times[i], &seen);
        assert_int_equal(seen.count, 0);
        assert_int_equal(seen.sum, 0);
        assert_int_equal(seen.min, UINT64_MAX);
        assert_int_equal(seen.max, 0);
        assert_true(isnan(seen.mean));
        assert_true(seen.rate == 0);
    }
    slu_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void the_last_moments_of_time_itself_are_ordinary(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_window *window = window_of(budget, 60 * SECOND, 60);
    assert_int_equal(slu_window_add(window, UINT64_MAX - 61 * SECOND, 1), 0);
    assert_int_equal(slu_window_add(window, UINT64_MAX - 1, 2), 0);
    assert_int_equal(slu_window_add(window, UINT64_MAX, 3), 0);
    assert_int_equal(slu_window_add(window, UINT64_MAX, 4), 0);
    struct slu_window_snapshot seen;
    slu_window_snapshot(window, UINT64_MAX, &seen);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.sum, 9);
    assert_int_equal(slu_window_rescale(window, UINT64_MAX, SECOND, NULL), 0);
    slu_window_snapshot(window, UINT64_MAX, &seen);
    assert_int_equal(seen.sum, 9);
    slu_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void a_sum_past_its_type_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_window *window = window_of(budget, 10, 10);
    assert_int_equal(slu_window_add(window, 0, UINT64_MAX - 5), 0);
    assert_int_equal(slu_window_add(window, 3, 5), 0);
    struct slu_window_snapshot before;
    struct slu_window_snapshot after;
    slu_window_snapshot(window, 3, &before);
    assert_int_equal(before.sum, UINT64_MAX);
    assert_int_equal(slu_window_add(window, 3, 1), -EOVERFLOW);
    slu_window_snapshot(window, 3, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(slu_window_add(window, 10, 6), 0); /* the first has left */
    slu_window_snapshot(window, 10, &after);
    assert_int_equal(after.sum, 11);
    slu_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void what_a_rescaling_dropped_gives_its_part_of_the_sums_range_back(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_window *window = window_of(budget, 1000, 10);
    assert_int_equal(slu_window_add(window, 0, UINT64_MAX - 10), 0);
    assert_int_equal(slu_window_add(window, 950, 10), 0);
    assert_int_equal(slu_window_rescale(window, 950, 100, NULL), 0);
    struct slu_window_snapshot seen;
    slu_window_snapshot(window, 950, &seen);
    assert_int_equal(seen.sum, 10);
    assert_int_equal(slu_window_add(window, 950, UINT64_MAX - 10), 0);
    assert_int_equal(slu_window_add(window, 950, 1), -EOVERFLOW);
    slu_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void impossible_options_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct slu_window_options options;
        int err;
        const char *word;
    } cases[] = {
        {{0, 1}, -EINVAL, "span_ns is 0"},
        {{SECOND, 0}, -EINVAL, "slot_count is 0"},
        {{59, 60}, -EINVAL, "span_ns is 59"},
        {{UINT64_MAX, SLU_WINDOW_SLOTS_MAX + 1}, -EINVAL, "slot_count"},
        {{UINT64_MAX, 2}, -EINVAL, "range of time"},
        {{SECOND, 1000}, -EDQUOT, "32064 bytes"},
    };
    struct slu_budget *budget = budget_of(16384);
    uint64_t before = budget_used(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_window *window = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(slu_window_create(budget, &cases[i].options, &diag, &window),
                         cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_null(window);
        assert_int_equal(budget_used(budget), before);
    }
    struct slu_window *window = window_of(budget, 60 * SECOND, 60);
    struct slu_diag diag = {0};
    assert_int_equal(slu_window_rescale(window, 0, 59, &diag), -EINVAL);
    assert_non_null(strstr(diag.message, "span_ns is 59"));
    assert_int_equal(slu_window_span_ns(window), 60 * SECOND);
    slu_window_destroy(&window);
    slu_window_destroy(&window);
    slu_window_destroy(NULL);
    slu_budget_destroy(&budget);
}

static void a_failed_creation_leaves_nothing_behind(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t before = budget_used(budget);
    struct slu_window_options options = {.span_ns = SECOND, .slot_count = 10};
    struct slu_window *window = NULL;
    alloc_fault_at(1);
    assert_int_equal(slu_window_create(budget, &options, NULL, &window), -ENOMEM);
    assert_true(alloc_fault_hit());
    assert_null(window);
    assert_int_equal(budget_used(budget), before);
    slu_budget_destroy(&budget);
}

static uint64_t bytes_after_an_hour(uint64_t span_ns)
{
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t before = budget_used(budget);
    struct slu_window *window = window_of(budget, span_ns, 60);
    for (uint64_t event = 0; event < UINT64_C(3600) * 1000; event++) {
        assert_int_equal(slu_window_add(window, event * SECOND / 1000, event % 1000), 0);
    }
    uint64_t bytes = budget_used(budget) - before;
    slu_window_destroy(&window);
    slu_budget_destroy(&budget);
    return bytes;
}

static void memory_is_equal_to_the_byte_at_any_span(void **state)
{
    (void)state;
    int64_t live = alloc_live_count();
    assert_int_equal(bytes_after_an_hour(SECOND / 10), bytes_after_an_hour(60 * SECOND));
    assert_int_equal(alloc_live_count(), live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_equals_the_list_of_its_events),
        cmocka_unit_test(a_rescaled_window_keeps_each_event_until_it_must_have_left),
        cmocka_unit_test(a_fresh_window_is_empty_at_any_time),
        cmocka_unit_test(the_last_moments_of_time_itself_are_ordinary),
        cmocka_unit_test(a_sum_past_its_type_is_refused_and_changes_nothing),
        cmocka_unit_test(what_a_rescaling_dropped_gives_its_part_of_the_sums_range_back),
        cmocka_unit_test(impossible_options_are_refused_by_name),
        cmocka_unit_test(a_failed_creation_leaves_nothing_behind),
        cmocka_unit_test(memory_is_equal_to_the_byte_at_any_span),
    };
    return TEST_RUN("window", tests);
}

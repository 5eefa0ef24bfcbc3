#include "cli/growing_window.h"

#include <errno.h>
#include <math.h>

#include "harness.h"

static void what_left_the_window_is_never_given_back(void **state)
{
    (void)state;
    struct growing_window window = {.span_ns = 1000, .limit_bytes = 1 << 20};
    uint64_t before = alloc_count();
    for (uint64_t i = 0; i < 10000; i++) {
        assert_int_equal(growing_window_add(&window, i * 10, i), 0);
    }
    struct growing_answer answer;
    growing_window_answer(&window, 9999 * 10, &answer);
    assert_int_equal(answer.count, 101);
    assert_true(answer.mean == 9949);
    assert_int_equal(growing_window_stale_bytes(&window), (10000 - 101) * 16);
    assert_int_equal(window.held_bytes, 16384 * 16);
    assert_int_equal(window.allocation_count, alloc_count() - before);
    growing_window_deinit(&window);
}

static void growth_stops_at_the_limit(void **state)
{
    (void)state;
    struct growing_window window = {.span_ns = 1000, .limit_bytes = 1024};
    for (uint64_t i = 0; i < 64; i++) {
        assert_int_equal(growing_window_add(&window, i, i), 0);
    }
    assert_int_equal(growing_window_add(&window, 64, 64), -EDQUOT);
    assert_int_equal(window.held_bytes, 1024);
    struct growing_answer answer;
    growing_window_answer(&window, 64, &answer);
    assert_int_equal(answer.count, 64);
    growing_window_deinit(&window);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    struct growing_window window = {.span_ns = 1000, .limit_bytes = 1 << 20};
    int64_t live = alloc_live_count();
    for (uint64_t i = 0; i < 16; i++) {
        assert_int_equal(growing_window_add(&window, i, i), 0);
    }
    alloc_fault_at(1);
    assert_int_equal(growing_window_add(&window, 16, 16), -ENOMEM);
    assert_int_equal(window.end, 16);
    assert_int_equal(growing_window_add(&window, 16, 16), 0);
    assert_int_equal(window.end, 17);
    growing_window_deinit(&window);
    assert_int_equal(alloc_live_count(), live);
}

static void an_empty_window_has_no_mean(void **state)
{
    (void)state;
    struct growing_window window = {.span_ns = 1000, .limit_bytes = 1 << 20};
    struct growing_answer answer;
    growing_window_answer(&window, 5, &answer);
    assert_int_equal(answer.count, 0);
    assert_true(isnan(answer.mean));
    assert_true(answer.rate == 0);
    growing_window_deinit(&window);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_left_the_window_is_never_given_back),
        cmocka_unit_test(growth_stops_at_the_limit),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
        cmocka_unit_test(an_empty_window_has_no_mean),
    };
    return TEST_RUN("growing_window", tests);
}

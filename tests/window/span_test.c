#include "../../examples/span_rules.h"

#include <errno.h>
#include <string.h>

#include "harness.h"

#define TEXT_MAX 40

/* The rules under test, wrapped so that each entry and each leaving is counted. */
struct counted {
    const struct slu_span_rules *rules;
    void *state;
    uint8_t entered[TEXT_MAX];
    uint8_t left[TEXT_MAX];
};

static void counted_enter(void *state, size_t index)
{
    struct counted *counted = state;
    counted->entered[index]++;
    counted->rules->enter(counted->state, index);
}

static void counted_leave(void *state, size_t index)
{
    struct counted *counted = state;
    counted->left[index]++;
    counted->rules->leave(counted->state, index);
}

static bool counted_holds(const void *state)
{
    const struct counted *counted = state;
    return counted->rules->holds(counted->state);
}

static const struct slu_span_rules counted_rules = {counted_enter, counted_leave, counted_holds};

static void assert_once(const struct counted *counted)
{
    for (size_t i = 0; i < TEXT_MAX; i++) {
        assert_true(counted->entered[i] <= 1);
        assert_true(counted->left[i] <= counted->entered[i]);
    }
}

/* Does the property hold of the run, asked of a window that is built for it alone? */
struct asked {
    const struct slu_span_rules *rules;
    void *state;
    const void *fresh;
    size_t state_bytes;
    size_t count;
};

static bool run_holds(const struct asked *asked, size_t start, size_t end)
{
    memcpy(asked->state, asked->fresh, asked->state_bytes);
    for (size_t i = start; i < end; i++) {
        asked->rules->enter(asked->state, i);
    }
    return asked->rules->holds(asked->state);
}

/* All runs, tried one by one: the first of the best length. */
static int brute_force(const struct asked *asked, bool longest, struct slu_span_run *out)
{
    for (size_t tried = 0; tried <= asked->count; tried++) {
        size_t length = longest ? asked->count - tried : tried;
        for (size_t start = 0; start + length <= asked->count; start++) {
            if (run_holds(asked, start, start + length)) {
                *out = (struct slu_span_run){start, start + length};
                return 0;
            }
        }
    }
    return -ENOENT;
}

static void check(const struct asked *asked, bool longest)
{
    struct counted counted = {.rules = asked->rules, .state = asked->state};
    struct slu_span_run run = {7, 7};
    struct slu_span_run wanted = {7, 7};
    memcpy(asked->state, asked->fresh, asked->state_bytes);
    int err = longest ? slu_span_longest(&counted_rules, &counted, asked->count, &run)
                      : slu_span_shortest(&counted_rules, &counted, asked->count, &run);
    assert_once(&counted);
    assert_int_equal(err, brute_force(asked, longest, &wanted));
    assert_int_equal(run.start, wanted.start);
    assert_int_equal(run.end, wanted.end);
}

static size_t random_text(struct test_random *random, char *text)
{
    size_t count = test_random_below(random, TEXT_MAX);
    uint64_t letters = 1 + test_random_below(random, 6);
    for (size_t i = 0; i < count; i++) {
        text[i] = (char)('a' + test_random_below(random, letters));
    }
    return count;
}

static void the_shortest_cover_is_found_with_each_byte_entering_once(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    uint64_t rounds = test_rounds(2000);
    for (uint64_t round = 0; round < rounds; round++) {
        char text[TEXT_MAX] = "";
        struct cover fresh = {.text = text};
        struct cover cover = fresh;
        size_t count = random_text(&random, text);
        fresh.missing = test_random_below(&random, 5);
        for (size_t i = 0; i < fresh.missing; i++) {
            fresh.wanted['a' + test_random_below(&random, 5)]++;
        }
        check(&(struct asked){&cover_rules, &cover, &fresh, sizeof(fresh), count}, false);
    }
}

static void the_longest_run_of_few_values_is_found_with_each_entering_once(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    uint64_t rounds = test_rounds(2000);
    for (uint64_t round = 0; round < rounds; round++) {
        char text[TEXT_MAX] = "";
        struct distinct fresh = {.text = text,
                                 .distinct_max = (uint32_t)test_random_below(&random, 5)};
        struct distinct distinct = fresh;
        size_t count = random_text(&random, text);
        check(&(struct asked){&distinct_rules, &distinct, &fresh, sizeof(fresh), count}, true);
    }
}

static void the_shortest_run_that_reaches_a_sum_is_found_with_each_entering_once(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    uint64_t rounds = test_rounds(2000);
    for (uint64_t round = 0; round < rounds; round++) {
        uint32_t values[TEXT_MAX];
        for (size_t i = 0; i < TEXT_MAX; i++) {
            values[i] = (uint32_t)test_random_below(&random, 10);
        }
        struct reach fresh = {.values = values, .sum_min = test_random_below(&random, 60)};
        struct reach reach = fresh;
        size_t count = test_random_below(&random, TEXT_MAX);
        check(&(struct asked){&reach_rules, &reach, &fresh, sizeof(fresh), count}, false);
    }
}

static bool never(const void *state)
{
    (void)state;
    return false;
}

static void what_holds_of_nothing_at_all_has_no_longest_run(void **state)
{
    (void)state;
    struct reach reach = {0};
    struct slu_span_rules rules = {reach_enter, reach_leave, never};
    struct slu_span_run run = {7, 8};
    assert_int_equal(slu_span_longest(&rules, &reach, 0, &run), -ENOENT);
    assert_int_equal(slu_span_shortest(&rules, &reach, 0, &run), -ENOENT);
    assert_int_equal(run.start, 7);
    assert_int_equal(run.end, 8);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shortest_cover_is_found_with_each_byte_entering_once),
        cmocka_unit_test(the_longest_run_of_few_values_is_found_with_each_entering_once),
        cmocka_unit_test(the_shortest_run_that_reaches_a_sum_is_found_with_each_entering_once),
        cmocka_unit_test(what_holds_of_nothing_at_all_has_no_longest_run),
    };
    return TEST_RUN("span", tests);
}

#include "store/text_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "harness.h"
#include "store/labels.h"

#define BUDGET_BYTES ((uint64_t)4 << 20)
#define TEXTS        3000
#define TEXT_MAX     32

struct visited {
    char last[TEXT_MAX];
    size_t last_len;
    size_t count;
    size_t stop_at;
};

static int text_visit(void *arg, struct slu_bytes text)
{
    struct visited *visited = arg;
    struct slu_bytes last = {visited->last, visited->last_len};
    assert_true(visited->count == 0 || labels_compare(last, text) < 0);
    assert_true(text.len < TEXT_MAX);
    if (text.len > 0) {
        memcpy(visited->last, text.data, text.len);
    }
    visited->last_len = text.len;
    return ++visited->count == visited->stop_at ? -ECANCELED : 0;
}

static int number_add(struct text_set *set, uint64_t number)
{
    char text[TEXT_MAX];
    int len = number == 0 ? 0 : snprintf(text, sizeof(text), "t%llu", (unsigned long long)number);
    return text_set_add(set, (struct slu_bytes){text, (size_t)len});
}

static void texts_are_told_once_and_in_order(void **state)
{
    static bool is_added[TEXTS];
    struct test_random random = test_random_start(74);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct text_set *set = NULL;
    size_t wanted = 0;
    uint64_t used = budget_used(budget);
    (void)state;
    assert_int_equal(text_set_create(budget, &set), 0);
    for (size_t i = 0; i < 2 * TEXTS; i++) {
        uint64_t number = test_random_below(&random, TEXTS);
        assert_int_equal(number_add(set, number), 0);
        wanted += !is_added[number];
        is_added[number] = true;
    }
    struct visited visited = {.count = 0};
    assert_int_equal(text_set_visit(set, text_visit, &visited), 0);
    assert_int_equal(visited.count, wanted);
    visited = (struct visited){.stop_at = 3};
    assert_int_equal(text_set_visit(set, text_visit, &visited), -ECANCELED);
    assert_int_equal(visited.count, 3);
    text_set_destroy(&set);
    assert_null(set);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void a_budget_that_is_spent_is_told_and_texts_stay(void **state)
{
    struct slu_budget *budget = budget_of((uint64_t)64 << 10);
    struct text_set *set = NULL;
    uint64_t added = 0;
    int err = 0;
    (void)state;
    assert_int_equal(text_set_create(budget, &set), 0);
    while (err == 0) {
        assert_true(added < 100000);
        err = number_add(set, added + 1);
        added += err == 0;
    }
    assert_int_equal(err, -EDQUOT);
    struct visited visited = {.count = 0};
    assert_int_equal(text_set_visit(set, text_visit, &visited), 0);
    assert_in_range(visited.count, added, added + 1);
    text_set_destroy(&set);
    slu_budget_destroy(&budget);
}

static int many_add(struct slu_budget *budget, struct text_set **out)
{
    int err = text_set_create(budget, out);
    for (uint64_t i = 0; err == 0 && i < TEXTS; i++) {
        err = number_add(*out, i);
    }
    return err;
}

static void an_allocation_that_fails_leaves_nothing_behind(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    int err = -ENOMEM;
    uint64_t used = budget_used(budget);
    (void)state;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct text_set *set = NULL;
        alloc_fault_at(nth);
        err = many_add(budget, &set);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        assert_true(nth < 100);
        text_set_destroy(&set);
        assert_int_equal(budget_used(budget), used);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_told_once_and_in_order),
        cmocka_unit_test(a_budget_that_is_spent_is_told_and_texts_stay),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing_behind),
    };
    return TEST_RUN("text set", tests);
}

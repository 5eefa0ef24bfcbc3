#include "view/pattern.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "harness.h"
#include "made_profile.h"

static void strings_of_a_model_are_searched(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of((uint64_t)16 << 20);
    struct model *model = made_model(budget);
    struct pattern pattern;
    uint32_t known = made_string(model, "cache_fill");
    assert_int_equal(pattern_init(&pattern, model, "^cache|x", "--focus", NULL), 0);
    uint32_t later = made_string(model, "recache");
    assert_true(pattern_matches(&pattern, known));
    assert_true(pattern_matches(&pattern, known));
    assert_false(pattern_matches(&pattern, later));
    assert_true(pattern_matches_bytes(&pattern, (struct slu_bytes){"axis", 2}));
    assert_false(pattern_matches_bytes(&pattern, (struct slu_bytes){"axis", 1}));
    pattern_deinit(&pattern);
    assert_false(pattern_matches(&pattern, known));
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void a_wrong_pattern_is_told(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of((uint64_t)16 << 20);
    struct model *model = made_model(budget);
    struct pattern pattern;
    struct slu_diag diag;
    assert_int_equal(pattern_init(&pattern, model, "a(b", "--hide", &diag), -EINVAL);
    assert_memory_equal(diag.message, "--hide: no regular expression (", 31);
    pattern_deinit(&pattern);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void what_could_cost_much_is_not_taken_from_a_profile(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool taken;
    } cases[] = {
        {"^(malloc|operator new(\\[\\])?)$", true},
        {"^((a{1,200}){1,200}){1,200}$", false},
        {"^(a+)+$", false},
        {"^(a*)*$", false},
        {"(a)\\1", false},
        {"^(tc_.*)$", true},
        {"(", false},
        {"", false},
    };
    struct slu_budget *budget = budget_of((uint64_t)16 << 20);
    struct model *model = made_model(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pattern pattern;
        struct slu_bytes text = {cases[i].text, strlen(cases[i].text)};
        assert_int_equal(pattern_init_foreign(&pattern, model, text), 0);
        assert_int_equal(pattern.is_set, cases[i].taken);
        pattern_deinit(&pattern);
    }
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_a_model_are_searched),
        cmocka_unit_test(a_wrong_pattern_is_told),
        cmocka_unit_test(what_could_cost_much_is_not_taken_from_a_profile),
    };
    return TEST_RUN("pattern", tests);
}

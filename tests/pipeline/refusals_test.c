#include "pipeline/refusals.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

static void note(struct refusals *refusals, enum refusal_kind kind, const char *reason,
                 uint64_t count, int64_t last_ns)
{
    struct refusal refusal = {
        .kind = kind, .signal = OTLP_LOGS, .count = count, .last_ns = last_ns};
    (void)snprintf(refusal.reason, sizeof(refusal.reason), "%s", reason);
    refusals_note(refusals, &refusal);
}

static void equal_reasons_add_up_and_the_newest_comes_first(void **state)
{
    struct refusals refusals;
    struct refusal all[REFUSALS_MAX];
    (void)state;
    refusals_init(&refusals);
    assert_int_equal(refusals_list(&refusals, all), 0);
    note(&refusals, REFUSAL_LATER, "the memory limit is near", 1, 10);
    note(&refusals, REFUSAL_PARTIAL, "too old", 5, 20);
    note(&refusals, REFUSAL_LATER, "the memory limit is near", 2, 30);
    note(&refusals, REFUSAL_INVALID, "the memory limit is near", 4, 15);
    assert_int_equal(refusals_list(&refusals, all), 3);
    assert_int_equal(all[0].count, 3);
    assert_int_equal(all[0].last_ns, 30);
    assert_int_equal(all[0].kind, REFUSAL_LATER);
    assert_string_equal(all[1].reason, "too old");
    assert_int_equal(all[1].count, 5);
    assert_int_equal(all[2].kind, REFUSAL_INVALID);
    refusals_deinit(&refusals);
}

static void reasons_that_differ_in_numbers_alone_are_one(void **state)
{
    struct refusals refusals;
    struct refusal all[REFUSALS_MAX];
    (void)state;
    refusals_init(&refusals);
    note(&refusals, REFUSAL_INVALID, "byte 7: a field is cut off after 12", 1, 1);
    note(&refusals, REFUSAL_INVALID, "byte 4711: a field is cut off after 3", 1, 2);
    note(&refusals, REFUSAL_INVALID, "byte 4711: a field is cut off after", 1, 3);
    note(&refusals, REFUSAL_INVALID, "byte : a field is cut off after 3", 1, 4);
    note(&refusals, REFUSAL_INVALID, "byte 1: a field is cut off after 3x", 1, 5);
    assert_int_equal(refusals_list(&refusals, all), 4);
    assert_string_equal(all[3].reason, "byte 4711: a field is cut off after 3");
    assert_int_equal(all[3].count, 2);
    refusals_deinit(&refusals);
}

static void the_reason_told_longest_ago_gives_way(void **state)
{
    struct refusals refusals;
    struct refusal all[REFUSALS_MAX];
    char text[32];
    (void)state;
    refusals_init(&refusals);
    for (int i = 0; i < 3 * REFUSALS_MAX; i++) {
        (void)snprintf(text, sizeof(text), "reason %c%c", 'a' + i % 26, 'a' + i / 26);
        note(&refusals, REFUSAL_LATER, text, 1, i);
        note(&refusals, REFUSAL_LATER, "it comes again and again", 1, i);
    }
    assert_int_equal(refusals_list(&refusals, all), REFUSALS_MAX);
    size_t kept = 0;
    for (size_t i = 0; i < REFUSALS_MAX; i++) {
        kept += strcmp(all[i].reason, "it comes again and again") == 0;
        assert_true(all[i].last_ns > 3 * REFUSALS_MAX - REFUSALS_MAX - 1);
        assert_true(i == 0 || all[i].last_ns <= all[i - 1].last_ns);
    }
    assert_int_equal(kept, 1);
    refusals_note(NULL, &all[0]);
    refusals_deinit(&refusals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_reasons_add_up_and_the_newest_comes_first),
        cmocka_unit_test(reasons_that_differ_in_numbers_alone_are_one),
        cmocka_unit_test(the_reason_told_longest_ago_gives_way),
    };
    return TEST_RUN("refusals", tests);
}

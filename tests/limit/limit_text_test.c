#include <sluice/limit.h>

#include <errno.h>
#include <string.h>

#include "fixture.h"

enum field {
    RATELIMIT,
    POLICY,
    RETRY_AFTER,
};

static const struct {
    enum field field;
    struct slu_limit_state state;
    const char *name;
    const char *text;
} values[] = {
    {RATELIMIT, {.remaining = 9, .reset_ns = 100 * MS}, "client", "\"client\";r=9;t=1"},
    {RATELIMIT, {.remaining = 10}, "client", "\"client\";r=10;t=0"},
    {RATELIMIT, {.reset_ns = 90 * SECOND, .retry_ns = 2 * SECOND + 1}, "a", "\"a\";r=0;t=3"},
    {RATELIMIT, {.reset_ns = 5 * SECOND, .retry_ns = SLU_LIMIT_NEVER}, "a", "\"a\";r=0;t=5"},
    {RATELIMIT, {.remaining = SLU_LIMIT_INFINITE}, "a", "\"a\";r=999999999999999;t=0"},
    {RATELIMIT, {.remaining = 1}, "say \"\\\"", "\"say \\\"\\\\\\\"\";r=1;t=0"},
    {POLICY, {.quota = 100, .window_ns = 60 * SECOND}, "client", "\"client\";q=100;w=60"},
    {POLICY, {.quota = 3, .window_ns = 300 * MS}, "client", "\"client\";q=3;w=1"},
    {POLICY, {.quota = SLU_LIMIT_INFINITE}, "all", "\"all\";q=999999999999999"},
    {RETRY_AFTER, {.retry_ns = 0}, "", "0"},
    {RETRY_AFTER, {.retry_ns = 1}, "", "1"},
    {RETRY_AFTER, {.retry_ns = SECOND}, "", "1"},
    {RETRY_AFTER, {.retry_ns = SECOND + 1}, "", "2"},
    {RETRY_AFTER, {.retry_ns = SLU_LIMIT_NEVER - 1}, "", "18446744074"},
};

static int value_of(size_t i, char *text, size_t size)
{
    switch (values[i].field) {
    case RATELIMIT:
        return slu_limit_text(&values[i].state, values[i].name, text, size);
    case POLICY:
        return slu_limit_policy_text(&values[i].state, values[i].name, text, size);
    default:
        return slu_limit_retry_text(&values[i].state, text, size);
    }
}

static void header_values_are_as_the_draft_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[SLU_LIMIT_TEXT_MAX];
        assert_int_equal(value_of(i, text, sizeof(text)), 0);
        assert_string_equal(text, values[i].text);
    }
}

static void a_value_that_does_not_fit_is_not_begun(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[SLU_LIMIT_TEXT_MAX] = "before";
        size_t len = strlen(values[i].text);
        assert_int_equal(value_of(i, text, len), -ENOBUFS);
        assert_int_equal(value_of(i, text, 0), -ENOBUFS);
        assert_string_equal(text, "before");
        assert_int_equal(value_of(i, text, len + 1), 0);
    }
}

static void a_policy_has_a_printable_name(void **state)
{
    (void)state;
    struct slu_limit_state seen = {.quota = 1};
    char longest[SLU_LIMIT_NAME_MAX + 2];
    memset(longest, '"', sizeof(longest));
    longest[SLU_LIMIT_NAME_MAX + 1] = '\0';
    const char *wrong[] = {"", "line\nbreak", "caf\xc3\xa9", "\x7f", longest};
    char text[SLU_LIMIT_TEXT_MAX];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(slu_limit_text(&seen, wrong[i], text, sizeof(text)), -EINVAL);
        assert_int_equal(slu_limit_policy_text(&seen, wrong[i], text, sizeof(text)), -EINVAL);
    }
    longest[SLU_LIMIT_NAME_MAX] = '\0';
    seen = (struct slu_limit_state){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};
    assert_int_equal(slu_limit_text(&seen, longest, text, sizeof(text)), 0);
    assert_int_equal(slu_limit_policy_text(&seen, longest, text, sizeof(text)), 0);
}

static void what_is_never_allowed_has_no_time_to_retry(void **state)
{
    (void)state;
    struct slu_limit_state never = {.retry_ns = SLU_LIMIT_NEVER};
    char text[8] = "before";
    assert_int_equal(slu_limit_retry_text(&never, text, sizeof(text)), -ENOENT);
    assert_string_equal(text, "before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_values_are_as_the_draft_has_them),
        cmocka_unit_test(a_value_that_does_not_fit_is_not_begun),
        cmocka_unit_test(a_policy_has_a_printable_name),
        cmocka_unit_test(what_is_never_allowed_has_no_time_to_retry),
    };
    return TEST_RUN("limit_text", tests);
}

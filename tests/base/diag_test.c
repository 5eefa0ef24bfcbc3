#include "base/diag.h"

#include <errno.h>
#include <string.h>

#include <sluice/error.h>

#include "harness.h"

static void a_refusal_is_one_statement_with_its_message(void **state)
{
    (void)state;
    struct slu_diag diag = {.line = 7, .column = 7};
    assert_int_equal(diag_fail(&diag, -EINVAL, "span is %d", 0), -EINVAL);
    assert_string_equal(diag.message, "span is 0");
    assert_int_equal(diag.line, 0);
    assert_int_equal(diag_fail_at(&diag, -EBADMSG, 3, 9, "no %s here", "key"), -EBADMSG);
    assert_string_equal(diag.message, "no key here");
    assert_int_equal(diag.line, 3);
    assert_int_equal(diag.column, 9);
    assert_int_equal(diag_fail(NULL, -EDQUOT, "unheard"), -EDQUOT);
}

static void a_long_message_is_cut_to_its_room(void **state)
{
    (void)state;
    char text[2 * SLU_DIAG_MESSAGE_MAX];
    memset(text, 'm', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    struct slu_diag diag;
    assert_int_equal(diag_fail(&diag, -EINVAL, "%s", text), -EINVAL);
    assert_int_equal(strlen(diag.message), SLU_DIAG_MESSAGE_MAX - 1);
}

static void every_documented_error_has_a_text_of_its_own(void **state)
{
    (void)state;
    static const int errors[] = {0,          -EINVAL,    -EDQUOT,    -ENOMEM, -ENOBUFS,
                                 -EOVERFLOW, -ECANCELED, -ETIMEDOUT, -ESTALE, -EBADMSG,
                                 -EAGAIN,    -ENOENT,    -EDEADLK,   -EXDEV};
    size_t count = sizeof(errors) / sizeof(errors[0]);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(slu_error_text(errors[i])) > 0);
        for (size_t other = 0; other < i; other++) {
            assert_string_not_equal(slu_error_text(errors[i]), slu_error_text(errors[other]));
        }
    }
    assert_string_equal(slu_error_text(-EXDEV), "unknown error");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_one_statement_with_its_message),
        cmocka_unit_test(a_long_message_is_cut_to_its_room),
        cmocka_unit_test(every_documented_error_has_a_text_of_its_own),
    };
    return TEST_RUN("diag", tests);
}

#include "preload/last_thread.h"

#include <errno.h>
#include <string.h>

#include "harness.h"

/* What stands between the state and num_threads. */
#define BETWEEN "1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0"

static int ended(const char *text, unsigned own_count)
{
    return last_thread_has_ended((struct slu_bytes){text, strlen(text)}, own_count);
}

static void the_first_thread_is_dead_and_only_ours_are_left(void **state)
{
    (void)state;
    assert_int_equal(ended("12 (a) Z " BETWEEN " 3 0 77", 2), 1);
    assert_int_equal(ended("12 (a) Z " BETWEEN " 4 0 77", 2), 0);
    assert_int_equal(ended("12 (a) S " BETWEEN " 3 0 77", 2), 0);
    assert_int_equal(ended("12 (a) Z 9) Z " BETWEEN " 12 0 77", 2), 0);
    assert_int_equal(ended("12 (a) Z 9) Z " BETWEEN " 12 0 77", 11), 1);
}

static void text_cut_anywhere_is_no_end(void **state)
{
    (void)state;
    static const char text[] = "12 (a) Z " BETWEEN " 3";
    for (size_t len = 0; len + 1 < sizeof(text) - 1; len++) {
        assert_int_equal(last_thread_has_ended((struct slu_bytes){text, len}, 2), -EBADMSG);
    }
    assert_int_equal(ended("12 (a) Z " BETWEEN " x", 2), -EBADMSG);
    assert_int_equal(ended("12 (a) Z " BETWEEN " 99999999999999999999999 0", 2), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_thread_is_dead_and_only_ours_are_left),
        cmocka_unit_test(text_cut_anywhere_is_no_end),
    };
    return TEST_RUN("last_thread", tests);
}

#include "base/nearest.h"

#include <string.h>

#include "harness.h"

static const char *const words[] = {"completion", "demo", "heap diff",
                                    "heap top",   "help", "version"};

static const char *meant(const char *wanted)
{
    struct nearest nearest = {.wanted = wanted, .wanted_len = strlen(wanted)};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        nearest_offer(&nearest, words[i], words[i]);
    }
    return nearest.best;
}

static void slips_of_the_fingers_are_recognised(void **state)
{
    (void)state;
    static const char *const slips[][2] = {
        {"dmeo", "demo"},         {"demoo", "demo"},         {"dem", "demo"},
        {"vesrion", "version"},   {"hepl", "help"},          {"complete", "completion"},
        {"heap tpo", "heap top"}, {"heap dif", "heap diff"}, {"comp", "completion"},
        {"ver", "version"},       {"demo", "demo"},
    };
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        assert_string_equal(meant(slips[i][0]), slips[i][1]);
    }
}

static void what_is_far_from_everything_suggests_nothing(void **state)
{
    (void)state;
    assert_null(meant("frobnicate"));
    assert_null(meant("xy"));
    assert_null(meant(""));
    assert_null(meant("d"));
    assert_null(meant("a word that is much longer than any that is compared here, by far"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_of_the_fingers_are_recognised),
        cmocka_unit_test(what_is_far_from_everything_suggests_nothing),
    };
    return TEST_RUN("nearest", tests);
}

#include "diagnose/crosscheck.h"

#include <stdbool.h>

#include "harness.h"

#define MOVES (MOVE_UP + 1)

static struct signals signals_of(uint32_t number)
{
    return (struct signals){
        .live = (enum move)(number % MOVES),
        .resident = (enum move)(number / MOVES % MOVES),
        .pauses = (enum move)(number / MOVES / MOVES % MOVES),
        .cycles = (enum move)(number / MOVES / MOVES / MOVES % MOVES),
        .returned = (enum move)(number / MOVES / MOVES / MOVES / MOVES % MOVES),
    };
}

#define COMBINATIONS ((uint32_t)MOVES * MOVES * MOVES * MOVES * MOVES)

/* A row that is never reached would be a mistake of order. */
static void every_row_is_the_answer_to_something(void **state)
{
    size_t count = 0;
    bool reached[64] = {false};
    const struct crosscheck_row *rows = crosscheck_rows(&count);
    (void)state;
    assert_true(count <= 64);
    for (uint32_t i = 0; i < COMBINATIONS; i++) {
        struct signals signals = signals_of(i);
        const struct crosscheck_row *row = crosscheck_find(&signals);
        if (row != NULL) {
            reached[row - rows] = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(reached[i]);
    }
}

static void nothing_is_said_without_what_is_in_use(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < COMBINATIONS; i++) {
        struct signals signals = signals_of(i);
        signals.live = MOVE_UNKNOWN;
        assert_null(crosscheck_find(&signals));
    }
}

/* What is in use and grows is held, whatever the rest says. */
static void growth_in_use_is_held(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < COMBINATIONS; i++) {
        struct signals signals = signals_of(i);
        signals.live = MOVE_UP;
        assert_int_equal(crosscheck_find(&signals)->means, CROSSCHECK_HELD);
    }
}

static void combinations_mean_what_the_documentation_says(void **state)
{
    static const struct {
        struct signals signals;
        enum crosscheck means;
    } cases[] = {
        /* pauses longer with pages suddenly returned */
        {{MOVE_FLAT, MOVE_DOWN, MOVE_UP, MOVE_FLAT, MOVE_UP}, CROSSCHECK_RETURNING},
        {{MOVE_DOWN, MOVE_DOWN, MOVE_UP, MOVE_FLAT, MOVE_UP}, CROSSCHECK_RETURNING},
        /* more collections with linear growth */
        {{MOVE_UP, MOVE_UP, MOVE_FLAT, MOVE_UP, MOVE_FLAT}, CROSSCHECK_HELD},
        /* malloc_trim */
        {{MOVE_FLAT, MOVE_DOWN, MOVE_UNKNOWN, MOVE_UNKNOWN, MOVE_UNKNOWN}, CROSSCHECK_RETURNING},
        /* free, and resident */
        {{MOVE_FLAT, MOVE_UP, MOVE_UNKNOWN, MOVE_UNKNOWN, MOVE_UNKNOWN}, CROSSCHECK_NOT_RETURNED},
        {{MOVE_DOWN, MOVE_FLAT, MOVE_FLAT, MOVE_FLAT, MOVE_FLAT}, CROSSCHECK_NOT_RETURNED},
        /* more is allocated and nothing more kept */
        {{MOVE_FLAT, MOVE_FLAT, MOVE_FLAT, MOVE_UP, MOVE_FLAT}, CROSSCHECK_STEADY},
        {{MOVE_FLAT, MOVE_FLAT, MOVE_FLAT, MOVE_FLAT, MOVE_FLAT}, CROSSCHECK_STEADY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(crosscheck_find(&cases[i].signals)->means, cases[i].means);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_the_answer_to_something),
        cmocka_unit_test(nothing_is_said_without_what_is_in_use),
        cmocka_unit_test(growth_in_use_is_held),
        cmocka_unit_test(combinations_mean_what_the_documentation_says),
    };
    return TEST_RUN("crosscheck", tests);
}

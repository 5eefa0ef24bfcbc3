#include "preload/mapped.h"

#include <stdbool.h>
#include <string.h>

#include "harness.h"

#define PAGE       4096
#define PAGES      512
#define BASE       ((uintptr_t)1 << 40)
#define ROUNDS     20000
#define RUN_MAX    16
#define CALLER_MAX 1000

static struct mapped entries[MAPPED_MAX];

/* Who has mapped each page; 0: nobody. */
static uint64_t callers[PAGES];

static void check_all(void)
{
    static uint64_t seen[PAGES];
    memset(seen, 0, sizeof(seen));
    size_t count = mapped_list(entries);
    for (size_t i = 0; i < count; i++) {
        for (uint64_t at = entries[i].start; at < entries[i].start + entries[i].bytes; at += PAGE) {
            uint64_t page = (at - BASE) / PAGE;
            assert_true(page < PAGES);
            assert_int_equal(seen[page], 0);
            seen[page] = entries[i].caller;
        }
    }
    assert_memory_equal(seen, callers, sizeof(seen));
}

static void test_pages_are_whose_mapped_them_last(void **state)
{
    (void)state;
    struct test_random random = test_random_start(0);
    for (uint64_t round = 0; round < test_rounds(ROUNDS); round++) {
        uint64_t first = test_random_below(&random, PAGES - RUN_MAX);
        uint64_t count = 1 + test_random_below(&random, RUN_MAX);
        uint64_t caller = 1 + test_random_below(&random, CALLER_MAX);
        bool maps = test_random_below(&random, 3) != 0;
        mapped_remove(BASE + first * PAGE, count * PAGE);
        if (maps) {
            mapped_add(BASE + first * PAGE, count * PAGE, caller);
        }
        for (uint64_t page = first; page < first + count; page++) {
            callers[page] = maps ? caller : 0;
        }
        if (round % 64 == 0) {
            check_all();
        }
    }
    check_all();
    mapped_remove(BASE, PAGES * PAGE);
    assert_int_equal(mapped_list(entries), 0);
    assert_int_equal(mapped_lost(), 0);
}

static void test_what_finds_no_room_is_counted(void **state)
{
    (void)state;
    for (uintptr_t i = 0; i < 2 * MAPPED_MAX; i++) {
        mapped_add(BASE + 2 * i * PAGE, PAGE, 1);
    }
    size_t count = mapped_list(entries);
    assert_true(count > MAPPED_MAX * 9 / 10);
    assert_int_equal(count + mapped_lost(), 2 * MAPPED_MAX);
    mapped_remove(BASE, (size_t)4 * MAPPED_MAX * PAGE);
    assert_int_equal(mapped_list(entries), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_are_whose_mapped_them_last),
        cmocka_unit_test(test_what_finds_no_room_is_counted),
    };
    return TEST_RUN("mapped", tests);
}

#include "harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEED_DEFAULT UINT64_C(0x51755ce5eed)

uint64_t test_seed(void)
{
    const char *text = getenv("SLUICE_TEST_SEED");
    return text == NULL ? SEED_DEFAULT : strtoull(text, NULL, 0);
}

uint64_t test_rounds(uint64_t usual)
{
    const char *text = getenv("SLUICE_TEST_LONG");
    uint64_t times = text == NULL ? 1 : strtoull(text, NULL, 0);
    return usual * (times == 0 ? 1 : times);
}

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
uint64_t test_random_next(struct test_random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

struct test_random test_random_start(uint64_t stream)
{
    struct test_random random = {.state = test_seed() ^ (stream * UINT64_C(0xd1342543de82ef95))};
    (void)test_random_next(&random); /* the first number only moves the state off the seed */
    return random;
}

uint64_t test_random_below(struct test_random *random, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)test_random_next(random) * bound) >> 64);
}

double test_random_unit(struct test_random *random)
{
    return (double)(test_random_next(random) >> 11) * 0x1.0p-53;
}

int test_run(const char *group, const struct CMUnitTest *tests, size_t count)
{
    printf("# seed %#" PRIx64 "\n", test_seed());
    fflush(stdout);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return _cmocka_run_group_tests(group, tests, count, NULL, NULL);
}

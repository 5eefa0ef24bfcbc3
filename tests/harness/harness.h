/*
 * What every unit test includes: cmocka, a seeded random source, and the failing allocator.
 *
 * A test program prints its seed as a TAP comment; SLUICE_TEST_SEED=n repeats a run.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct test_random {
    uint64_t state;
};

/* The run's seed, printed once: from SLUICE_TEST_SEED, or a constant so that CI repeats itself. */
uint64_t test_seed(void);

/* `usual` rounds of a random test; SLUICE_TEST_LONG=n makes it n times as many (make test-long). */
uint64_t test_rounds(uint64_t usual);

/* A source of its own for each test: `stream` tells tests of one program apart. */
struct test_random test_random_start(uint64_t stream);

uint64_t test_random_next(struct test_random *random);

/* Uniform in [0, bound); bound above 0. */
uint64_t test_random_below(struct test_random *random, uint64_t bound);

/* Uniform in [0, 1). */
double test_random_unit(struct test_random *random);

/* Run all tests of one program with TAP output; the result is main's. */
int test_run(const char *group, const struct CMUnitTest *tests, size_t count);

#define TEST_RUN(group, tests) test_run(group, tests, sizeof(tests) / sizeof((tests)[0]))

/*
 * The failing allocator: programs that link alloc_fault_dep have their allocating calls wrapped
 * (malloc, calloc, realloc, aligned_alloc, mmap, pthread_create). mmap is mmap64 to the linker,
 * because Meson asks for 64-bit file offsets.
 */

/* Let the n-th allocating call from now on fail, once; 0 lets none fail. */
void alloc_fault_at(uint64_t nth);

/* True if the failure asked for has happened. */
_Bool alloc_fault_hit(void);

/* Allocating calls since the program began: unchanged means that nothing was allocated. */
uint64_t alloc_count(void);

/* Blocks and mappings that are held now. */
int64_t alloc_live_count(void);

#endif

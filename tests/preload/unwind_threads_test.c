#include "preload/unwind.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "chain.h"
#include "harness.h"
#include "probe.h"

#define WALKERS 3

static const char *module_paths[2];
static const char *const module_names[2] = {"chain_module_sp", "chain_module_bp"};

struct walker {
    pthread_t thread;
    struct probe probe;
    uint64_t wrong; /* cmocka's assertions are for the first thread */
    uint64_t rounds;
};

static void walker_compare(void *context)
{
    struct walker *walker = context;
    probe_stack(&walker->probe);
    walker->wrong += probe_difference(&walker->probe) != SIZE_MAX || !walker->probe.is_own;
}

static void walker_start(struct walker *walker, void *(*run)(void *), size_t stack_bytes)
{
    pthread_attr_t attributes;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, stack_bytes), 0);
    assert_int_equal(pthread_create(&walker->thread, &attributes, run, walker), 0);
    assert_int_equal(pthread_attr_destroy(&attributes), 0);
}

static void walker_join(struct walker *walker)
{
    assert_int_equal(pthread_join(walker->thread, NULL), 0);
    assert_int_equal(walker->wrong, 0);
}

static struct walker *walker_create(struct unwind_tables *tables)
{
    struct walker *walker = calloc(1, sizeof(*walker));
    assert_non_null(walker);
    walker->probe = (struct probe){.tables = tables, .pcs_max = STACK_PCS_MAX};
    return walker;
}

static void *walk_deeper(void *context)
{
    struct walker *walker = context;
    for (size_t bytes = 10; bytes < 200000; bytes *= 3) {
        chain_O2_sp.sized(bytes, walker_compare, walker);
        chain_O2_bp.deep(20, walker_compare, walker);
    }
    chain_O2_sp.deep(500, walker_compare, walker);
    return NULL;
}

static void a_threads_stack_is_found_as_it_grows(void **state)
{
    (void)state;
    struct unwind_tables *tables = tables_create();
    unwind_refresh(tables);
    struct walker *walker = walker_create(tables);
    walker_start(walker, walk_deeper, 1 << 20);
    walker_join(walker);
    free(walker);
    free(tables);
}

/* The lowest part of the thread's stack stands for a stack of its own below a guard. */
static void *find_stacks(void *context)
{
    struct walker *walker = context;
    static const size_t page_bytes = 4096;
    struct unwind_stack known = {.own = {0, 0}};
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t guard = (here & ~(page_bytes - 1)) - 16 * page_bytes;
    uintptr_t below = guard - 8;
    walker->wrong += !unwind_stack_find(walker->probe.tables, here, &known);
    walker->wrong += mprotect((void *)guard, page_bytes, PROT_NONE) != 0;
    for (int round = 0; round < 3; round++) {
        walker->wrong += unwind_stack_find(walker->probe.tables, below, &known);
        walker->wrong += known.own.low > here || known.own.low < guard + page_bytes;
        walker->wrong += known.foreign.high != guard;
    }
    walker->wrong += mprotect((void *)guard, page_bytes, PROT_READ | PROT_WRITE) != 0;
    walker->wrong += unwind_stack_find(walker->probe.tables, known.own.high, &known);
    walker->wrong += !unwind_stack_find(walker->probe.tables, here, &known);
    return NULL;
}

static void what_lies_beyond_a_guard_is_another_stack(void **state)
{
    (void)state;
    struct unwind_tables *tables = tables_create();
    struct walker *walker = walker_create(tables);
    walker_start(walker, find_stacks, 1 << 20);
    walker_join(walker);
    free(walker);
    free(tables);
}

/* It lies among the mappings, where a coroutine's stack may be just below it. */
static void the_first_threads_descriptor_bounds_no_stack(void **state)
{
    (void)state;
    struct unwind_tables *tables = tables_create();
    struct unwind_stack known = {.own = {0, 0}};
    assert_false(unwind_stack_find(tables, (uintptr_t)pthread_self() - 8, &known));
    assert_true(unwind_stack_find(tables, (uintptr_t)__builtin_frame_address(0), &known));
    assert_false(unwind_stack_find(tables, (uintptr_t)pthread_self() - 8, &known));
    free(tables);
}

static const struct chain *module_open(size_t which, void **handle)
{
    *handle = dlopen(module_paths[which], RTLD_NOW | RTLD_LOCAL);
    assert_non_null(*handle);
    const struct chain *chain = dlsym(*handle, module_names[which]);
    assert_non_null(chain);
    return chain;
}

static void a_module_in_the_place_of_another_has_its_own_rules(void **state)
{
    (void)state;
    struct unwind_tables *tables = tables_create();
    unwind_refresh(tables);
    struct walker *walker = walker_create(tables);
    struct unwind_stats stats;
    for (uint64_t round = 0; round < test_rounds(300); round++) {
        void *handle = NULL;
        const struct chain *chain = module_open(round % 2, &handle);
        chain->distinct(walker_compare, walker);
        chain->sorted(walker_compare, walker);
        assert_int_equal(walker->wrong, 0);
        assert_int_equal(dlclose(handle), 0);
        unwind_refresh(tables);
        unwind_stats(tables, &stats);
        assert_int_equal(stats.generation, round + 1);
    }
    free(walker);
    free(tables);
}

static atomic_bool stopping;

static void *walk_on(void *context)
{
    struct walker *walker = context;
    do {
        chain_O2_sp.distinct(walker_compare, walker);
        chain_O2_bp.deep(30, walker_compare, walker);
        chain_O2_sp.sized(300, walker_compare, walker);
        walker->rounds++;
    } while (!atomic_load(&stopping));
    return NULL;
}

/* Walks go on in all threads while modules come and go, and rules are dropped under them. */
static void walks_do_not_mind_that_modules_are_loaded_and_unloaded(void **state)
{
    (void)state;
    struct unwind_tables *tables = tables_create();
    unwind_refresh(tables);
    struct walker *walkers[WALKERS];
    atomic_store(&stopping, false);
    for (size_t i = 0; i < WALKERS; i++) {
        walkers[i] = walker_create(tables);
        walker_start(walkers[i], walk_on, 1 << 20);
    }
    struct walker *own = walker_create(tables);
    for (uint64_t round = 0; round < test_rounds(200); round++) {
        void *handles[2];
        for (size_t i = 0; i < 2; i++) {
            module_open((round + i) % 2, &handles[i])->distinct(walker_compare, own);
        }
        assert_int_equal(own->wrong, 0);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(dlclose(handles[i]), 0);
        }
        unwind_refresh(tables);
    }
    atomic_store(&stopping, true);
    for (size_t i = 0; i < WALKERS; i++) {
        walker_join(walkers[i]);
        assert_true(walkers[i]->rounds > 0);
        free(walkers[i]);
    }
    free(own);
    free(tables);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_threads_stack_is_found_as_it_grows),
    cmocka_unit_test(what_lies_beyond_a_guard_is_another_stack),
    cmocka_unit_test(the_first_threads_descriptor_bounds_no_stack),
    cmocka_unit_test(a_module_in_the_place_of_another_has_its_own_rules),
    cmocka_unit_test(walks_do_not_mind_that_modules_are_loaded_and_unloaded),
};

int main(int argc, char **argv)
{
    assert_int_equal(argc, 3);
    module_paths[0] = argv[1];
    module_paths[1] = argv[2];
    return TEST_RUN("unwind_threads", tests);
}

#include "preload/unwind.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "chain.h"
#include "harness.h"
#include "probe.h"
#include "throwing.h"

static const struct chain *const chains[] = {
    &chain_O0_bp, &chain_O0_sp, &chain_O2_bp, &chain_O2_sp, &chain_O3_sp, &chain_Os_sp,
};

#define CHAIN_COUNT (sizeof(chains) / sizeof(chains[0]))

static struct probe probe;

static int probe_setup(void **state)
{
    (void)state;
    probe = (struct probe){.tables = tables_create(), .pcs_max = STACK_PCS_MAX};
    unwind_refresh(probe.tables);
    return 0;
}

static int probe_teardown(void **state)
{
    (void)state;
    free(probe.tables);
    return 0;
}

static void probe_and_compare(void *context)
{
    probe_stack(&probe);
    assert_same_stack(&probe, context);
}

/* Every function of a chain, with `end` at its end. */
static void chain_run(const struct chain *chain, chain_end *end, void *context)
{
    chain->deep(25, end, context);
    chain->distinct(end, context);
    chain->sized(1000, end, context);
    chain->large(end, context);
    chain->aligned(end, context);
    chain->tail(end, context);
    chain->sorted(end, context);
    (void)chain->busy(7, end, context);
    chain->early(0, end, context);
    chain->early(3, end, context);
}

static void frames_of_every_kind_are_those_that_libgcc_sees(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        chain_run(chains[i], probe_and_compare, (void *)(uintptr_t)chains[i]->name);
    }
}

static _Alignas(16) char copied[1 << 16];

/* The sanitizers keep marks between the variables of a stack. */
__attribute__((no_sanitize("address"))) static void stack_copy(struct unwind_copy *copy,
                                                               uintptr_t high)
{
    size_t len = high - copy->low;
    copy->len = len < sizeof(copied) ? len / 8 * 8 : sizeof(copied);
    for (size_t at = 0; at < copy->len; at++) {
        copied[at] = ((const volatile char *)copy->low)[at];
    }
}

/* The stack from here on, walked as it is and as a copy at another place. */
__attribute__((noinline)) static void compare_copy(void *context)
{
    (void)context;
    struct unwind_frame start = unwind_caller();
    struct unwind_copy copy = {.bytes = copied, .low = start.sp - UNWIND_RED_ZONE_BYTES};
    static _Thread_local struct unwind_stack known;
    static uintptr_t pcs[STACK_PCS_MAX];
    enum unwind_end end = UNWIND_END_LOST;
    probe_ours(&probe, &start);
    assert_true(unwind_stack_find(probe.tables, start.sp, &known));
    stack_copy(&copy, known.own.high);
    for (int held = 0; held < 2; held++) {
        copy.is_held = held != 0;
        memset(pcs, 0, sizeof(pcs));
        size_t count = unwind_capture_copy(probe.tables, &start, &copy, pcs, STACK_PCS_MAX, &end);
        assert_int_equal(count, probe.ours.count);
        assert_memory_equal(pcs, probe.ours.pcs, count * sizeof(pcs[0]));
        assert_int_equal(end, probe.end);
    }
    copy.len = 2 * UNWIND_RED_ZONE_BYTES; /* the walk ends where it does */
    size_t some = unwind_capture_copy(probe.tables, &start, &copy, pcs, STACK_PCS_MAX, &end);
    assert_in_range(some, 1, probe.ours.count - 1);
    assert_memory_equal(pcs, probe.ours.pcs, some * sizeof(pcs[0]));
}

static void a_copy_is_walked_as_the_stack_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        chains[i]->deep(25, compare_copy, NULL);
        chains[i]->distinct(compare_copy, NULL);
        chains[i]->sized(1000, compare_copy, NULL);
        chains[i]->aligned(compare_copy, NULL);
    }
}

struct mixture {
    size_t depth;
    struct test_random random;
};

/* A function of one of the chains, below it one of another, and so on. */
static void mixture_go_on(void *context)
{
    struct mixture *mixture = context;
    if (mixture->depth-- == 0) {
        probe_and_compare("a mixture");
        return;
    }
    const struct chain *chain = chains[test_random_below(&mixture->random, CHAIN_COUNT)];
    switch (test_random_below(&mixture->random, 6)) {
    case 0:
        chain->sized(1 + test_random_below(&mixture->random, 5000), mixture_go_on, mixture);
        break;
    case 1:
        chain->aligned(mixture_go_on, mixture);
        break;
    case 2:
        chain->sorted(mixture_go_on, mixture);
        break;
    case 3:
        (void)chain->busy(3, mixture_go_on, mixture);
        break;
    case 4:
        chain->large(mixture_go_on, mixture);
        break;
    default:
        chain->deep(1 + (unsigned)test_random_below(&mixture->random, 9), mixture_go_on, mixture);
    }
}

static void code_with_and_without_frame_pointers_mixes(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < test_rounds(200); round++) {
        struct mixture mixture = {.random = test_random_start(round)};
        mixture.depth = test_random_below(&mixture.random, 12);
        mixture_go_on(&mixture);
    }
}

static void a_deep_recursion_gives_its_innermost_frames_and_says_so(void **state)
{
    (void)state;
    probe.pcs_max = UNWIND_PCS_MAX;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        chains[i]->deep(500, probe_and_compare, "deep");
        assert_int_equal(probe.ours.count, UNWIND_PCS_MAX);
        assert_int_equal(probe.end, UNWIND_END_TRUNCATED);
    }
}

static void frames_with_frame_pointers_need_no_module(void **state)
{
    (void)state;
    static struct unwind_frame start;
    static const uintptr_t no_code = (uintptr_t)1 << 40;
    uintptr_t stack[8] = {0};
    uintptr_t base = (uintptr_t)stack;
    stack[1] = base + 32;
    stack[2] = no_code + 1;
    stack[4] = base + 16;
    stack[5] = no_code + 2;
    struct stack_bounds bounds = {base, base + sizeof(stack)};
    start = (struct unwind_frame){.pc = no_code, .sp = base, .bp = base + 8};
    uintptr_t pcs[8] = {0};
    enum unwind_end end = UNWIND_END_TRUNCATED;
    assert_int_equal(unwind_capture(probe.tables, &start, &bounds, pcs, 8, &end), 3);
    assert_int_equal(end, UNWIND_END_LOST);
    assert_int_equal(pcs[0], no_code - 1);
    assert_int_equal(pcs[1], no_code);
    assert_int_equal(pcs[2], no_code + 1);
    assert_int_equal(unwind_capture(probe.tables, &start, &bounds, pcs, 0, NULL), 0);
    struct unwind_stats stats;
    unwind_stats(probe.tables, &stats);
    assert_int_equal(stats.pcs_unknown, 3);
    assert_int_equal(stats.rules_compiled, 0);
}

static void frames_that_an_exception_passes_are_those_that_libgcc_sees(void **state)
{
    (void)state;
    throwing_run(probe_and_compare, "throwing");
}

static jmp_buf last_left;

static void last_leave(void *context)
{
    probe_and_compare(context);
    longjmp(last_left, 1);
}

static void a_call_at_the_end_of_a_function_belongs_to_it(void **state)
{
    (void)state;
    for (volatile size_t i = 0; i < CHAIN_COUNT; i++) {
        if (setjmp(last_left) == 0) {
            chains[i]->last(last_leave, "last");
        }
    }
}

static void a_frame_beyond_what_a_rule_can_say_ends_the_walk_at_worst(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        chains[i]->huge(probe_stack, &probe);
        assert_true(probe.ours.count >= 1);
        assert_int_equal(probe.ours.pcs[0], probe.theirs.pcs[0]);
    }
}

static void handler_probe(int number)
{
    (void)number;
    probe_stack(&probe);
}

static void raise_usr1(void *context)
{
    (void)context;
    assert_int_equal(raise(SIGUSR1), 0);
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    assert_int_equal(sigaction(number, &action, NULL), 0);
}

static void a_walk_passes_from_a_handler_to_what_it_interrupted(void **state)
{
    (void)state;
    handle(SIGUSR1, handler_probe, 0);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        chains[i]->deep(10, raise_usr1, NULL);
        assert_same_stack(&probe, chains[i]->name);
        assert_true(probe.is_own);
    }
    handle(SIGUSR1, SIG_DFL, 0);
}

static void a_walk_on_an_alternate_stack_ends_at_once(void **state)
{
    (void)state;
    static char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    handle(SIGUSR1, handler_probe, SA_ONSTACK);
    chain_O2_sp.deep(10, raise_usr1, NULL);
    assert_false(probe.is_own);
    assert_int_equal(probe.ours.count, 1);
    assert_int_equal(probe.end, UNWIND_END_LOST);
    handle(SIGUSR1, SIG_DFL, 0);
    stack.ss_flags = SS_DISABLE;
    assert_int_equal(sigaltstack(&stack, NULL), 0);
}

static ucontext_t coroutine_caller;

static void coroutine_run(void)
{
    chain_O2_sp.deep(10, probe_stack, &probe);
    chain_O2_bp.deep(10, probe_stack, &probe);
}

static void a_walk_on_a_coroutines_stack_ends_at_once(void **state)
{
    (void)state;
    const size_t stack_bytes = 1 << 18;
    void *stack =
        mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(stack != MAP_FAILED);
    ucontext_t coroutine;
    assert_int_equal(getcontext(&coroutine), 0);
    coroutine.uc_stack = (stack_t){.ss_sp = stack, .ss_size = stack_bytes};
    coroutine.uc_link = &coroutine_caller;
    makecontext(&coroutine, coroutine_run, 0);
    assert_int_equal(swapcontext(&coroutine_caller, &coroutine), 0);
    assert_false(probe.is_own);
    assert_int_equal(probe.ours.count, 1);
    assert_int_equal(munmap(stack, stack_bytes), 0);
}

#ifdef __x86_64__

#define TRAP_FLAG 0x100

static struct {
    uint64_t count;
    uint64_t lost; /* cut short in the few instructions that a rule cannot tell */
    uint64_t wrong;
    uintptr_t wrong_pc;
} steps;

/* libgcc's first two frames are this handler and the kernel's return from it. */
static void handler_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    struct unwind_frame start = unwind_interrupted(context);
    probe_ours(&probe, &start);
    probe_theirs(&probe, 2);
    steps.count++;
    size_t frame = probe_difference(&probe);
    if (frame != SIZE_MAX && frame == probe.ours.count && probe.end == UNWIND_END_LOST) {
        steps.lost++;
    } else if (frame != SIZE_MAX) {
        steps.wrong++;
        steps.wrong_pc = start.pc;
    }
}

static void handler_toggle(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] ^= TRAP_FLAG;
}

static void nothing_more(void *context)
{
    (void)context;
}

/* Prologues, epilogues, linkage tables, libc's sorting: the stack before each instruction. */
static void a_walk_can_begin_at_any_instruction(void **state)
{
    (void)state;
    struct sigaction step = {.sa_sigaction = handler_step, .sa_flags = SA_SIGINFO};
    struct sigaction toggle = {.sa_sigaction = handler_toggle, .sa_flags = SA_SIGINFO};
    assert_int_equal(sigaction(SIGTRAP, &step, NULL), 0);
    assert_int_equal(sigaction(SIGUSR2, &toggle, NULL), 0);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        assert_int_equal(raise(SIGUSR2), 0);
        chain_run(chains[i], nothing_more, NULL);
        assert_int_equal(raise(SIGUSR2), 0);
    }
    handle(SIGTRAP, SIG_DFL, 0);
    handle(SIGUSR2, SIG_DFL, 0);
    if (steps.wrong != 0) {
        fail_msg("%llu of %llu, the last at %p", (unsigned long long)steps.wrong,
                 (unsigned long long)steps.count, (void *)steps.wrong_pc);
    }
    assert_true(steps.lost * 100 <= steps.count);
}

#endif

static void a_walk_allocates_nothing_and_keeps_errno(void **state)
{
    (void)state;
    struct unwind_stack known = {.own = {0, 0}};
    struct unwind_frame start = unwind_caller();
    uintptr_t pcs[UNWIND_PCS_MAX];
    uint64_t allocations = alloc_count();
    errno = 1234;
    for (int round = 0; round < 2; round++) {
        assert_true(unwind_stack_find(probe.tables, start.sp, &known));
        assert_true(unwind_capture(probe.tables, &start, &known.own, pcs, UNWIND_PCS_MAX, NULL) >
                    0);
    }
    assert_int_equal(errno, 1234);
    assert_int_equal(alloc_count(), allocations);
}

static void bounds_that_hold_no_stack_give_one_frame(void **state)
{
    (void)state;
    static const struct stack_bounds strange[] = {
        {0, 0}, {0, 8}, {8, 8}, {UINTPTR_MAX, 0}, {UINTPTR_MAX - 7, UINTPTR_MAX}, {0, 16},
    };
    struct unwind_frame start = unwind_caller();
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        uintptr_t pcs[4];
        enum unwind_end end = UNWIND_END_TRUNCATED;
        struct unwind_frame frames[] = {start, {start.pc, 0, 0, false}, {start.pc, 8, 8, false}};
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(unwind_capture(probe.tables, &frames[j], &strange[i], pcs, 4, &end),
                             1);
            assert_int_equal(end, UNWIND_END_LOST);
            assert_int_equal(pcs[0], start.pc - 1);
        }
    }
}

#define PROBE_TEST(test) cmocka_unit_test_setup_teardown(test, probe_setup, probe_teardown)

static const struct CMUnitTest tests[] = {
    PROBE_TEST(frames_of_every_kind_are_those_that_libgcc_sees),
    PROBE_TEST(a_copy_is_walked_as_the_stack_itself),
    PROBE_TEST(code_with_and_without_frame_pointers_mixes),
    PROBE_TEST(a_deep_recursion_gives_its_innermost_frames_and_says_so),
    PROBE_TEST(frames_with_frame_pointers_need_no_module),
    PROBE_TEST(frames_that_an_exception_passes_are_those_that_libgcc_sees),
    PROBE_TEST(a_call_at_the_end_of_a_function_belongs_to_it),
    PROBE_TEST(a_frame_beyond_what_a_rule_can_say_ends_the_walk_at_worst),
    PROBE_TEST(a_walk_passes_from_a_handler_to_what_it_interrupted),
    PROBE_TEST(a_walk_on_an_alternate_stack_ends_at_once),
    PROBE_TEST(a_walk_on_a_coroutines_stack_ends_at_once),
#ifdef __x86_64__
    PROBE_TEST(a_walk_can_begin_at_any_instruction),
#endif
    PROBE_TEST(a_walk_allocates_nothing_and_keeps_errno),
    PROBE_TEST(bounds_that_hold_no_stack_give_one_frame),
};

int main(void)
{
    return TEST_RUN("unwind", tests);
}

#include "preload/unwind.h"

#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "chain.h"
#include "harness.h"

#define STACK_PCS_MAX 1024

struct stack {
    size_t count;
    uintptr_t pcs[STACK_PCS_MAX];
};

struct probe {
    struct unwind_tables *tables;
    size_t pcs_max;
    struct stack ours;
    struct stack theirs;
    enum unwind_end end;
};

static _Unwind_Reason_Code stack_add(struct _Unwind_Context *context, void *arg)
{
    struct stack *stack = arg;
    int interrupted = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &interrupted);
    if (pc == 0 || stack->count == STACK_PCS_MAX) {
        return _URC_END_OF_STACK;
    }
    stack->pcs[stack->count++] = interrupted ? pc : pc - 1;
    return _URC_NO_REASON;
}

/* Both stacks from the caller of this function on. */
__attribute__((noinline)) static void probe_stack(void *context)
{
    static _Thread_local struct unwind_stack known;
    struct probe *probe = context;
    struct unwind_frame start = unwind_caller();
    assert_true(unwind_stack_find(probe->tables, start.sp, &known));
    probe->ours.count = unwind_capture(probe->tables, &start, &known.own, probe->ours.pcs,
                                       probe->pcs_max, &probe->end);
    probe->theirs.count = 0;
    (void)_Unwind_Backtrace(stack_add, &probe->theirs);
    probe->theirs.count--;
    memmove(probe->theirs.pcs, probe->theirs.pcs + 1, probe->theirs.count * sizeof(uintptr_t));
}

static struct unwind_tables *tables_create(void)
{
    void *block = aligned_alloc(64, (unwind_tables_bytes() + 63) / 64 * 64);
    assert_non_null(block);
    memset(block, 0, unwind_tables_bytes());
    return unwind_tables_init(block);
}

static const struct chain *const chains[] = {&chain_O0_bp, &chain_O2_bp};

#define CHAIN_COUNT (sizeof(chains) / sizeof(chains[0]))

static void frames_with_frame_pointers_need_no_tables(void **state)
{
    (void)state;
    static struct probe probe;
    probe = (struct probe){.tables = tables_create(), .pcs_max = 25};
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        chains[i]->deep(25, probe_stack, &probe);
        assert_int_equal(probe.ours.count, 25);
        assert_int_equal(probe.end, UNWIND_END_TRUNCATED);
        assert_true(probe.theirs.count > 25);
        assert_memory_equal(probe.ours.pcs, probe.theirs.pcs, 25 * sizeof(uintptr_t));
    }
    free(probe.tables);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(frames_with_frame_pointers_need_no_tables),
};

int main(void)
{
    return TEST_RUN("unwind", tests);
}

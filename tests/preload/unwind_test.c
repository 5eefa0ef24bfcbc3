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

/* libgcc's stack, to its end or as far as there was room. */
static void assert_same_stack(const char *where)
{
    size_t count = probe.theirs.count < probe.pcs_max ? probe.theirs.count : probe.pcs_max;
    for (size_t i = 0; i < count && i < probe.ours.count; i++) {
        if (probe.ours.pcs[i] != probe.theirs.pcs[i]) {
            fail_msg("%s: frame %zu is %zx, not %zx", where, i, probe.ours.pcs[i],
                     probe.theirs.pcs[i]);
        }
    }
    if (probe.ours.count != count) {
        fail_msg("%s: %zu frames, not %zu", where, probe.ours.count, count);
    }
    assert_int_equal(probe.end, probe.theirs.count > probe.pcs_max ? UNWIND_END_TRUNCATED
                                                                   : UNWIND_END_OUTERMOST);
}

static void frames_of_every_kind_are_those_that_libgcc_sees(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        const struct chain *chain = chains[i];
        chain->deep(25, probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->distinct(probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->sized(1000, probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->large(probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->aligned(probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->tail(probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->sorted(probe_stack, &probe);
        assert_same_stack(chain->name);
        (void)chain->busy(7, probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->early(0, probe_stack, &probe);
        assert_same_stack(chain->name);
        chain->early(3, probe_stack, &probe);
        assert_same_stack(chain->name);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(frames_of_every_kind_are_those_that_libgcc_sees, probe_setup,
                                    probe_teardown),
};

int main(void)
{
    return TEST_RUN("unwind", tests);
}

/* The same stack by the unwinder and by libgcc. */
#ifndef TESTS_PRELOAD_PROBE_H
#define TESTS_PRELOAD_PROBE_H

#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "preload/unwind.h"

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
    bool is_own; /* the stack is the thread's */
};

static inline _Unwind_Reason_Code stack_add(struct _Unwind_Context *context, void *arg)
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

/* libgcc's stack but for its innermost frames. */
static inline void probe_theirs(struct probe *probe, size_t skipped)
{
    probe->theirs.count = 0;
    (void)_Unwind_Backtrace(stack_add, &probe->theirs); /* that the stack has ended */
    assert_true(probe->theirs.count >= skipped);
    probe->theirs.count -= skipped;
    memmove(probe->theirs.pcs, probe->theirs.pcs + skipped,
            probe->theirs.count * sizeof(uintptr_t));
}

static inline void probe_ours(struct probe *probe, const struct unwind_frame *start)
{
    static _Thread_local struct unwind_stack known;
    probe->is_own = unwind_stack_find(probe->tables, start->sp, &known);
    probe->ours.count = unwind_capture(probe->tables, start, &known.own, probe->ours.pcs,
                                       probe->pcs_max, &probe->end);
}

/* Both stacks from the caller of this function on. */
__attribute__((noinline, unused)) static void probe_stack(void *context)
{
    struct probe *probe = context;
    struct unwind_frame start = unwind_caller();
    probe_ours(probe, &start);
    probe_theirs(probe, 1);
}

/* The frame at which the stacks differ, or SIZE_MAX: ours is theirs to its end, or cut off. */
static inline size_t probe_difference(const struct probe *probe)
{
    size_t count = probe->theirs.count < probe->pcs_max ? probe->theirs.count : probe->pcs_max;
    for (size_t i = 0; i < count; i++) {
        if (i == probe->ours.count || probe->ours.pcs[i] != probe->theirs.pcs[i]) {
            return i;
        }
    }
    enum unwind_end end =
        probe->theirs.count > probe->pcs_max ? UNWIND_END_TRUNCATED : UNWIND_END_OUTERMOST;
    return probe->ours.count == count && probe->end == end ? SIZE_MAX : count;
}

static inline void assert_same_stack(const struct probe *probe, const char *where)
{
    size_t frame = probe_difference(probe);
    if (frame != SIZE_MAX) {
        fail_msg("%s: frame %zu of %zu is %zx; libgcc has %zx of %zu; end %d", where, frame,
                 probe->ours.count, probe->ours.pcs[frame], probe->theirs.pcs[frame],
                 probe->theirs.count, (int)probe->end);
    }
}

static inline struct unwind_tables *tables_create(void)
{
    void *block = aligned_alloc(64, (unwind_tables_bytes() + 63) / 64 * 64);
    assert_non_null(block);
    memset(block, 0, unwind_tables_bytes());
    return unwind_tables_init(block);
}

#endif

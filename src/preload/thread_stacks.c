#include "preload/thread_stacks.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/layout.h"
#include "preload/pages.h"
#include "preload/thread_stop.h"

#define PCS_MAX        ((size_t)THREAD_STACKS_MAX * UNWIND_PCS_MAX)
#define COPY_BYTES_MAX ((size_t)1 << 20)
#define PIECE_BYTES    4096 /* a page at least: what cannot be read ends a piece */
#define PIECES_MAX     (COPY_BYTES_MAX / PIECE_BYTES)

struct plan {
    size_t table;
    size_t pcs;
    size_t copy;
    size_t bytes;
};

static struct plan plan_make(void)
{
    struct layout layout = {0};
    struct plan plan;
    plan.table = layout_add(&layout, THREAD_STACKS_MAX, sizeof(struct thread_stack), 64);
    plan.pcs = layout_add(&layout, PCS_MAX, sizeof(uintptr_t), 64);
    plan.copy = layout_add(&layout, COPY_BYTES_MAX, 1, 64);
    plan.bytes = layout.size_bytes;
    return plan;
}

/*
 * As much of the process's memory as can be read from `low` on, to the first page that is not
 * there. Through the kernel: another thread may unmap it at any time.
 */
static size_t memory_copy(uintptr_t low, char *copy)
{
    struct iovec to = {.iov_base = copy, .iov_len = COPY_BYTES_MAX};
    struct iovec from[PIECES_MAX];
    uintptr_t at = low;
    uintptr_t end = low + COPY_BYTES_MAX;
    size_t count = 0;
    while (count < PIECES_MAX && at < end) {
        size_t len = PIECE_BYTES - at % PIECE_BYTES;
        len = len < end - at ? len : end - at;
        /* An address, which the kernel takes as a pointer of whichever process. */
        from[count++] = (struct iovec){.iov_base = (void *)at, .iov_len = len};
        at += len;
    }
    ssize_t got = process_vm_readv(getpid(), &to, 1, from, count, 0);
    return got > 0 ? (size_t)got : 0;
}

int thread_stack_walk(struct thread_stacks *stacks, struct thread_stack *stack,
                      const struct unwind_frame *start, bool is_held)
{
    uintptr_t low = (start->sp & ~(uintptr_t)15) - UNWIND_RED_ZONE_BYTES;
    size_t room = PCS_MAX - stacks->pcs_used;
    uintptr_t *pcs = stacks->pcs + stacks->pcs_used;
    struct unwind_copy copy = {.bytes = stacks->copy, .low = low, .is_held = is_held};
    copy.len = memory_copy(low, stacks->copy);
    if (copy.len == 0) {
        return -EFAULT;
    }
    stack->pc_count =
        (uint32_t)unwind_capture_copy(stacks->tables, start, &copy, pcs,
                                      room < UNWIND_PCS_MAX ? room : UNWIND_PCS_MAX, &stack->end);
    stack->pcs = pcs;
    stacks->pcs_used += stack->pc_count;
    return 0;
}

/* A thread that has slept all the time has a stack that stood still. */
static void sleeper_walk(struct thread_stacks *stacks, struct thread_stack *stack)
{
    struct thread_state after;
    uint64_t sleeps_before = 0;
    uint64_t sleeps_after = 0;
    uint32_t pcs_used = stacks->pcs_used;
    if (thread_sleeps_read(stacks->process, stack->id, &sleeps_before) != 0 ||
        thread_state_read(stacks->process, stack->id, &after) != 0 || !after.is_blocked) {
        return;
    }
    struct unwind_frame start = {.pc = after.block.pc, .sp = after.block.sp, .interrupted = true};
    if (thread_stack_walk(stacks, stack, &start, false) == 0 &&
        thread_sleeps_read(stacks->process, stack->id, &sleeps_after) == 0 &&
        sleeps_before == sleeps_after) {
        stack->state = after;
        stack->answer = THREAD_LEFT_ALONE;
        return;
    }
    stacks->pcs_used = pcs_used;
    stack->pc_count = 0;
}

static void states_read(struct thread_stacks *stacks)
{
    for (uint32_t i = 0; i < stacks->count; i++) {
        struct thread_stack *stack = &stacks->table[i];
        if (stack->id == gettid()) {
            stack->answer = THREAD_ASKING;
        }
        if (thread_state_read(stacks->process, stack->id, &stack->state) == -ESRCH) {
            stack->answer = THREAD_ENDED;
        }
    }
}

static int threads_find(struct thread_stacks *stacks)
{
    pid_t *ids = (void *)stacks->copy; /* nothing else is there yet */
    _Static_assert(THREAD_STACKS_MAX * sizeof(pid_t) <= COPY_BYTES_MAX, "room for the numbers");
    int err = thread_list(ids, THREAD_STACKS_MAX, &stacks->count, &stacks->more);
    for (uint32_t i = 0; err == 0 && i < stacks->count; i++) {
        stacks->table[i].id = ids[i];
    }
    return err;
}

int thread_stacks_take(struct unwind_tables *tables, bool may_disturb, uint64_t deadline_ns,
                       struct thread_stacks *stacks)
{
    struct plan plan = plan_make();
    char *block = pages_map(plan.bytes);
    if (block == NULL) {
        return -ENOMEM;
    }
    *stacks = (struct thread_stacks){.table = (void *)(block + plan.table),
                                     .pcs = (void *)(block + plan.pcs),
                                     .copy = block + plan.copy,
                                     .block = block,
                                     .process = getpid(),
                                     .may_disturb = may_disturb,
                                     .tables = tables};
    int err = threads_find(stacks);
    if (err != 0) {
        thread_stacks_release(stacks);
        return err;
    }
    states_read(stacks);
    threads_stop(stacks, deadline_ns);
    for (uint32_t i = 0; i < stacks->count; i++) {
        struct thread_stack *stack = &stacks->table[i];
        if (stack->answer == THREAD_UNANSWERED && stack->state.is_blocked) {
            sleeper_walk(stacks, stack);
        }
    }
    return 0;
}

void thread_stacks_add_caller(struct thread_stacks *stacks, const uintptr_t *pcs, size_t count)
{
    uintptr_t *own = stacks->pcs + stacks->pcs_used;
    for (uint32_t i = 0; i < stacks->count; i++) {
        struct thread_stack *stack = &stacks->table[i];
        if (stack->answer == THREAD_ASKING && count <= PCS_MAX - stacks->pcs_used) {
            for (size_t frame = 0; frame < count; frame++) {
                own[frame] = pcs[frame] - 1;
            }
            stack->pcs = own;
            stack->pc_count = (uint32_t)count;
            stacks->pcs_used += (uint32_t)count;
            return;
        }
    }
}

void thread_stacks_release(struct thread_stacks *stacks)
{
    (void)munmap(stacks->block, plan_make().bytes);
}

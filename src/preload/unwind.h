/*
 * The calling thread's stack, walked inside an allocation hook: no lock, no allocation, no system
 * call, no errno, no floating point, and no load outside the stack that the caller vouches for
 * or outside a module that this stack keeps loaded.
 *
 * A return address leads to a rule: where the caller's frame is. Most frames of code with frame
 * pointers have the one rule that follows rbp; the others have what their module's .eh_frame says,
 * compiled once and kept in a fixed table. Code that has no rule (just-in-time code, assembly) is
 * taken to keep a frame pointer.
 */
#ifndef PRELOAD_UNWIND_H
#define PRELOAD_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#define UNWIND_PCS_MAX        128 /* the depth that profiles keep */
#define UNWIND_RED_ZONE_BYTES 128 /* of an interrupted function below its sp */

/* Registers of the innermost frame wanted. */
struct unwind_frame {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t bp;
    bool interrupted; /* pc is what would run next; otherwise it is a return address */
};

/* Frames lie within [low, high), all of it readable from the walk's first sp upwards. */
struct stack_bounds {
    uintptr_t low;
    uintptr_t high;
};

/* What a thread knows of the addresses that its sp has had: thread-local, zero at first. */
struct unwind_stack {
    struct stack_bounds own;     /* the stack that the thread was started with, as deep as seen */
    struct stack_bounds foreign; /* the last region that was found to be none of it */
};

enum unwind_end {
    UNWIND_END_OUTERMOST, /* the frame of the thread's first function was reached */
    UNWIND_END_TRUNCATED, /* there are more frames than room: the innermost ones are given */
    UNWIND_END_LOST,      /* the next frame is unknown, or is not on this stack */
};

struct unwind_stats {
    uint64_t rules_compiled; /* look-ups that were answered from a module's .eh_frame */
    uint64_t pcs_unknown;    /* look-ups without a rule: a frame pointer was assumed */
    uint64_t generation;     /* how often rules were dropped because modules were unloaded */
};

struct unwind_tables;

/* The bytes of the block that unwind_tables_init takes; fixed when the program is built. */
size_t unwind_tables_bytes(void);

/*
 * Make tables in `block`, in which nothing is known yet.
 *
 * block    unwind_tables_bytes() zero bytes, aligned to 64, e.g. fresh pages
 * Returns  the tables, which need no end: the block's owner frees it when no walk can come
 * Cost     a few system calls; best called from a constructor, before the program limits its stack
 */
struct unwind_tables *unwind_tables_init(void *block);

/*
 * Learn which modules can never be unloaded (the first call), and forget the rules of modules that
 * have been. A module that is loaded needs no call.
 *
 * Cost     O(loaded modules) at the first call, then O(1); after an unloading O(table)
 * Threads  any, while others walk; never inside a hook: it takes the dynamic loader's lock
 */
void unwind_refresh(struct unwind_tables *tables);

/* unwind_stack_find for an sp that is not in stack->own as known so far. */
bool unwind_stack_grow(const struct unwind_tables *tables, uintptr_t sp,
                       struct unwind_stack *stack);

/*
 * Bring stack->own up to the calling thread's `sp`.
 *
 * Returns  true if stack->own holds sp; false if sp is on a stack that is not the thread's own (an
 *          alternate signal stack, a coroutine's), of which a walk gives the first frame alone
 * Cost     a few instructions; once a thread, and when its stack has become deeper than ever, a
 *          system call for each page of it. errno is kept
 * Threads  the owner of `stack`; within hooks and signal handlers
 */
static inline bool unwind_stack_find(const struct unwind_tables *tables, uintptr_t sp,
                                     struct unwind_stack *stack)
{
    return sp - stack->own.low < stack->own.high - stack->own.low ||
           unwind_stack_grow(tables, sp, stack);
}

/*
 * Write the code addresses of the frames, innermost first. For a return address it is the address
 * before, which is within the call; for an interrupted frame it is the address itself.
 *
 * start    from unwind_caller or unwind_interrupted
 * bounds   unwind_stack's `own`; if start->sp is not in it, only the first address is written
 * pcs_max  0 .. any; at most so many are written
 * end      NULL, or filled with why the walk ended
 * Returns  how many were written
 * Cost     O(frames): 1-6 ns each, about a microsecond when an address is seen for the first time
 * Threads  any number, at any time, within hooks and signal handlers; wait-free
 */
size_t unwind_capture(struct unwind_tables *tables, const struct unwind_frame *start,
                      const struct stack_bounds *bounds, uintptr_t *pcs, size_t pcs_max,
                      enum unwind_end *end);

/* What another thread's stack held at one moment. */
struct unwind_copy {
    const void *bytes; /* aligned to 8 */
    uintptr_t low;     /* where they were; from UNWIND_RED_ZONE_BYTES below the walk's first sp */
    size_t len;
    bool is_held; /* the thread stands still while the copy is walked */
};

/*
 * unwind_capture of a copy. Of a thread that may run on meanwhile, and may unload a module that it
 * had a frame in, .eh_frame is read of modules that are never unloaded only.
 */
size_t unwind_capture_copy(struct unwind_tables *tables, const struct unwind_frame *start,
                           const struct unwind_copy *copy, uintptr_t *pcs, size_t pcs_max,
                           enum unwind_end *end);

/* Threads: any; the figures may be of slightly different moments. */
void unwind_stats(const struct unwind_tables *tables, struct unwind_stats *stats);

/*
 * The frame that called the function in which this stands (which keeps a frame pointer therefore).
 * What is written is the caller's registers, so that a hook needs no rules of its own.
 */
static inline __attribute__((always_inline)) struct unwind_frame unwind_caller(void)
{
    const uintptr_t *record = __builtin_frame_address(0);
    return (struct unwind_frame){
        .pc = (uintptr_t)__builtin_return_address(0),
#ifdef __x86_64__
        .sp = (uintptr_t)__builtin_dwarf_cfa(),
#else
        .sp = (uintptr_t)record,
#endif
        .bp = record[0],
    };
}

/* The frame that a signal interrupted, in its handler: the third argument of SA_SIGINFO. */
struct unwind_frame unwind_interrupted(const ucontext_t *context);

#endif

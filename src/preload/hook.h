/*
 * What an allocation does when its thread's countdown has run out: take a sample, or begin to count
 * anew. Everything here is off the fast path, which is family.c.
 */
#ifndef PRELOAD_HOOK_H
#define PRELOAD_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/unwind.h"

struct profile;

/* All zero in a new thread, so that its first allocation comes here. */
struct hook_thread {
    uint64_t countdown;  /* an allocation of more bytes than this is sampled */
    uint64_t rate_bytes; /* that the countdown was drawn with; 0: not drawn */
    uint64_t random;
    struct unwind_stack stack;
    uint32_t id;    /* the kernel's; 0: not asked yet */
    uint32_t depth; /* above 0 within a hook: no sample is taken and none given back */
    bool is_own;    /* allocations are the profiler's: they come from boot memory */
};

/*
 * Initial-exec: an offset from the thread pointer that is known when the library is loaded. Any
 * other model may call the loader, which may allocate.
 */
extern __thread struct hook_thread hook_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Count an allocation. True if it is not just one of many: hook_is_due decides. */
static inline bool hook_count_down(size_t size)
{
    return __builtin_expect(
        __builtin_sub_overflow(hook_thread.countdown, size, &hook_thread.countdown), 0);
}

/* An allocation that has been counted. */
struct hook_sample {
    struct unwind_frame caller;
    size_t size;
    uint64_t rate_bytes;
    bool is_recorded;
};

/*
 * Profile into `profile` from now on, or, with NULL, no more.
 *
 * seed        what the threads' distances are drawn from
 * has_ranges  sampled blocks are placed in blocks.h; otherwise filter.h watches them where they are
 */
void hook_start(struct profile *profile, struct unwind_tables *tables, uint64_t seed,
                bool has_ranges);
void hook_stop(void);
void hook_resume(void);
struct profile *hook_profile(void);
bool hook_is_on(void);

/*
 * An allocation of sample->size bytes, more than the countdown, or the countdown is not drawn yet.
 *
 * Returns  true if it is to be sampled: rate_bytes is filled; the next distance is drawn
 */
bool hook_is_due(struct hook_sample *sample);

/* Count bytes where the fast path has not. Returns as hook_is_due. */
bool hook_count(struct hook_sample *sample);

/* Place the sampled block in our ranges, and record it; NULL if that cannot be. errno is kept. */
void *hook_place(struct hook_sample *sample, size_t align, bool zero);

/*
 * Record the sampled block that the allocator below has given: it is watched where there are no
 * ranges, and otherwise counted as allocated and not as in use. Returns the block, which may be
 * NULL.
 */
void *hook_adopt(struct hook_sample *sample, void *block);

/* Record a block of ours, within a hook, that realloc has resized in place. */
void hook_keep(struct hook_sample *sample, void *block);

/* The sample of a block of ours is freed, which was at `address`. */
void hook_forget(uint32_t index, const void *address);

/* The block may be watched by the filter, and is freed now. */
void hook_forget_watched(const void *block);

/* Free a block of ours, and its sample. */
void hook_free(void *block);

/* Around what allocates for the profiler itself in this thread. */
void hook_own_begin(void);
void hook_own_end(void);

/* In the child of fork, in its only thread. */
void hook_after_fork_child(uint64_t now_ns);

struct hook_stats {
    uint64_t unplaced; /* samples for which there was no room in our ranges */
    uint64_t lost;     /* samples within a hook, and those of frees of what is not ours */
};

void hook_stats(struct hook_stats *stats);

#endif

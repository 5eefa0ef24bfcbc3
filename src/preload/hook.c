#include "preload/hook.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "preload/blocks.h"
#include "preload/filter.h"
#include "preload/flight.h"
#include "preload/http_server.h"
#include "preload/next.h"
#include "preload/scribe.h"
#include "preload/said.h"
#include "profile/profile.h"
#include "profile/sampling.h"

/* While nothing is sampled, a thread looks up so often whether that has changed. */
#define IDLE_BYTES ((uint64_t)64 << 10)

#define GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)

__thread struct hook_thread hook_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

enum hook_state {
    HOOK_EARLY, /* before the library's constructor */
    HOOK_OFF,
    HOOK_ON,
};

static struct {
    _Atomic(struct profile *) profile; /* once set it stays, so that frees are seen */
    _Atomic(struct unwind_tables *) tables;
    _Atomic uint64_t seed;
    _Atomic bool has_ranges;
    _Atomic uint64_t unplaced;
    _Atomic uint64_t lost;
    _Atomic uint32_t state; /* enum hook_state; released after what it announces */
} hook;

void hook_start(struct profile *profile, struct unwind_tables *tables, uint64_t seed,
                bool has_ranges)
{
    atomic_store_explicit(&hook.has_ranges, has_ranges, memory_order_relaxed);
    atomic_store_explicit(&hook.profile, profile, memory_order_relaxed);
    atomic_store_explicit(&hook.tables, tables, memory_order_relaxed);
    atomic_store_explicit(&hook.seed, seed, memory_order_relaxed);
    atomic_store_explicit(&hook.state, HOOK_ON, memory_order_release);
}

void hook_stop(void)
{
    atomic_store_explicit(&hook.state, HOOK_OFF, memory_order_release);
}

void hook_resume(void)
{
    atomic_store_explicit(&hook.state, HOOK_ON, memory_order_release);
}

bool hook_is_on(void)
{
    return atomic_load_explicit(&hook.state, memory_order_acquire) == HOOK_ON;
}

struct profile *hook_profile(void)
{
    return atomic_load_explicit(&hook.profile, memory_order_acquire);
}

static void thread_draw(struct hook_thread *thread)
{
    uint64_t rate_bytes = profile_rate(hook_profile());
    thread->rate_bytes = rate_bytes;
    thread->countdown = sampling_next(&thread->random, rate_bytes) - 1;
}

static void thread_begin(struct hook_thread *thread)
{
    if (thread->id == 0) {
        thread->id = (uint32_t)syscall(SYS_gettid);
        thread->random =
            atomic_load_explicit(&hook.seed, memory_order_relaxed) ^ thread->id * GOLDEN_RATIO;
    }
}

/* Nothing is sampled now: when to look again. */
static void thread_idle(struct hook_thread *thread, uint32_t state)
{
    thread->rate_bytes = 0;
    thread->countdown = state == HOOK_EARLY || thread->is_own ? 0 : IDLE_BYTES;
}

bool hook_is_due(struct hook_sample *sample)
{
    struct hook_thread *thread = &hook_thread;
    uint32_t state = atomic_load_explicit(&hook.state, memory_order_acquire);
    if (state != HOOK_ON || thread->depth > 0) {
        thread_idle(thread, state);
        return false;
    }
    sample->rate_bytes = thread->rate_bytes;
    if (thread->rate_bytes == 0) {
        thread_begin(thread);
        thread_draw(thread);
        return hook_count(sample);
    }
    thread_draw(thread);
    return true;
}

bool hook_count(struct hook_sample *sample)
{
    struct hook_thread *thread = &hook_thread;
    if (sample->size > thread->countdown) {
        return hook_is_due(sample);
    }
    thread->countdown -= sample->size;
    return false;
}

static int sample_record(const struct hook_sample *sample, const void *block, uint32_t *index)
{
    struct hook_thread *thread = &hook_thread;
    struct unwind_tables *tables = atomic_load_explicit(&hook.tables, memory_order_relaxed);
    uintptr_t pcs[UNWIND_PCS_MAX];
    (void)unwind_stack_find(tables, sample->caller.sp, &thread->stack);
    size_t count =
        unwind_capture(tables, &sample->caller, &thread->stack.own, pcs, UNWIND_PCS_MAX, NULL);
    for (size_t i = 0; i < count; i++) {
        pcs[i]++; /* the profile takes return addresses, of which it writes the one before */
    }
    struct profile_allocation allocation = {.address = (uintptr_t)block,
                                            .size_bytes = sample->size,
                                            .rate_bytes = sample->rate_bytes,
                                            .thread_id = thread->id,
                                            .frame_count = (uint32_t)count,
                                            .return_pcs = pcs};
    uint64_t now_ns = slu_clock_monotonic_ns();
    int err = profile_record(hook_profile(), &allocation, now_ns, index);
    if (err == -ENOBUFS) {
        static struct said full;
        said_once(&full, "as many sampled blocks are live as SLUICE_HEAP_SAMPLES_MAX allows: "
                         "further ones count as allocated and not as in use");
    }
    scribe_tick(now_ns);
    http_server_tick(now_ns, pcs, count);
    flight_tick(sample->size, now_ns, pcs, count);
    return err;
}

/* True if the sample has an index; the block may be given back otherwise. */
static bool block_record(struct hook_sample *sample, void *block)
{
    uint32_t index = 0;
    sample->is_recorded = true;
    if (sample_record(sample, block, &index) != 0) {
        return false;
    }
    blocks_set_sample(block, index);
    return true;
}

static bool has_ranges(void)
{
    return atomic_load_explicit(&hook.has_ranges, memory_order_relaxed);
}

void *hook_place(struct hook_sample *sample, size_t align, bool zero)
{
    struct hook_thread *thread = &hook_thread;
    if (!has_ranges() || sample->size > PTRDIFF_MAX) {
        return NULL;
    }
    int saved = errno;
    thread->depth++;
    void *block = blocks_take(next_good_size(sample->size), align, zero);
    uint32_t none = BLOCKS_NO_SAMPLE;
    if (block != NULL && !block_record(sample, block) && blocks_give(block, &none)) {
        block = NULL;
    }
    thread->depth--;
    errno = saved;
    return block;
}

void hook_keep(struct hook_sample *sample, void *block)
{
    (void)block_record(sample, block); /* without an index it is a block as any other */
}

static bool block_watch(const void *block, uint32_t index)
{
    uint32_t old_index = BLOCKS_NO_SAMPLE;
    int err = filter_add(block, index, &old_index);
    hook_forget(old_index, block);
    return err == 0;
}

void *hook_adopt(struct hook_sample *sample, void *block)
{
    if (block == NULL || sample->is_recorded) {
        return block;
    }
    int saved = errno;
    hook_thread.depth++;
    uint32_t index = 0;
    if (sample_record(sample, block, &index) == 0 && (has_ranges() || !block_watch(block, index))) {
        hook_forget(index, block);
        atomic_fetch_add_explicit(&hook.unplaced, 1, memory_order_relaxed);
    }
    hook_thread.depth--;
    errno = saved;
    return block;
}

void hook_forget(uint32_t index, const void *address)
{
    if (index != BLOCKS_NO_SAMPLE &&
        profile_forget(hook_profile(), index, (uintptr_t)address) != 0) {
        atomic_fetch_add_explicit(&hook.lost, 1, memory_order_relaxed);
    }
}

void hook_forget_watched(const void *block)
{
    struct hook_thread *thread = &hook_thread;
    uint32_t index = BLOCKS_NO_SAMPLE;
    if (thread->depth > 0) {
        return; /* this thread may hold the mutex; the address tells when it is given again */
    }
    int saved = errno;
    thread->depth++;
    if (filter_take(block, &index)) {
        hook_forget(index, block);
    }
    thread->depth--;
    errno = saved;
}

static void block_release(void *block)
{
    uint32_t index = BLOCKS_NO_SAMPLE;
    if (blocks_give(block, &index)) {
        hook_forget(index, block);
        return;
    }
    static struct said wrong;
    said_once(&wrong, "free() or realloc() of %p, which is not the start of a live block: ignored",
              block);
}

void hook_free(void *block)
{
    struct hook_thread *thread = &hook_thread;
    if (thread->depth > 0) {
        blocks_defer(block); /* this thread may hold the mutex */
        return;
    }
    int saved = errno;
    thread->depth++;
    block_release(block);
    for (void *deferred = blocks_deferred(); deferred != NULL; deferred = blocks_deferred()) {
        block_release(deferred);
    }
    thread->depth--;
    errno = saved;
}

void hook_own_begin(void)
{
    hook_thread.depth++;
    hook_thread.is_own = true;
    hook_thread.countdown = 0;
}

void hook_own_end(void)
{
    hook_thread.is_own = false;
    hook_thread.rate_bytes = 0;
    hook_thread.countdown = 0;
    hook_thread.depth--;
}

void hook_after_fork_child(uint64_t now_ns)
{
    struct hook_thread *thread = &hook_thread;
    thread->id = 0;
    thread->rate_bytes = 0;
    thread->countdown = 0;
    if (hook_profile() != NULL) {
        profile_after_fork_child(hook_profile(), now_ns);
    }
}

void hook_stats(struct hook_stats *stats)
{
    stats->unplaced = atomic_load_explicit(&hook.unplaced, memory_order_relaxed);
    stats->lost = atomic_load_explicit(&hook.lost, memory_order_relaxed);
}

#include "preload/cold.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "preload/blocks.h"
#include "preload/hook.h"
#include "preload/next.h"
#include "preload/range.h"
#include "profile/profile.h"

#define ALIGN_USUAL 16
#define ALIGN_MAX   ((size_t)1 << 30) /* beyond, the allocator below decides what it means */

static bool align_is_plain(size_t align)
{
    return align != 0 && align <= ALIGN_MAX && (align & (align - 1)) == 0;
}

static size_t align_at_least_usual(size_t align)
{
    return align < ALIGN_USUAL ? ALIGN_USUAL : align;
}

/* Memory for the profiler's own needs, or NULL if this is the program's call. */
static void *own_block(size_t size)
{
    return hook_thread.is_own ? blocks_boot(size) : NULL;
}

void *cold_malloc(size_t size)
{
    struct hook_sample sample = {.caller = unwind_caller(), .size = size};
    if (!hook_is_due(&sample)) {
        void *own = own_block(size);
        return own != NULL ? own : next.malloc(size);
    }
    void *block = hook_place(&sample, ALIGN_USUAL, false);
    return block != NULL ? block : hook_adopt(&sample, next.malloc(size));
}

void *cold_calloc(size_t count, size_t size)
{
    struct hook_sample sample = {.caller = unwind_caller()};
    if (__builtin_mul_overflow(count, size, &sample.size)) {
        return next.calloc(count, size);
    }
    if (!hook_is_due(&sample)) {
        void *own = own_block(sample.size);
        return own != NULL ? own : next.calloc(count, size);
    }
    void *block = hook_place(&sample, ALIGN_USUAL, true);
    return block != NULL ? block : hook_adopt(&sample, next.calloc(count, size));
}

void *cold_memalign(size_t align, size_t size)
{
    struct hook_sample sample = {.caller = unwind_caller(), .size = size};
    if (!hook_is_due(&sample) || !align_is_plain(align)) {
        return next.memalign(align, size);
    }
    void *block = hook_place(&sample, align_at_least_usual(align), false);
    return block != NULL ? block : hook_adopt(&sample, next.memalign(align, size));
}

void *cold_aligned_alloc(size_t align, size_t size)
{
    struct hook_sample sample = {.caller = unwind_caller(), .size = size};
    if (!hook_is_due(&sample) || !align_is_plain(align)) {
        return next.aligned_alloc(align, size);
    }
    void *block = hook_place(&sample, align_at_least_usual(align), false);
    return block != NULL ? block : hook_adopt(&sample, next.aligned_alloc(align, size));
}

int cold_posix_memalign(void **block, size_t align, size_t size)
{
    struct hook_sample sample = {.caller = unwind_caller(), .size = size};
    if (!hook_is_due(&sample) || !align_is_plain(align) || align < sizeof(void *)) {
        return next.posix_memalign(block, align, size);
    }
    void *placed = hook_place(&sample, align_at_least_usual(align), false);
    if (placed != NULL) {
        *block = placed;
        return 0;
    }
    int err = next.posix_memalign(block, align, size);
    if (err == 0) {
        (void)hook_adopt(&sample, *block); /* it returns the block */
    }
    return err;
}

void *cold_realloc(void *block, size_t size)
{
    struct hook_sample sample = {.caller = unwind_caller(), .size = size};
    if (!hook_is_due(&sample)) {
        return next.realloc(block, size);
    }
    void *placed = hook_place(&sample, ALIGN_USUAL, false);
    if (placed == NULL) {
        return hook_adopt(&sample, next.realloc(block, size));
    }
    if (block != NULL) {
        size_t usable = next.usable_size(block);
        memcpy(placed, block, usable < size ? usable : size);
        next.free(block);
    }
    return placed;
}

/* What realloc(block, 0) of any other block does here, which allocators disagree about. */
static void *realloc_to_nothing(void *block)
{
    hook_free(block);
    void *other = next.malloc(1);
    return other == NULL ? NULL : next.realloc(other, 0);
}

/* Elsewhere, and copied. */
static void *realloc_by_copy(void *block, struct hook_sample *sample, bool due)
{
    void *copy = due ? hook_place(sample, ALIGN_USUAL, false) : NULL;
    if (copy == NULL) {
        copy = next.malloc(sample->size);
        copy = due ? hook_adopt(sample, copy) : copy;
    }
    if (copy == NULL) {
        return NULL;
    }
    size_t usable = blocks_usable(block);
    memcpy(copy, block, usable < sample->size ? usable : sample->size);
    hook_free(block);
    return copy;
}

void *cold_realloc_block(void *block, size_t size)
{
    struct hook_sample sample = {.caller = unwind_caller(), .size = size};
    if (size == 0) {
        return realloc_to_nothing(block);
    }
    if (size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    bool due = hook_count(&sample);
    int saved = errno;
    uint32_t index = BLOCKS_NO_SAMPLE;
    hook_thread.depth++;
    void *resized = blocks_resize(block, next_good_size(size), &index);
    if (resized != NULL) {
        hook_forget(index, block);
        if (due) {
            hook_keep(&sample, resized);
        }
    }
    hook_thread.depth--;
    errno = saved;
    return resized != NULL ? resized : realloc_by_copy(block, &sample, due);
}

void cold_free(void *block)
{
    hook_free(block);
}

size_t cold_usable_size(const void *block)
{
    int saved = errno;
    hook_thread.depth++;
    struct profile_sample sample;
    size_t usable = blocks_usable(block);
    uint32_t index = blocks_sample(block);
    if (index != BLOCKS_NO_SAMPLE && profile_sample_at(hook_profile(), index, &sample)) {
        size_t good = next_good_size((size_t)sample.size_bytes);
        usable = good < usable ? good : usable;
    }
    hook_thread.depth--;
    errno = saved;
    return usable;
}

#include "preload/watch.h"

#include <errno.h>
#include <stddef.h>

#include "preload/filter.h"
#include "preload/hook.h"
#include "preload/next.h"
#include "preload/pages.h"

/* Before the memory is anybody's again, or the address might be watched anew meanwhile. */
static inline void forget(const void *block)
{
    if (__builtin_expect(filter_may_hold(block), 0)) {
        hook_forget_watched(block);
    }
}

static void watch_free(void *block)
{
    forget(block);
    below.free(block);
}

static void watch_free_sized(void *block, size_t size)
{
    forget(block);
    below.free_sized(block, size);
}

static void watch_free_aligned_sized(void *block, size_t align, size_t size)
{
    forget(block);
    below.free_aligned_sized(block, align, size);
}

/* A realloc that fails leaves the block alive, and unwatched: it is counted as freed. */
static void *watch_realloc(void *block, size_t size)
{
    forget(block);
    return below.realloc(block, size);
}

int watch_install(uint32_t count)
{
    void *block = pages_map(filter_bytes(count));
    if (block == NULL) {
        return -ENOMEM;
    }
    filter_init(block, count);
    next.free = watch_free;
    next.free_sized = watch_free_sized;
    next.free_aligned_sized = watch_free_aligned_sized;
    next.realloc = watch_realloc;
    return 0;
}

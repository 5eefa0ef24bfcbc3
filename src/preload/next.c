#include "preload/next.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "preload/hook.h"
#include "preload/operators.h"

/* Of libc's malloc. */
#define LIBC_ALIGN     ((size_t)16)
#define LIBC_HEADER    ((size_t)8)
#define LIBC_CHUNK_MIN ((size_t)32)

#define PROBE_COUNTDOWN ((uint64_t)1 << 40)
#define PROBE_BYTES     24

/* What answers while the real functions are being looked up: dlsym may allocate. */
static void *boot_or_fail(size_t size)
{
    void *block = blocks_boot(size);
    if (block == NULL) {
        errno = ENOMEM;
    }
    return block;
}

static void *boot_malloc(size_t size)
{
    next_resolve();
    return next.malloc == boot_malloc ? boot_or_fail(size) : next.malloc(size);
}

static void boot_free(void *block)
{
    next_resolve();
    if (next.free != boot_free) {
        next.free(block);
    }
}

static void *boot_calloc(size_t count, size_t size)
{
    next_resolve();
    if (next.calloc != boot_calloc) {
        return next.calloc(count, size);
    }
    size_t bytes = 0;
    return boot_or_fail(__builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
}

static void *boot_realloc(void *block, size_t size)
{
    next_resolve();
    if (next.realloc != boot_realloc) {
        return next.realloc(block, size);
    }
    void *larger = boot_or_fail(size);
    if (larger != NULL && block != NULL) {
        size_t usable = blocks_usable(block);
        memcpy(larger, block, usable < size ? usable : size);
    }
    return larger;
}

static size_t boot_usable_size(void *block)
{
    next_resolve();
    return next.usable_size != boot_usable_size ? next.usable_size(block) : 0;
}

/* No alignment above 16 is asked for by the loader. */
static void *boot_memalign(size_t align, size_t size)
{
    next_resolve();
    return next.memalign != boot_memalign ? next.memalign(align, size) : boot_or_fail(size);
}

static void *boot_aligned_alloc(size_t align, size_t size)
{
    next_resolve();
    return next.aligned_alloc != boot_aligned_alloc ? next.aligned_alloc(align, size)
                                                    : boot_or_fail(size);
}

static int boot_posix_memalign(void **block, size_t align, size_t size)
{
    next_resolve();
    return next.posix_memalign != boot_posix_memalign ? next.posix_memalign(block, align, size)
                                                      : ENOMEM;
}

static void boot_free_sized(void *block, size_t size)
{
    next_resolve();
    if (next.free_sized != boot_free_sized) {
        next.free_sized(block, size);
    }
}

static void boot_free_aligned_sized(void *block, size_t align, size_t size)
{
    next_resolve();
    if (next.free_aligned_sized != boot_free_aligned_sized) {
        next.free_aligned_sized(block, align, size);
    }
}

struct next_calls below;

struct next_calls next __attribute__((aligned(64))) = {
    .malloc = boot_malloc,
    .free = boot_free,
    .calloc = boot_calloc,
    .realloc = boot_realloc,
    .usable_size = boot_usable_size,
    .memalign = boot_memalign,
    .aligned_alloc = boot_aligned_alloc,
    .posix_memalign = boot_posix_memalign,
    .free_sized = boot_free_sized,
    .free_aligned_sized = boot_free_aligned_sized,
};

static void plain_free_sized(void *block, size_t size)
{
    (void)size;
    next.free(block);
}

static void plain_free_aligned_sized(void *block, size_t align, size_t size)
{
    (void)align;
    (void)size;
    next.free(block);
}

static void *plain_aligned_alloc(size_t align, size_t size)
{
    return next.memalign(align, size);
}

/* Copies the function's address; keeps what is there if the allocator below has none. */
static void look_up(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found != NULL) {
        memcpy(function, &found, sizeof(found));
    }
}

static void look_all_up(void)
{
    struct next_calls found = next;
    found.aligned_alloc = plain_aligned_alloc;
    found.free_sized = plain_free_sized;
    found.free_aligned_sized = plain_free_aligned_sized;
    look_up(&found.malloc, "malloc");
    look_up(&found.free, "free");
    look_up(&found.calloc, "calloc");
    look_up(&found.realloc, "realloc");
    look_up(&found.usable_size, "malloc_usable_size");
    look_up(&found.memalign, "memalign");
    look_up(&found.aligned_alloc, "aligned_alloc");
    look_up(&found.posix_memalign, "posix_memalign");
    look_up(&found.good_size, "nallocx"); /* of jemalloc and tcmalloc */
    look_up(&found.free_sized, "free_sized");
    look_up(&found.free_aligned_sized, "free_aligned_sized");
    operators_resolve((void *)(uintptr_t)found.malloc);
    (void)dlerror(); /* what was not found is no error of the program's */
    below = found;
    next = found;
}

size_t next_good_size(size_t size)
{
    if (size >= PTRDIFF_MAX - LIBC_ALIGN) {
        return size;
    }
    size_t wanted = size == 0 ? 1 : size;
    if (next.good_size != NULL) {
        size_t good = next.good_size(wanted, 0);
        return good > size ? good : size; /* 0: too large for it */
    }
    size_t chunk = (wanted + LIBC_HEADER + LIBC_ALIGN - 1) & ~(LIBC_ALIGN - 1);
    return (chunk < LIBC_CHUNK_MIN ? LIBC_CHUNK_MIN : chunk) - LIBC_HEADER;
}

void next_resolve(void)
{
    static _Atomic bool begun;
    if (atomic_exchange_explicit(&begun, true, memory_order_relaxed)) {
        return; /* this thread within dlsym, or another one beside it: boot serves both */
    }
    int saved = errno;
    hook_thread.depth++; /* what is mapped is not the program's */
    blocks_init(&next.range);
    look_all_up();
    hook_thread.depth--;
    errno = saved;
}

/*
 * By a call that must be counted here: the address tells nothing, because that of a program which
 * uses it may be a stub of its own.
 */
bool next_is_interposed(void)
{
    void *(*found_malloc)(size_t size) = NULL;
    void (*found_free)(void *block) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "malloc");
    memcpy(&found_malloc, &found, sizeof(found));
    found = dlsym(RTLD_DEFAULT, "free");
    memcpy(&found_free, &found, sizeof(found));
    if (found_malloc == NULL || found_free == NULL) {
        return false;
    }
    uint64_t before = hook_thread.countdown;
    hook_thread.countdown = PROBE_COUNTDOWN;
    void *block = found_malloc(PROBE_BYTES);
    bool counted = hook_thread.countdown == PROBE_COUNTDOWN - PROBE_BYTES;
    hook_thread.countdown = before;
    found_free(block);
    return counted;
}

/*
 * mmap and its family, counted. libc's own calls, among them malloc's, do not come here: what is
 * counted is what the program, and an allocator that it brings, take from the system directly.
 *
 * The three that map go to the kernel at once, because an allocator may map memory before any
 * function could be looked up. The two that move the break must go through libc, which remembers
 * it.
 */
#include "preload/maps.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "preload/flight.h"
#include "preload/hook.h"
#include "preload/mapped.h"

#define LOOK_BYTES_MIN ((size_t)64 << 10)
#define COUNTED        __attribute__((visibility("default")))

static struct {
    _Atomic uint64_t map_calls;
    _Atomic uint64_t mapped_bytes;
    _Atomic uint64_t unmap_calls;
    _Atomic uint64_t unmapped_bytes;
    _Atomic uint64_t break_bytes;
} counted;

static void add(_Atomic uint64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static bool is_program(void)
{
    return hook_thread.depth == 0;
}

/* An allocator that the program brings grows so: malloc may sample nothing of it. */
static void memory_look(size_t bytes)
{
    if (bytes >= LOOK_BYTES_MIN) {
        hook_thread.depth++;
        flight_tick(0, slu_clock_monotonic_ns(), NULL, 0);
        hook_thread.depth--;
    }
}

/*
 * What an allocator maps while we call it is its own, too, so that only the counts are of the
 * program alone. What is mapped with MAP_FIXED is mapped over what was there.
 */
static void map_count(uintptr_t start, size_t bytes, int flags, uintptr_t caller)
{
    if ((flags & MAP_FIXED) != 0) {
        mapped_remove(start, bytes);
    }
    if ((flags & MAP_ANONYMOUS) != 0) {
        mapped_add(start, bytes, caller);
    }
    if (is_program()) {
        add(&counted.map_calls, 1);
        add(&counted.mapped_bytes, bytes);
        memory_look(bytes);
    }
}

COUNTED void *mmap64(void *address, size_t bytes, int protection, int flags, int file,
                     off64_t offset)
{
    long result = syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
    if (result != -1) {
        map_count((uintptr_t)result, bytes, flags, (uintptr_t)__builtin_return_address(0));
    }
    return (void *)result;
}

/* Under its other name, which the headers here rename to the first. */
COUNTED void *map_with_plain_name(void *address, size_t bytes, int protection, int flags, int file,
                                  off64_t offset) __asm__("mmap");

void *map_with_plain_name(void *address, size_t bytes, int protection, int flags, int file,
                          off64_t offset)
{
    long result = syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
    if (result != -1) {
        map_count((uintptr_t)result, bytes, flags, (uintptr_t)__builtin_return_address(0));
    }
    return (void *)result;
}

COUNTED int munmap(void *address, size_t bytes)
{
    mapped_remove((uintptr_t)address, bytes); /* before another thread maps there */
    long failed = syscall(SYS_munmap, address, bytes);
    if (failed == 0 && is_program()) {
        add(&counted.unmap_calls, 1);
        add(&counted.unmapped_bytes, bytes);
    }
    return (int)failed;
}

COUNTED void *mremap(void *address, size_t old_bytes, size_t bytes, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    void *wanted =
        (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 ? va_arg(arguments, void *) : NULL;
    va_end(arguments);
    long result = syscall(SYS_mremap, address, old_bytes, bytes, flags, wanted);
    if (result != -1 && is_program()) {
        add(bytes > old_bytes ? &counted.mapped_bytes : &counted.unmapped_bytes,
            bytes > old_bytes ? bytes - old_bytes : old_bytes - bytes);
    }
    if (result != -1) {
        mapped_remove((uintptr_t)address, old_bytes);
        mapped_add((uintptr_t)result, bytes, (uintptr_t)__builtin_return_address(0));
    }
    return (void *)result;
}

/* The function below ours, looked up once: `known` keeps it. */
static void look_up_once(void *function, _Atomic(void *) *known, const char *name)
{
    void *found = atomic_load_explicit(known, memory_order_relaxed);
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(known, found, memory_order_relaxed);
    }
    memcpy(function, &found, sizeof(found));
}

static void *next_sbrk(intptr_t step)
{
    static _Atomic(void *) known;
    void *(*found)(intptr_t step) = NULL;
    look_up_once(&found, &known, "sbrk");
    return found(step);
}

COUNTED void *sbrk(intptr_t step)
{
    void *before = next_sbrk(step);
    if (before != (void *)-1) {
        add(&counted.break_bytes, (uint64_t)step);
    }
    return before;
}

COUNTED int brk(void *end)
{
    static _Atomic(void *) known;
    int (*found)(void *end) = NULL;
    look_up_once(&found, &known, "brk");
    uintptr_t before = (uintptr_t)next_sbrk(0);
    int failed = found(end);
    if (failed == 0) {
        add(&counted.break_bytes, (uint64_t)((uintptr_t)end - before));
    }
    return failed;
}

static uint64_t read_counter(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void maps_stats(struct maps_stats *stats)
{
    *stats = (struct maps_stats){.map_calls = read_counter(&counted.map_calls),
                                 .mapped_bytes = read_counter(&counted.mapped_bytes),
                                 .unmap_calls = read_counter(&counted.unmap_calls),
                                 .unmapped_bytes = read_counter(&counted.unmapped_bytes),
                                 .break_bytes = read_counter(&counted.break_bytes)};
}

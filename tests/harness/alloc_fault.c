#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>

static _Atomic uint64_t call_count;
static _Atomic uint64_t fail_at;
static _Atomic int64_t live_count;
static _Atomic bool was_hit;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *block);
void *__real_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t length);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *block);
void *__wrap_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t length);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

void alloc_fault_at(uint64_t nth)
{
    was_hit = false;
    fail_at = nth == 0 ? 0 : call_count + nth;
}

_Bool alloc_fault_hit(void)
{
    return was_hit;
}

uint64_t alloc_count(void)
{
    return call_count;
}

int64_t alloc_live_count(void)
{
    return live_count;
}

static bool call_fails(void)
{
    if (++call_count != fail_at) {
        return false;
    }
    was_hit = true;
    return true;
}

static void *block_counted(void *block)
{
    live_count += block != NULL;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return call_fails() ? NULL : block_counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return call_fails() ? NULL : block_counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (call_fails()) {
        return NULL;
    }
    void *moved = __real_realloc(block, size);
    live_count += block == NULL && moved != NULL;
    return moved;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return call_fails() ? NULL : block_counted(__real_aligned_alloc(align, size));
}

void __wrap_free(void *block)
{
    live_count -= block != NULL;
    __real_free(block);
}

void *__wrap_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (call_fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *mapped = __real_mmap64(at, length, protection, flags, fd, offset);
    live_count += mapped != MAP_FAILED;
    return mapped;
}

int __wrap_munmap(void *at, size_t length)
{
    int result = __real_munmap(at, length);
    live_count -= result == 0;
    return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    return call_fails() ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

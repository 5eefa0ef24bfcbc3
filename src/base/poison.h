/*
 * Memory that lies in a block of ours but belongs to nobody right now: AddressSanitizer builds
 * report who touches it, others compile this to nothing.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define POISON_ON 1
#endif

#ifdef POISON_ON
void __asan_poison_memory_region(void const volatile *at, size_t size_bytes);
void __asan_unpoison_memory_region(void const volatile *at, size_t size_bytes);
#endif

static inline void poison(const void *at, size_t size_bytes)
{
#ifdef POISON_ON
    __asan_poison_memory_region(at, size_bytes);
#else
    (void)at;
    (void)size_bytes;
#endif
}

static inline void unpoison(const void *at, size_t size_bytes)
{
#ifdef POISON_ON
    __asan_unpoison_memory_region(at, size_bytes);
#else
    (void)at;
    (void)size_bytes;
#endif
}

#endif

/*
 * libstdc++'s operators call malloc and free, which are ours, so that they need nothing. But
 * jemalloc and tcmalloc bring operators that call neither: then new is counted here, as malloc is,
 * and delete looks whether the block is ours.
 *
 * Which of the two it is, is found when the functions below are looked up: operators of the module
 * that malloc is of are the allocator's own. Where there are none as yet (a C program that loads a
 * C++ library later, where we cannot see it), new is malloc and delete is free.
 */
#include "preload/operators.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "preload/cold.h"
#include "preload/hook.h"
#include "preload/next.h"

/*
 * All operators as one type: their arguments are at most three words, which stay in their
 * registers on the way; nobody looks at the result of delete.
 */
typedef void *operator_function(uintptr_t first, uintptr_t second, uintptr_t third);

/* What the second argument is. */
enum operator_kind {
    NEW,         /* nothing, or std::nothrow */
    NEW_ALIGNED, /* an alignment */
    DELETE,
};

/* number, kind, name in the ABI of C++ (p: void *, m: size_t), true if it may throw */
#define OPERATORS(row)                                                                             \
    row(0, NEW, "_Znwm", true) row(1, NEW, "_Znam", true)                                          \
        row(2, NEW, "_ZnwmRKSt9nothrow_t", false) row(3, NEW, "_ZnamRKSt9nothrow_t", false)        \
            row(4, NEW_ALIGNED, "_ZnwmSt11align_val_t",                                            \
                true) row(5, NEW_ALIGNED, "_ZnamSt11align_val_t",                                  \
                          true) row(6, NEW_ALIGNED, "_ZnwmSt11align_val_tRKSt9nothrow_t", false)   \
                row(7, NEW_ALIGNED, "_ZnamSt11align_val_tRKSt9nothrow_t",                          \
                    false) row(8, DELETE, "_ZdlPv", false) row(9, DELETE, "_ZdaPv", false)         \
                    row(10, DELETE, "_ZdlPvm", false) row(11, DELETE, "_ZdaPvm", false)            \
                        row(12, DELETE, "_ZdlPvRKSt9nothrow_t",                                    \
                            false) row(13, DELETE, "_ZdaPvRKSt9nothrow_t",                         \
                                       false) row(14, DELETE, "_ZdlPvSt11align_val_t", false)      \
                            row(15, DELETE, "_ZdaPvSt11align_val_t",                               \
                                false) row(16, DELETE, "_ZdlPvmSt11align_val_t",                   \
                                           false) row(17, DELETE, "_ZdaPvmSt11align_val_t", false) \
                                row(18, DELETE, "_ZdlPvSt11align_val_tRKSt9nothrow_t", false)      \
                                    row(19, DELETE, "_ZdaPvSt11align_val_tRKSt9nothrow_t", false)

#define OPERATOR_COUNT 20

struct operator_row {
    const char *name;
    enum operator_kind kind;
    bool throws;
};

#define OPERATOR_ROW(number, kind, name, throws) [number] = {name, kind, throws},
static const struct operator_row rows[OPERATOR_COUNT] = {OPERATORS(OPERATOR_ROW)};

static operator_function *below_operators[OPERATOR_COUNT]; /* the allocator's own */

/* Out of memory, and no operator of the library that throws was found as yet. */
static void *operator_fail(unsigned number, uintptr_t first, uintptr_t second, uintptr_t third)
{
    static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]) && rows[number].throws; i++) {
        void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
        void *found = library == NULL ? NULL : dlsym(library, rows[number].name);
        if (found != NULL) {
            operator_function *thrower = NULL;
            memcpy(&thrower, &found, sizeof(thrower));
            return thrower(first, second, third); /* tries again, asks the new-handler, throws */
        }
    }
    if (rows[number].throws) {
        abort(); /* what a C++ program without a handler for std::bad_alloc comes to as well */
    }
    return NULL;
}

/* Through malloc and free as libstdc++ would. */
static void *operator_plain(unsigned number, uintptr_t first, uintptr_t second, uintptr_t third)
{
    void *block = NULL;
    switch (rows[number].kind) {
    case NEW:
        block = malloc(first == 0 ? 1 : first);
        break;
    case NEW_ALIGNED:
        block = aligned_alloc(second, first == 0 ? 1 : first);
        break;
    case DELETE:
        free((void *)first);
        return NULL;
    }
    return block != NULL ? block : operator_fail(number, first, second, third);
}

/* An allocation that has run the countdown out; its size has been subtracted. */
__attribute__((noinline, cold)) static void *operator_cold(uintptr_t first, uintptr_t second,
                                                           uintptr_t third, unsigned number)
{
    struct hook_sample sample = {.caller = unwind_caller(), .size = first};
    size_t align = rows[number].kind == NEW_ALIGNED && second > 16 ? second : 16;
    if (!hook_is_due(&sample)) {
        return below_operators[number](first, second, third);
    }
    void *block = hook_place(&sample, align, false);
    return block != NULL ? block
                         : hook_adopt(&sample, below_operators[number](first, second, third));
}

/* The allocator's own operators, counted. */
static inline void *operator_count(unsigned number, enum operator_kind kind, uintptr_t first,
                                   uintptr_t second, uintptr_t third)
{
    if (kind == DELETE && __builtin_expect(next_is_block((void *)first), 0)) {
        cold_free((void *)first);
        return NULL;
    }
    if (kind != DELETE && hook_count_down(first)) {
        return operator_cold(first, second, third, number);
    }
    return below_operators[number](first, second, third);
}

#define OPERATOR_WAYS(number, kind, name, throws)                                                  \
    static void *plain_##number(uintptr_t first, uintptr_t second, uintptr_t third)                \
    {                                                                                              \
        return operator_plain(number, first, second, third);                                       \
    }                                                                                              \
    static void *count_##number(uintptr_t first, uintptr_t second, uintptr_t third)                \
    {                                                                                              \
        return operator_count(number, kind, first, second, third);                                 \
    }
OPERATORS(OPERATOR_WAYS)

#define OPERATOR_PLAIN(number, kind, name, throws)   plain_##number,
#define OPERATOR_COUNTED(number, kind, name, throws) count_##number,
static operator_function *const counted_ways[OPERATOR_COUNT] = {OPERATORS(OPERATOR_COUNTED)};
static operator_function *ways[OPERATOR_COUNT] = {OPERATORS(OPERATOR_PLAIN)};

/* What the program calls: one jump. */
#define OPERATOR_EXPORTED(number, kind, name, throws)                                              \
    __attribute__((visibility("default"))) void *operator_##number(                                \
        uintptr_t first, uintptr_t second, uintptr_t third) __asm__(name);                         \
    void *operator_##number(uintptr_t first, uintptr_t second, uintptr_t third)                    \
    {                                                                                              \
        return ways[number](first, second, third);                                                 \
    }
OPERATORS(OPERATOR_EXPORTED)

static bool is_of_module(const void *address, const void *base)
{
    Dl_info info;
    return dladdr(address, &info) != 0 && info.dli_fbase == base;
}

void operators_resolve(const void *malloc_below)
{
    Dl_info allocator;
    const void *base = dladdr(malloc_below, &allocator) != 0 ? allocator.dli_fbase : NULL;
    for (unsigned i = 0; i < OPERATOR_COUNT; i++) {
        void *found = dlsym(RTLD_NEXT, rows[i].name);
        if (found == NULL) {
            continue;
        }
        memcpy(&below_operators[i], &found, sizeof(found));
        ways[i] = is_of_module(found, base) ? counted_ways[i] : below_operators[i];
    }
}

/*
 * The golden layout of a hot structure, checked while compiling: a change of size, a new hole or a
 * member across two cache lines is a decision, so it is written down.
 */
#ifndef BASE_GOLDEN_H
#define BASE_GOLDEN_H

#include <stddef.h>

#define GOLDEN_LINE_BYTES 64

#define GOLDEN_BYTES(type, member) sizeof(((type *)0)->member)
#define GOLDEN_CROSSES(type, member)                                                               \
    (GOLDEN_BYTES(type, member) <= GOLDEN_LINE_BYTES &&                                            \
     offsetof(type, member) / GOLDEN_LINE_BYTES !=                                                 \
         (offsetof(type, member) + GOLDEN_BYTES(type, member) - 1) / GOLDEN_LINE_BYTES)

/* Aligned as a block of macros, these would pass the end of the line. */
/* clang-format off */
#define GOLDEN_EACH_1(f, t, m) f(t, m)
#define GOLDEN_EACH_2(f, t, m, ...) f(t, m) + GOLDEN_EACH_1(f, t, __VA_ARGS__)
#define GOLDEN_EACH_3(f, t, m, ...) f(t, m) + GOLDEN_EACH_2(f, t, __VA_ARGS__)
#define GOLDEN_EACH_4(f, t, m, ...) f(t, m) + GOLDEN_EACH_3(f, t, __VA_ARGS__)
#define GOLDEN_EACH_5(f, t, m, ...) f(t, m) + GOLDEN_EACH_4(f, t, __VA_ARGS__)
#define GOLDEN_EACH_6(f, t, m, ...) f(t, m) + GOLDEN_EACH_5(f, t, __VA_ARGS__)
#define GOLDEN_EACH_7(f, t, m, ...) f(t, m) + GOLDEN_EACH_6(f, t, __VA_ARGS__)
#define GOLDEN_EACH_8(f, t, m, ...) f(t, m) + GOLDEN_EACH_7(f, t, __VA_ARGS__)
#define GOLDEN_EACH_9(f, t, m, ...) f(t, m) + GOLDEN_EACH_8(f, t, __VA_ARGS__)
#define GOLDEN_EACH_10(f, t, m, ...) f(t, m) + GOLDEN_EACH_9(f, t, __VA_ARGS__)
#define GOLDEN_EACH_11(f, t, m, ...) f(t, m) + GOLDEN_EACH_10(f, t, __VA_ARGS__)
#define GOLDEN_EACH_12(f, t, m, ...) f(t, m) + GOLDEN_EACH_11(f, t, __VA_ARGS__)
#define GOLDEN_EACH_13(f, t, m, ...) f(t, m) + GOLDEN_EACH_12(f, t, __VA_ARGS__)
#define GOLDEN_EACH_14(f, t, m, ...) f(t, m) + GOLDEN_EACH_13(f, t, __VA_ARGS__)
#define GOLDEN_EACH_15(f, t, m, ...) f(t, m) + GOLDEN_EACH_14(f, t, __VA_ARGS__)
#define GOLDEN_EACH_16(f, t, m, ...) f(t, m) + GOLDEN_EACH_15(f, t, __VA_ARGS__)
/* clang-format on */

#define GOLDEN_PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, n, ...) n
#define GOLDEN_EACH(f, t, ...)                                                                     \
    GOLDEN_PICK(__VA_ARGS__, GOLDEN_EACH_16, GOLDEN_EACH_15, GOLDEN_EACH_14, GOLDEN_EACH_13,       \
                GOLDEN_EACH_12, GOLDEN_EACH_11, GOLDEN_EACH_10, GOLDEN_EACH_9, GOLDEN_EACH_8,      \
                GOLDEN_EACH_7, GOLDEN_EACH_6, GOLDEN_EACH_5, GOLDEN_EACH_4, GOLDEN_EACH_3,         \
                GOLDEN_EACH_2, GOLDEN_EACH_1, unused)                                              \
    (f, t, __VA_ARGS__)

/*
 * GOLDEN_LAYOUT(struct thing, size, hole bytes, crossings, every member ...), after the definition,
 * for at most 16 members. tools/layouts prints all of them as one table (docs/layouts.md).
 */
#define GOLDEN_LAYOUT(type, size_bytes, hole_bytes, crossing_count, ...)                           \
    _Static_assert(sizeof(type) == (size_bytes), "size of " #type);                                \
    _Static_assert(sizeof(type) - (GOLDEN_EACH(GOLDEN_BYTES, type, __VA_ARGS__)) == (hole_bytes),  \
                   "holes of " #type " (list every member)");                                      \
    _Static_assert((GOLDEN_EACH(GOLDEN_CROSSES, type, __VA_ARGS__)) == (crossing_count),           \
                   "cache-line crossings of " #type)

#endif

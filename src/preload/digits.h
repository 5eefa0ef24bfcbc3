/* Whole numbers in text with a final zero, as settings and /proc have them. */
#ifndef PRELOAD_DIGITS_H
#define PRELOAD_DIGITS_H

#include <stddef.h>
#include <stdint.h>

/* Read digits: what follows them; NULL without any, or beyond 64 bits, and nothing has changed. */
static inline const char *digits_read(const char *text, uint64_t *value)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) {
            return NULL;
        }
    }
    if (at == text) {
        return NULL;
    }
    *value = number;
    return at;
}

#endif

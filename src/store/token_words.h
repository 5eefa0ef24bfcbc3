/*
 * Where words are, 64 bytes at a time: a bit for each byte, so that the edges of words are found by
 * counting zeros and not by a branch for each byte.
 */
#ifndef STORE_TOKEN_WORDS_H
#define STORE_TOKEN_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store/little_endian.h"

#define WORD_WINDOW_BYTES ((size_t)64)

/* The lowest bit is the first byte's. */
struct word_window {
    uint64_t words;  /* whether it is part of a word */
    uint64_t digits; /* whether it is an ASCII digit */
};

/* The highest bit of each byte of `bytes` that is at least `least`; all are below 0x80. */
static inline uint64_t bytes_from(uint64_t bytes, unsigned char least)
{
    return bytes + (0x80u - least) * UINT64_C(0x0101010101010101);
}

/* The highest bits of eight bytes, the first byte's as the lowest. */
static inline uint64_t highest_bits(uint64_t bytes)
{
    uint64_t ones = bytes >> 7 & UINT64_C(0x0101010101010101);
    return ones * UINT64_C(0x0102040810204080) >> 56;
}

static inline struct word_window word_window_8(uint64_t bytes)
{
    uint64_t plain = bytes & UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t lower = plain | UINT64_C(0x2020202020202020);
    uint64_t letters = bytes_from(lower, 'a') & ~bytes_from(lower, 'z' + 1);
    uint64_t digits = bytes_from(plain, '0') & ~bytes_from(plain, '9' + 1) & ~bytes;
    uint64_t lines = bytes_from(plain, '_') & ~bytes_from(plain, '_' + 1);
    return (struct word_window){highest_bits(letters | digits | lines | bytes),
                                highest_bits(digits)};
}

/* Of the first 64 bytes; what is behind `len` is part of no word. */
static inline struct word_window word_window_at(const unsigned char *at, size_t len)
{
    unsigned char padded[WORD_WINDOW_BYTES];
    if (len < WORD_WINDOW_BYTES) {
        memset(padded, 0, sizeof(padded));
        memcpy(padded, at, len);
        at = padded;
    }
    struct word_window window = {0};
    for (unsigned i = 0; i < WORD_WINDOW_BYTES; i += 8) {
        struct word_window part = word_window_8(get_64(at + i));
        window.words |= part.words << i;
        window.digits |= part.digits << i;
    }
    return window;
}

#endif

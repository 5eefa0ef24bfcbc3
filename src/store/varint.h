/* Numbers in as many bytes as they need: seven bits in each, the lowest first. */
#ifndef STORE_VARINT_H
#define STORE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#define VARINT_BYTES_MAX 10

/* Returns how many bytes were written. */
static inline size_t varint_put(unsigned char *at, uint64_t value)
{
    size_t len = 0;
    while (value > 0x7f) {
        at[len++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    at[len++] = (unsigned char)value;
    return len;
}

/* Take a number off the front of `rest`; false if there is none. */
static inline bool varint_next(struct slu_bytes *rest, uint64_t *value)
{
    const unsigned char *at = rest->data;
    uint64_t sum = 0;
    for (size_t i = 0; i < rest->len && i < VARINT_BYTES_MAX; i++) {
        sum |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if ((at[i] & 0x80) == 0) {
            *rest = (struct slu_bytes){at + i + 1, rest->len - i - 1};
            *value = sum;
            return true;
        }
    }
    return false;
}

/* Signed numbers, so that small ones have few bytes. */
static inline uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t folded)
{
    return (int64_t)(folded >> 1 ^ -(folded & 1));
}

#endif

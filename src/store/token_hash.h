/* The hash of words, and which bytes words are made of; both are part of the filter's format. */
#ifndef STORE_TOKEN_HASH_H
#define STORE_TOKEN_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store/little_endian.h"

#define TOKEN_CHUNK_BYTES ((size_t)16)

static inline bool token_has_byte(unsigned char byte)
{
    unsigned char lower = byte | 0x20;
    return byte >= 0x80 || (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '_';
}

static inline uint64_t token_mix(uint64_t state, uint64_t low, uint64_t high)
{
    __extension__ typedef unsigned __int128 wide;
    wide product =
        (wide)(low ^ state ^ UINT64_C(0x9e3779b97f4a7c15)) * (high ^ UINT64_C(0xd1342543de82ef95));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The lowest `len` bytes of a word of memory. */
static inline uint64_t token_keep(uint64_t bytes, size_t len)
{
    return len >= 8 ? bytes : bytes & ~(~UINT64_C(0) << (8 * len));
}

/*
 * Chunks of 16 bytes, the last of 1 to 16 bytes with zeros behind it, are mixed one after another.
 * No byte of a word is zero, so different words stay different. Never 0: sets need a free value.
 *
 * readable  bytes at `at` that may be read, at least len: from 16 on, nothing is copied
 */
static inline uint64_t token_hash_at(const unsigned char *at, size_t len, size_t readable)
{
    uint64_t state = 0;
    for (; len > TOKEN_CHUNK_BYTES; len -= TOKEN_CHUNK_BYTES) {
        state = token_mix(state, get_64(at), get_64(at + 8));
        at += TOKEN_CHUNK_BYTES;
        readable -= TOKEN_CHUNK_BYTES;
    }
    unsigned char padded[TOKEN_CHUNK_BYTES] = {0};
    if (readable < TOKEN_CHUNK_BYTES) {
        memcpy(padded, at, len);
        at = padded;
    }
    uint64_t high = len > 8 ? token_keep(get_64(at + 8), len - 8) : 0;
    state = token_mix(state, token_keep(get_64(at), len), high);
    return state | (state == 0);
}

#endif

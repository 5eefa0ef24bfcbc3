/* Which bits of its line a word sets. */
#ifndef STORE_TOKEN_BITS_H
#define STORE_TOKEN_BITS_H

#include <stdint.h>

#define TOKEN_WORD_BITS 6 /* the best for ten bits a word is near 6.9; lines fill unevenly */

static inline uint64_t token_bits(uint64_t hash)
{
    return hash * UINT64_C(0xd6e8feb86659fd93);
}

/* The next of the bits, below 512. */
static inline unsigned token_bits_next(uint64_t *bits)
{
    unsigned bit = (unsigned)(*bits >> 55);
    *bits <<= 9;
    return bit;
}

#endif

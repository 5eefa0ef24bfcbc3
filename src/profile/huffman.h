/*
 * Huffman codes of limited length, as deflate writes them.
 *
 * Source  D. Huffman, "A method for the construction of minimum-redundancy codes", 1952; canonical
 *         codes: RFC 1951, 3.2.2
 */
#ifndef PROFILE_HUFFMAN_H
#define PROFILE_HUFFMAN_H

#include <stdint.h>

#define HUFFMAN_SYMBOLS_MAX 288
#define HUFFMAN_LENGTH_MAX  15

struct huffman_code {
    uint16_t bits; /* the first one lowest */
    uint8_t len;   /* 0: the symbol does not occur */
};

/*
 * Choose the lengths of codes for symbols that occur so often, at least two of them, so that
 * readers which refuse an incomplete code are content.
 *
 * occurrences  for each of `count` symbols, 2 to HUFFMAN_SYMBOLS_MAX; their sum is below 2^22
 * len_max      1 to HUFFMAN_LENGTH_MAX, with 2^len_max at least `count`
 * Cost         O(count x log count); shorter than best only where len_max forbids the best
 */
void huffman_lengths(const uint32_t *occurrences, uint32_t count, uint32_t len_max,
                     struct huffman_code *codes);

/* Give codes to symbols whose lengths are set. */
void huffman_assign(struct huffman_code *codes, uint32_t count);

#endif

/*
 * A filter is lines of 64 bytes. Of a word's hash,
 *
 *     bits 32-63, times the count of lines, by 2^32   tell the line;
 *     the highest 54 of the product with 0xd6e8feb86659fd93, modulo 2^64, in six groups of nine
 *     from the highest on   tell six bits of that line: bit n is bit n % 8 of byte n / 8.
 *
 * token_hash.h says what the hash is.
 */
#include "store/token_filter.h"

#include <string.h>

#include "base/assert.h"
#include "store/token_hash.h"

#define WORD_BITS 6 /* the best for ten bits a word is near 6.9; lines fill unevenly */

bool token_next(struct slu_bytes *rest, struct slu_bytes *token)
{
    const unsigned char *at = rest->data;
    size_t begin = 0;
    while (begin < rest->len && !token_has_byte(at[begin])) {
        begin++;
    }
    size_t end = begin;
    while (end < rest->len && token_has_byte(at[end])) {
        end++;
    }
    if (begin == end) {
        return false;
    }
    *token = (struct slu_bytes){at + begin, end - begin};
    *rest = (struct slu_bytes){at + end, rest->len - end};
    return true;
}

uint64_t token_hash(struct slu_bytes token)
{
    return token_hash_at(token.data, token.len, token.len);
}

size_t token_filter_line(size_t filter_bytes, uint64_t hash)
{
    uint64_t line_count = filter_bytes / TOKEN_FILTER_LINE_BYTES;
    SLU_ASSERT(line_count > 0 && line_count <= UINT32_MAX);
    return (size_t)(((hash >> 32) * line_count) >> 32) * TOKEN_FILTER_LINE_BYTES;
}

static inline uint64_t bits_of(uint64_t hash)
{
    return hash * UINT64_C(0xd6e8feb86659fd93);
}

/* The next of the bits, below 512. */
static inline unsigned bits_next(uint64_t *bits)
{
    unsigned bit = (unsigned)(*bits >> 55);
    *bits <<= 9;
    return bit;
}

bool token_line_has(const unsigned char *line, uint64_t hash)
{
    unsigned has = 1;
    uint64_t bits = bits_of(hash);
    for (int i = 0; i < WORD_BITS; i++) {
        unsigned bit = bits_next(&bits);
        has &= (unsigned)line[bit / 8] >> (bit % 8);
    }
    return has != 0;
}

void token_line_add(unsigned char *line, uint64_t hash)
{
    uint64_t bits = bits_of(hash);
    for (int i = 0; i < WORD_BITS; i++) {
        unsigned bit = bits_next(&bits);
        line[bit / 8] |= (unsigned char)(1u << (bit % 8));
    }
}

size_t token_needle_hashes(struct slu_bytes needle, uint64_t *hashes, size_t count_max)
{
    const unsigned char *begin = needle.data;
    struct slu_bytes rest = needle;
    struct slu_bytes token;
    size_t count = 0;
    while (count < count_max && token_next(&rest, &token)) {
        const unsigned char *at = token.data;
        if (at != begin && rest.len > 0) {
            hashes[count++] = token_hash(token);
        }
    }
    return count;
}

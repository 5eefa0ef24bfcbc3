/*
 * One block of deflate: literals and matches are gathered, then written with the codes that make
 * them shortest.
 *
 * Source  RFC 1951
 */
#ifndef PROFILE_DEFLATE_BLOCK_H
#define PROFILE_DEFLATE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEFLATE_BLOCK_BYTES  32768 /* that a block stands for, at most; a stored one below 65,536 */
#define DEFLATE_MATCH_MIN    3
#define DEFLATE_MATCH_MAX    258
#define DEFLATE_DISTANCE_MAX 32768
#define DEFLATE_LITERALS     286 /* literals, the end of the block, and lengths */
#define DEFLATE_DISTANCES    30

struct sink;

/* Bits on their way to a sink. */
struct deflate_bits {
    struct sink *sink;
    uint64_t gathered; /* the next one lowest */
    uint32_t count;
};

/* deflate_block_write makes it ready for the next block. */
struct deflate_block {
    uint32_t token_count;
    uint32_t literal_counts[DEFLATE_LITERALS];
    uint32_t distance_counts[DEFLATE_DISTANCES];
    uint32_t tokens[DEFLATE_BLOCK_BYTES]; /* length and distance, or 0 and a literal */
};

void deflate_block_init(struct deflate_block *block);

/* Together they stand for DEFLATE_BLOCK_BYTES at most. */
void deflate_literal(struct deflate_block *block, unsigned char literal);

/*
 * length    DEFLATE_MATCH_MIN to DEFLATE_MATCH_MAX
 * distance  1 to DEFLATE_DISTANCE_MAX
 */
void deflate_match(struct deflate_block *block, uint32_t length, uint32_t distance);

/* Write the block: with codes of its own, with the fixed ones, or `bytes`, which it stands for. */
void deflate_block_write(struct deflate_block *block, const unsigned char *bytes, size_t len,
                         bool is_last, struct deflate_bits *bits);

/* Fill the last byte with zeros. */
void deflate_bits_align(struct deflate_bits *bits);

#endif

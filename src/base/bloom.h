/* The Bloom filter's inside, for structures that keep one or several within their own block. */
#ifndef BASE_BLOOM_H
#define BASE_BLOOM_H

#include <stdatomic.h>

#include <sluice/bloom.h>

#include "base/golden.h"
#include "base/layout.h"

#define BLOOM_LINE_WORDS 8

/* Written by one thread, read by any: every access is relaxed, for a word stands for itself. */
struct bloom_line {
    _Atomic uint64_t words[BLOOM_LINE_WORDS];
};

struct slu_bloom {
    struct bloom_line *lines;
    uint64_t line_count;
    uint64_t seed;
    uint64_t capacity;
    double rate;
    uint64_t added_count;
    uint32_t word_bits;        /* bits of one key in each word: 1 or 2 */
    struct slu_budget *budget; /* NULL within the block of another structure */
    size_t block_bytes;
};
GOLDEN_LAYOUT(struct slu_bloom, 72, 4, 0, lines, line_count, seed, capacity, rate, added_count,
              word_bits, budget, block_bytes);

/* Returns 0 or -EINVAL. */
int bloom_options_check(const struct slu_bloom_options *options, struct slu_diag *diag);

/* Reserve the lines of a filter with valid options; returns their offset. */
size_t bloom_plan(struct layout *layout, const struct slu_bloom_options *options);

/* Begin an empty filter in zeroed memory that was planned with the same options. */
void bloom_init(struct slu_bloom *bloom, void *lines, const struct slu_bloom_options *options);

#endif

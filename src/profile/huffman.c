#include "profile/huffman.h"

#include <string.h>

#include "base/assert.h"

#define SYMBOL_BITS 9 /* below the occurrences, so that a plain sort carries the symbol along */
#define SYMBOL_MASK ((UINT32_C(1) << SYMBOL_BITS) - 1)

_Static_assert(HUFFMAN_SYMBOLS_MAX <= 1 << SYMBOL_BITS, "a symbol fits");

struct forest {
    uint32_t leaves[HUFFMAN_SYMBOLS_MAX]; /* occurrences and symbol, ascending */
    uint32_t leaf_count;
    uint32_t weights[2 * HUFFMAN_SYMBOLS_MAX]; /* of leaves, then of the nodes above them */
    uint16_t parents[2 * HUFFMAN_SYMBOLS_MAX];
};

/* Shell's sort with Ciura's distances: short, and nothing is allocated. */
static void sort(uint32_t *items, uint32_t count)
{
    static const uint32_t gaps[] = {132, 57, 23, 10, 4, 1};
    for (uint32_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint32_t item = items[i];
            uint32_t at = i;
            for (; at >= gaps[g] && items[at - gaps[g]] > item; at -= gaps[g]) {
                items[at] = items[at - gaps[g]];
            }
            items[at] = item;
        }
    }
}

/* The symbols that occur; the first others in addition while there are fewer than two. */
static void plant(struct forest *forest, const uint32_t *occurrences, uint32_t count)
{
    forest->leaf_count = 0;
    for (uint32_t symbol = 0; symbol < count; symbol++) {
        if (occurrences[symbol] > 0) {
            forest->leaves[forest->leaf_count++] = occurrences[symbol] << SYMBOL_BITS | symbol;
        }
    }
    for (uint32_t symbol = 0; forest->leaf_count < 2; symbol++) {
        if (occurrences[symbol] == 0) {
            forest->leaves[forest->leaf_count++] = symbol;
        }
    }
    sort(forest->leaves, forest->leaf_count);
    for (uint32_t i = 0; i < forest->leaf_count; i++) {
        forest->weights[i] = forest->leaves[i] >> SYMBOL_BITS;
    }
}

/* Of the next leaf and the next node, the lighter one gets its parent. */
static uint32_t join(struct forest *forest, uint32_t *leaf, uint32_t *node, uint32_t parent)
{
    uint32_t leaf_count = forest->leaf_count;
    uint32_t child = 0;
    if (*leaf < leaf_count &&
        (*node == parent || forest->weights[*leaf] <= forest->weights[*node])) {
        child = (*leaf)++;
    } else {
        child = (*node)++;
    }
    forest->parents[child] = (uint16_t)parent;
    return forest->weights[child];
}

/* Join the two lightest until one tree is left: nodes come about in ascending order. */
static void grow(struct forest *forest)
{
    uint32_t leaf = 0;
    uint32_t node = forest->leaf_count;
    uint32_t root = 2 * forest->leaf_count - 2;
    for (uint32_t parent = forest->leaf_count; parent <= root; parent++) {
        uint32_t weight = join(forest, &leaf, &node, parent);
        weight += join(forest, &leaf, &node, parent);
        forest->weights[parent] = weight;
    }
}

/* How many codes of each length the tree has, if none may be longer than `len_max`. */
static void count_lengths(struct forest *forest, uint32_t len_max, uint32_t *len_counts)
{
    uint32_t root = 2 * forest->leaf_count - 2;
    uint32_t *depths = forest->weights;
    uint32_t used = 0; /* in units of the longest code: all there is is 2^len_max */
    depths[root] = 0;
    for (uint32_t i = root; i-- > 0;) {
        depths[i] = depths[forest->parents[i]] + 1;
    }
    for (uint32_t i = 0; i < forest->leaf_count; i++) {
        uint32_t len = depths[i] < len_max ? depths[i] : len_max;
        len_counts[len]++;
        used += UINT32_C(1) << (len_max - len);
    }
    /* Codes that were cut take too much: put one beside a shorter one, which grows by a bit. */
    for (; used > UINT32_C(1) << len_max; used--) {
        uint32_t len = len_max - 1;
        while (len_counts[len] == 0) {
            len--;
        }
        len_counts[len_max]--;
        len_counts[len]--;
        len_counts[len + 1] += 2;
    }
}

void huffman_lengths(const uint32_t *occurrences, uint32_t count, uint32_t len_max,
                     struct huffman_code *codes)
{
    struct forest forest;
    uint32_t len_counts[HUFFMAN_LENGTH_MAX + 1] = {0};
    SLU_ASSERT(count >= 2 && count <= HUFFMAN_SYMBOLS_MAX && len_max <= HUFFMAN_LENGTH_MAX &&
               count <= UINT32_C(1) << len_max);
    plant(&forest, occurrences, count);
    grow(&forest);
    count_lengths(&forest, len_max, len_counts);
    memset(codes, 0, count * sizeof(*codes));
    uint32_t leaf = 0;
    for (uint32_t len = len_max; len > 0; len--) {
        for (uint32_t i = 0; i < len_counts[len]; i++) {
            codes[forest.leaves[leaf++] & SYMBOL_MASK].len = (uint8_t)len;
        }
    }
}

static uint16_t reversed(uint32_t bits, uint32_t len)
{
    uint32_t result = 0;
    for (uint32_t i = 0; i < len; i++) {
        result |= ((bits >> i) & 1) << (len - 1 - i);
    }
    return (uint16_t)result;
}

void huffman_assign(struct huffman_code *codes, uint32_t count)
{
    uint32_t len_counts[HUFFMAN_LENGTH_MAX + 1] = {0};
    uint32_t nexts[HUFFMAN_LENGTH_MAX + 1] = {0};
    for (uint32_t symbol = 0; symbol < count; symbol++) {
        len_counts[codes[symbol].len]++;
    }
    len_counts[0] = 0;
    for (uint32_t len = 1; len <= HUFFMAN_LENGTH_MAX; len++) {
        nexts[len] = (nexts[len - 1] + len_counts[len - 1]) << 1;
    }
    for (uint32_t symbol = 0; symbol < count; symbol++) {
        if (codes[symbol].len > 0) {
            codes[symbol].bits = reversed(nexts[codes[symbol].len]++, codes[symbol].len);
        }
    }
}

/* The valid word that was probably meant. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Start with `best` NULL and offer each word once. */
struct nearest {
    const char *wanted;
    size_t wanted_len;
    const char *best;
    size_t best_distance;
};

/*
 * Keep `meant` as the best if `word` is nearer than what was offered before: by insertions,
 * deletions, replacements and swaps of neighbours, at most a third of the letters and at least one;
 * or if `wanted`, of two letters or more, is its beginning.
 */
void nearest_offer(struct nearest *nearest, const char *word, const char *meant);

#endif

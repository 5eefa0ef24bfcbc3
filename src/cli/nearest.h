/* The valid word that was probably meant. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

/* Start with `best` NULL and offer each candidate once. */
struct nearest {
    const char *wanted;
    size_t wanted_len;
    const char *best;
    size_t best_distance;
};

/*
 * Keep `candidate` if it is nearer than what was offered before: by insertions, deletions,
 * replacements and swaps of neighbours, at most a third of the letters and at least one; or if
 * `wanted`, of two letters or more, is its beginning.
 */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif

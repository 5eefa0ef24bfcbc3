#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX 40 /* longer words are not compared */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * Optimal string alignment: edit distance with swaps of neighbours, none edited twice. Three rows
 * of the matrix are enough.
 */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) {
                row[j] = smaller(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

void nearest_offer(struct nearest *nearest, const char *word, const char *meant)
{
    size_t len = strlen(word);
    if (len > WORD_MAX || nearest->wanted_len > WORD_MAX) {
        return;
    }
    size_t distance = edit_distance(nearest->wanted, nearest->wanted_len, word, len);
    size_t allowed = len / 3 == 0 ? 1 : len / 3;
    bool is_beginning = nearest->wanted_len >= 2 && nearest->wanted_len < len &&
                        memcmp(nearest->wanted, word, nearest->wanted_len) == 0;
    if (is_beginning) {
        distance = smaller(distance, 1);
    }
    bool near = is_beginning || (distance <= allowed && distance < len);
    if (near && (nearest->best == NULL || distance < nearest->best_distance)) {
        nearest->best = meant;
        nearest->best_distance = distance;
    }
}

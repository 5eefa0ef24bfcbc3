/* Checked arithmetic for structures that live in one block: reserve parts, then allocate the sum.
 */
#ifndef BASE_LAYOUT_H
#define BASE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

struct slu_budget;

/* Start with all members zero. */
struct layout {
    size_t size_bytes;
    bool overflow;
};

/*
 * Reserve `count` items of `item_bytes` at an offset that is a multiple of `align_bytes`.
 *
 * align_bytes  a power of two, at most 64
 * Returns      the offset of the part in the block; meaningless once `overflow` is set, so that
 *              callers check once, in layout_size
 */
size_t layout_add(struct layout *layout, size_t count, size_t item_bytes, size_t align_bytes);

/* Returns 0 with the block's size, or -EOVERFLOW when a part did not fit a size_t. */
int layout_size(const struct layout *layout, size_t *size_bytes);

/*
 * Allocate the block from `budget`.
 *
 * size_bytes  what it takes, for slu_budget_free; also written, for the refusal's text, when the
 *             budget does not hold it, and untouched when a part did not fit a size_t
 * Returns     0; -EOVERFLOW as layout_size; as slu_budget_alloc
 */
int layout_alloc(const struct layout *layout, struct slu_budget *budget, size_t *size_bytes,
                 void **block);

#endif

/* A block of a budget that what is put into it makes larger. */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include <stddef.h>

#include <sluice/api.h>

struct slu_budget;

/* `len` bytes of the `size_bytes` at `data` are in use; block_free gives it back. */
struct block {
    void *data;
    size_t len;
    size_t size_bytes;
};

/*
 * Begin an empty block of `size_bytes`, at least 1.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, who frees it with the same budget
 */
SLU_MUST_USE int block_begin(struct slu_budget *budget, size_t size_bytes, struct block *block);

/*
 * Double the block, to `most_bytes` at the most, which must be more than it has.
 *
 * Returns  0; -EDQUOT; -ENOMEM, and the block is as it was
 * Cost     copies what is in use; both blocks are charged meanwhile
 */
SLU_MUST_USE int block_grow(struct slu_budget *budget, struct block *block, size_t most_bytes);

/*
 * Put `len` bytes behind what is in use, in a larger block where there is no room.
 *
 * Returns  0; -EOVERFLOW; -EDQUOT; -ENOMEM, and the block is as it was
 */
SLU_MUST_USE int block_append(struct slu_budget *budget, struct block *block, const void *bytes,
                              size_t len);

void block_free(struct slu_budget *budget, struct block *block);

#endif

/*
 * The samples of one part, series after series: what queries and merges read.
 */
#ifndef STORE_PART_SAMPLES_H
#define STORE_PART_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "store/block_cache.h"
#include "store/part_list.h"
#include "store/sample_block.h"
#include "store/sample_part.h"

struct matcher;

/* Lives in its owner; members are private but for `labels` and `chunks`. */
struct part_samples {
    const struct part *part;
    struct slu_budget *budget;
    struct label_index index;
    struct label_cursor cursor;
    struct block blocks; /* the directory */
    struct block_cache *cache;
    struct block_hold hold;  /* of the block that was read last */
    uint32_t block_number;   /* UINT32_MAX: none */
    struct slu_bytes labels; /* of the current series: valid until the next */
    struct slu_bytes chunks; /* what the index keeps of it */
    bool is_at_end;
};

/*
 * Begin with the part's first series that the matchers take.
 *
 * part     open
 * cache    of the part's list; NULL: blocks are not kept for others
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system
 * Owner    the caller, until part_samples_close. It must not move meanwhile.
 */
SLU_MUST_USE int part_samples_open(struct part_samples *samples, const struct part *part,
                                   const struct matcher *matchers, size_t count,
                                   struct block_cache *cache, struct slu_budget *budget);
void part_samples_close(struct part_samples *samples);

/* Go to the next series; is_at_end behind the last. Returns as above */
SLU_MUST_USE int part_samples_next(struct part_samples *samples);

/*
 * Begin to read a chunk of the part. Blocks are decoded as a whole, and the last one is kept.
 *
 * Returns  as above
 */
SLU_MUST_USE int part_samples_chunk(struct part_samples *samples, const struct sample_chunk *chunk,
                                    struct sample_cursor *cursor);

#endif

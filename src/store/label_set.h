/* Sets of streams of one part, a bit for each. */
#ifndef STORE_LABEL_SET_H
#define STORE_LABEL_SET_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "store/label_index.h"

/* At least one word, so that there is memory for none. */
static inline size_t label_set_words(uint32_t stream_count)
{
    return stream_count / 64 + 1;
}

/*
 * The streams that all matchers take. Bits behind the last stream may be set.
 *
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system
 * Owner    the caller frees `out` with the budget
 */
SLU_MUST_USE int label_set_make(const struct label_index *index, const struct matcher *matchers,
                                size_t count, struct slu_budget *budget, struct block *out);

#endif

/*
 * The samples of one series of one kind, gathered from several parts: appended in the order that
 * they come, then sorted by time, the last of the same time kept.
 */
#ifndef STORE_SAMPLE_GATHER_H
#define STORE_SAMPLE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "store/part_samples.h"
#include "store/sample_head.h"
#include "store/store.h"

/* Lives in its owner. */
struct sample_gather {
    struct slu_budget *budget;
    struct block items; /* struct sample or struct sample_message */
    struct block bytes; /* of messages; until sample_gather_sort, their `data` is a place in it */
    enum store_sample_kind kind;
    bool is_placed;  /* `data` of messages are views */
    int64_t from_ns; /* inclusive, both */
    int64_t to_ns;
};

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until sample_gather_deinit */
SLU_MUST_USE int sample_gather_init(struct sample_gather *gather, struct slu_budget *budget,
                                    int64_t from_ns, int64_t to_ns);
void sample_gather_deinit(struct sample_gather *gather);

/* Begin a series. */
void sample_gather_begin(struct sample_gather *gather, enum store_sample_kind kind);

size_t sample_gather_item_bytes(const struct sample_gather *gather);

/*
 * Take what the current series of a part has.
 *
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system
 */
SLU_MUST_USE int sample_gather_part(struct sample_gather *gather, struct part_samples *samples);

/* Take what a head has, after all parts: bytes that stay where they are. Returns as above */
SLU_MUST_USE int sample_gather_runs(struct sample_gather *gather, const struct sample_runs *runs,
                                    const unsigned char *bytes);

/* All has been taken: sort. Returns 0 and the count; -EDQUOT; -ENOMEM */
SLU_MUST_USE int sample_gather_sort(struct sample_gather *gather, size_t *count);

#endif

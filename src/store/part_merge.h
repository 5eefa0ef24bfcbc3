/* Several parts of one day, one behind the other, as one. */
#ifndef STORE_PART_MERGE_H
#define STORE_PART_MERGE_H

#include <stdint.h>

#include <sluice/api.h>

#include "store/part_list.h"

struct slu_scope;

#define MERGE_PARTS_MAX 16

struct part_merge {
    const struct segment_directory *directory;
    struct slu_budget *budget;
    struct slu_scope *scope; /* cancelled: the merge is given up; may be NULL */
    uint64_t salt;
    uint32_t signal;
    struct part *const *parts; /* kept and open, in the order of their sequences */
    uint32_t part_count;       /* up to MERGE_PARTS_MAX */
    int64_t from_ns;           /* what is older is left out */
    uint32_t names_max;        /* of metrics whose metadata is kept, as of metadata_init */
};

/*
 * Write the part that `out` was prepared for.
 *
 * Returns  0; -EBADMSG if a part is damaged; -EDQUOT; -ENOMEM; -ECANCELED; an error of the system;
 *          then no file is left
 */
SLU_MUST_USE int part_merge_samples(const struct part_merge *merge, struct part *out);
SLU_MUST_USE int part_merge_rows(const struct part_merge *merge, struct part *out);

#endif

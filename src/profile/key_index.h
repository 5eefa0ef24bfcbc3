/* A hash map that grows: from keys, which its owner keeps and compares, to indices. */
#ifndef PROFILE_KEY_INDEX_H
#define PROFILE_KEY_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/hash_map.h"

struct slu_budget;

struct key_index {
    struct hash_map map; /* to be searched by hash_map_find */
    struct slu_budget *budget;
    void *block;
    size_t block_bytes;
};

/* Returns 0; -EDQUOT; -ENOMEM. The budget must outlive it. */
SLU_MUST_USE int key_index_init(struct key_index *index, struct slu_budget *budget);
void key_index_deinit(struct key_index *index);

/*
 * Add a key that is not there.
 *
 * Returns  0; -EDQUOT; -ENOMEM. On error nothing has changed.
 * Cost     expected constant; the map doubles when it is full
 */
SLU_MUST_USE int key_index_add(struct key_index *index, uint64_t hash, uint32_t value);

#endif

#include "profile/key_index.h"

#include <errno.h>

#include <sluice/budget.h>

#define CAPACITY_FIRST 256
#define TAG_SHIFT      32 /* of a hash, its upper half is all that the map keeps */

static int map_make(struct slu_budget *budget, uint32_t capacity, struct key_index *made)
{
    struct layout layout = {0};
    (void)hash_map_plan(&layout, capacity); /* at offset 0 */
    int err = layout_alloc(&layout, budget, &made->block_bytes, &made->block);
    if (err == 0) {
        made->budget = budget;
        hash_map_init(&made->map, made->block, capacity);
    }
    return err;
}

int key_index_init(struct key_index *index, struct slu_budget *budget)
{
    *index = (struct key_index){0};
    return map_make(budget, CAPACITY_FIRST, index);
}

void key_index_deinit(struct key_index *index)
{
    if (index->block != NULL) {
        slu_budget_free(index->budget, index->block, index->block_bytes);
    }
    *index = (struct key_index){0};
}

/* In the order of hashes, so that each entry is added behind the last. */
static int map_widen(struct key_index *index)
{
    struct key_index wider = {0};
    if (index->map.capacity > HASH_MAP_CAPACITY_MAX / 2) {
        return -EDQUOT;
    }
    int err = map_make(index->budget, 2 * index->map.capacity, &wider);
    if (err != 0) {
        return err;
    }
    for (uint32_t at = 0; at < index->map.slot_count && err == 0; at++) {
        const struct hash_map_slot *slot = &index->map.slots[at];
        if (slot->index_next != 0) {
            err =
                hash_map_insert(&wider.map, (uint64_t)slot->tag << TAG_SHIFT, slot->index_next - 1);
        }
    }
    struct key_index *unused = err == 0 ? index : &wider;
    slu_budget_free(unused->budget, unused->block, unused->block_bytes);
    if (err == 0) {
        *index = wider;
    }
    return err;
}

int key_index_add(struct key_index *index, uint64_t hash, uint32_t value)
{
    if (index->map.count == index->map.capacity) {
        int err = map_widen(index);
        if (err != 0) {
            return err;
        }
    }
    return hash_map_insert(&index->map, hash, value);
}

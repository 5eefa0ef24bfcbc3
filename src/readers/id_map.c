#include "readers/id_map.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/hash.h"

#define DENSE_MIN    1024
#define DENSE_FACTOR 2              /* identities are used up to about their count */
#define HASH_SEED    UINT64_C(0x1d) /* probes are bounded, so identities that collide are refused */

struct sparse_id {
    uint64_t id;
    uint32_t value;
};

int id_map_init(struct id_map *map, struct slu_budget *budget, uint32_t expected_count)
{
    void *block = NULL;
    *map = (struct id_map){.budget = budget};
    column_init(&map->sparse, budget, sizeof(struct sparse_id), COLUMN_SHIFT_MIN);
    uint64_t dense_count = DENSE_MIN + DENSE_FACTOR * (uint64_t)expected_count;
    int err = slu_budget_alloc(budget, dense_count * sizeof(uint32_t), &block);
    if (err == 0) {
        map->dense = block;
        map->dense_count = dense_count;
        err = key_index_init(&map->index, budget);
    }
    return err;
}

void id_map_deinit(struct id_map *map)
{
    if (map->dense != NULL) {
        slu_budget_free(map->budget, map->dense, map->dense_count * sizeof(uint32_t));
    }
    key_index_deinit(&map->index);
    column_deinit(&map->sparse);
    *map = (struct id_map){0};
}

struct sparse_search {
    const struct column *sparse;
    uint64_t id;
};

static bool sparse_is(const void *context, uint32_t index)
{
    const struct sparse_search *search = context;
    const struct sparse_id *known = column_at(search->sparse, index);
    return known->id == search->id;
}

static uint64_t id_hash(uint64_t id)
{
    return hash_bytes((struct slu_bytes){&id, sizeof(id)}, HASH_SEED);
}

uint32_t id_map_find_sparse(const struct id_map *map, uint64_t id)
{
    struct sparse_search search = {&map->sparse, id};
    if (map->sparse.count == 0) {
        return ID_MAP_NONE;
    }
    uint32_t index = hash_map_find(&map->index.map, id_hash(id), sparse_is, &search);
    return index == HASH_MAP_NONE ? ID_MAP_NONE
                                  : ((struct sparse_id *)column_at(&map->sparse, index))->value;
}

int id_map_add(struct id_map *map, uint64_t id, uint32_t value)
{
    if (id_map_find(map, id) != ID_MAP_NONE) {
        return -EEXIST;
    }
    if (id < map->dense_count) {
        map->dense[id] = value + 1;
        return 0;
    }
    struct sparse_id added = {id, value};
    uint32_t index = 0;
    int err = column_add(&map->sparse, &added, &index);
    return err != 0 ? err : key_index_add(&map->index, id_hash(id), index);
}

/*
 * A map of fixed capacity from 64-bit hashes to 32-bit indices, for structures that keep their
 * records, and the keys to compare, in an array of their own.
 *
 * Open addressing with linear probing over slots that are kept in the order of their hashes, so
 * that a search ends at the first greater one, an entry is never far behind its home, and a removal
 * leaves no tombstone. At most three quarters of the homes are in use; with hashes as good as
 * random, an entry lies more than 64 slots behind its home with probability below 1e-14.
 *
 * Source  Amble and Knuth, "Ordered hash tables", The Computer Journal 1974; Celis, "Robin Hood
 *         hashing", 1986
 */
#ifndef BASE_HASH_MAP_H
#define BASE_HASH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/golden.h"
#include "base/layout.h"

#define HASH_MAP_NONE         UINT32_MAX
#define HASH_MAP_CAPACITY_MAX ((uint32_t)1 << 31)
#define HASH_MAP_PROBE_MAX    128  /* slots from an entry's home to the entry */
#define HASH_MAP_SHIFT_MAX    1024 /* entries that one insertion moves */

/* The hash's upper half is all that is kept of it. */
struct hash_map_slot {
    uint32_t tag;
    uint32_t index_next; /* the index plus one; 0 in an empty slot */
};
GOLDEN_LAYOUT(struct hash_map_slot, 8, 0, 0, tag, index_next);

/* Lies in its owner; `slots` in the owner's block. The last slot stays empty and ends searches. */
struct hash_map {
    struct hash_map_slot *slots;
    uint32_t home_count;
    uint32_t slot_count;
    uint32_t capacity;
    uint32_t count;
};
GOLDEN_LAYOUT(struct hash_map, 24, 0, 0, slots, home_count, slot_count, capacity, count);

/* True if the record `index` has the key that is looked for. */
typedef bool hash_map_match(const void *context, uint32_t index);

/*
 * Reserve the slots of a map of `capacity` entries, 1 to HASH_MAP_CAPACITY_MAX: 10.7 bytes each.
 *
 * Returns  the offset for hash_map_init
 */
size_t hash_map_plan(struct layout *layout, uint32_t capacity);

/* Begin an empty map in zeroed memory that was planned for the same capacity. */
void hash_map_init(struct hash_map *map, void *slots, uint32_t capacity);

/*
 * Add an entry whose key is not in the map.
 *
 * Returns  0; -EDQUOT if the map is full, or if an entry would come to lie HASH_MAP_PROBE_MAX slots
 *          behind its home, or more than HASH_MAP_SHIFT_MAX would have to move: with good hashes
 *          that does not happen. On error nothing has changed.
 * Cost     expected constant; at most HASH_MAP_PROBE_MAX slots read and HASH_MAP_SHIFT_MAX moved
 */
int hash_map_insert(struct hash_map *map, uint64_t hash, uint32_t index);

/*
 * Remove the entry of `index`, which was inserted with `hash`; that it is there is asserted.
 *
 * Cost  expected constant: the entries behind it that are not at their homes move up
 */
void hash_map_remove(struct hash_map *map, uint64_t hash, uint32_t index);

/* Abort unless all entries are in order and reachable. */
void hash_map_validate(const struct hash_map *map);

static inline uint32_t hash_map_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* Grows with the tag: the order of hashes is the order of homes. */
static inline uint32_t hash_map_home(const struct hash_map *map, uint32_t tag)
{
    return (uint32_t)(((uint64_t)tag * map->home_count) >> 32);
}

/*
 * The index of the entry with `hash` for which `match` is true, or HASH_MAP_NONE.
 *
 * Inline so that `match` can be inlined: pass a function, not a variable.
 *
 * Cost  expected constant; at most HASH_MAP_PROBE_MAX slots, and a comparison for each of equal tag
 */
static inline uint32_t hash_map_find(const struct hash_map *map, uint64_t hash,
                                     hash_map_match *match, const void *context)
{
    uint32_t tag = hash_map_tag(hash);
    const struct hash_map_slot *slot = &map->slots[hash_map_home(map, tag)];
    while (slot->index_next != 0 && slot->tag < tag) {
        slot++;
    }
    for (; slot->index_next != 0 && slot->tag == tag; slot++) {
        if (match(context, slot->index_next - 1)) {
            return slot->index_next - 1;
        }
    }
    return HASH_MAP_NONE;
}

#endif

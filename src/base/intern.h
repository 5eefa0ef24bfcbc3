/* The interned strings' inside, for structures that keep a table and for tests. */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

#include <sluice/intern.h>

#include "base/byte_log.h"
#include "base/golden.h"
#include "base/hash_map.h"
#include "base/pool.h"

#define INTERN_SLOT_NONE UINT32_MAX

struct intern_entry {
    uint32_t tag; /* the upper half of its hash */
    uint32_t ref_count;
    uint32_t idle_earlier; /* neighbours in the list while ref_count is 0 */
    uint32_t idle_later;
    uint64_t released_ns;
};
GOLDEN_LAYOUT(struct intern_entry, 24, 0, 0, tag, ref_count, idle_earlier, idle_later, released_ns);

struct slu_intern {
    struct hash_map map;
    struct byte_log log;
    struct slu_pool pool;
    uint64_t seed;
    uint64_t latest_ns;
    uint64_t idle_ns;
    uint64_t bytes_max;
    uint64_t used_bytes;
    uint32_t idle_first; /* released the longest ago, or INTERN_SLOT_NONE */
    uint32_t idle_last;
    uint32_t idle_count;
    uint32_t string_bytes_max;
    uint64_t refused_count;
    uint64_t reclaimed_count;
    struct slu_budget *budget;
    size_t block_bytes;
};
GOLDEN_LAYOUT(struct slu_intern, 264, 0, 0, map, log, pool, seed, latest_ns, idle_ns, bytes_max,
              used_bytes, idle_first, idle_last, idle_count, string_bytes_max, refused_count,
              reclaimed_count, budget, block_bytes);

/* Abort unless the parts agree: pool, table, log, idle list and counters. */
void intern_validate(const struct slu_intern *intern);

#endif

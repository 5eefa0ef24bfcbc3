/*
 * The sampled allocations that are live: records in one array, freed ones reused first, so that
 * the array is touched as far as there have been live samples at once.
 *
 * Any thread may take, give back and read records at any time; none waits for another.
 */
#ifndef PROFILE_LIVE_TABLE_H
#define PROFILE_LIVE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/golden.h"
#include "base/layout.h"

struct profile_sample;

struct live_sample {
    _Atomic uint64_t address;
    _Atomic uint64_t size_bytes;
    _Atomic uint64_t birth_ns;
    _Atomic uint32_t rate_bytes;
    _Atomic uint32_t thread_id;
    _Atomic uint32_t stack;
    _Atomic uint32_t next;  /* in the list of free records, plus one */
    _Atomic uint32_t state; /* even: free; odd: live; another number for each use */
    uint32_t unused;
};
GOLDEN_LAYOUT(struct live_sample, 48, 0, 0, address, size_bytes, birth_ns, rate_bytes, thread_id,
              stack, next, state, unused);

/* Lies in its owner; `samples` in the owner's block. */
struct live_table {
    struct live_sample *samples;
    uint32_t samples_max;
    _Atomic uint32_t end; /* records that were ever used */
    _Atomic uint64_t
        free_list; /* upper half: a count of changes; lower: the first record, plus one */
};

/* Reserve the records. Returns their offset for live_table_init. */
size_t live_table_plan(struct layout *layout, uint32_t samples_max);

/* Begin in a zeroed block. */
void live_table_init(struct live_table *table, void *samples, uint32_t samples_max);

/* Keep a sample, but for its weight. Returns 0 with its index; -ENOBUFS if all are live. */
int live_table_add(struct live_table *table, const struct profile_sample *sample, uint32_t *index);

/*
 * Give the record back.
 *
 * Returns  0 with what was in it (but for the weight); -ESTALE if it is not live or of another
 *          address
 */
int live_table_remove(struct live_table *table, uint32_t index, uint64_t address,
                      struct profile_sample *sample);

/* Copy a live record (but for the weight); false if it is free, or changes just now. */
bool live_table_at(const struct live_table *table, uint32_t index, struct profile_sample *sample);

/* How many are live. Cost: O(samples_max). */
uint32_t live_table_count(const struct live_table *table);

#endif

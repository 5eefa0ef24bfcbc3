/*
 * A set of 64-bit hashes that age out, read without a lock: the known-missing keys, and those that
 * are exempt from the filters.
 *
 * A hash has two buckets of one cache line, and is kept in one of them as a word: 48 bits of it
 * above the lower 16 bits of the tick at which it was put. The bucket's own tick, that of its last
 * change, is whole; every change first takes out what is too old, so that each stamp is known to be
 * at most STAMP_SET_TICKS before it, and no stamp is ever taken for a later one after 2^16 ticks.
 */
#ifndef GUARD_STAMP_SET_H
#define GUARD_STAMP_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/golden.h"
#include "base/layout.h"

#define STAMP_SET_TICKS 64 /* an entry is there from its tick on, for so many ticks */
#define STAMP_SET_SLOTS 7

struct stamp_bucket {
    _Atomic uint64_t tick;
    _Atomic uint64_t entries[STAMP_SET_SLOTS]; /* 0 is an empty one */
};
GOLDEN_LAYOUT(struct stamp_bucket, 64, 0, 0, tick, entries);

/* Lies in its owner; `buckets` in the owner's block. */
struct stamp_set {
    struct stamp_bucket *buckets;
    uint64_t bucket_count;
    uint64_t replaced_count;
};
GOLDEN_LAYOUT(struct stamp_set, 24, 0, 0, buckets, bucket_count, replaced_count);

/*
 * Functions that change the set are called by one thread at a time, with ticks that do not fall and
 * are below 2^63.
 */

/*
 * Reserve the buckets for `capacity` hashes, three quarters of their slots: then fewer than one in
 * a thousand finds both its buckets full.
 *
 * Returns  the offset for stamp_set_init
 */
size_t stamp_set_plan(struct layout *layout, uint32_t capacity);

/* Begin an empty set in zeroed memory that was planned for the same capacity. */
void stamp_set_init(struct stamp_set *set, void *buckets, uint32_t capacity);

/*
 * Put a hash, or renew it.
 *
 * Returns  false if both buckets are full of others: nothing has changed
 */
bool stamp_set_put(struct stamp_set *set, uint64_t hash, uint64_t tick);

/*
 * Put a hash for which stamp_set_put has found no room, in place of the oldest in its buckets; of
 * those equally old, each in its turn, so that no two hashes drive out each other for ever.
 */
void stamp_set_replace(struct stamp_set *set, uint64_t hash, uint64_t tick);

/* Take a hash out, if it is there. */
void stamp_set_remove(struct stamp_set *set, uint64_t hash);

/* Take all out; ticks may begin anew. Cost: O(buckets). */
void stamp_set_clear(struct stamp_set *set);

static inline struct stamp_bucket *stamp_set_bucket(const struct stamp_set *set, uint64_t hash)
{
    __extension__ typedef unsigned __int128 wide;
    return &set->buckets[((wide)hash * set->bucket_count) >> 64];
}

static inline struct stamp_bucket *stamp_set_first(const struct stamp_set *set, uint64_t hash)
{
    return stamp_set_bucket(set, hash);
}

/* The upper bits of the product depend on all bits of the hash: another bucket, as good as random.
 */
static inline struct stamp_bucket *stamp_set_second(const struct stamp_set *set, uint64_t hash)
{
    return stamp_set_bucket(set, hash * UINT64_C(0x9e3779b97f4a7c15));
}

/* The upper 48 bits of a hash's entry; never 0. */
static inline uint64_t stamp_set_print(uint64_t hash)
{
    uint64_t print = hash << 16;
    return print != 0 ? print : UINT64_C(1) << 16;
}

/*
 * The tick of an entry in a bucket that was last changed at `bucket_tick`. A reader that overtakes
 * a writer may see a later entry beside the old tick: hence the difference has a sign.
 */
static inline uint64_t stamp_set_entry_tick(uint64_t bucket_tick, uint64_t entry)
{
    return bucket_tick + (uint64_t)(int16_t)(entry - bucket_tick);
}

/*
 * An entry that is later than the reader's own tick is there as well: ticks are below 2^63, which
 * SLU_GUARD_SPAN_MIN_NS sees to.
 */
static inline bool stamp_set_fresh(uint64_t entry_tick, uint64_t tick)
{
    return (int64_t)(tick - entry_tick) < STAMP_SET_TICKS;
}

/* The entry of a slot if it is that of `print`, else 0. */
static inline uint64_t stamp_set_match(const struct stamp_bucket *bucket, unsigned slot,
                                       uint64_t print)
{
    uint64_t entry = atomic_load_explicit(&bucket->entries[slot], memory_order_relaxed);
    return (entry ^ print) < (1u << 16) ? entry : 0;
}

/*
 * The slots are written out, since compilers leave the loop be, and it costs more than the cache
 * line.
 */
static inline bool stamp_set_bucket_has(const struct stamp_bucket *bucket, uint64_t print,
                                        uint64_t tick)
{
    /* Pairs with the release in bucket_renew: with a new tick, the old entries are seen gone. */
    uint64_t bucket_tick = atomic_load_explicit(&bucket->tick, memory_order_acquire);
    _Static_assert(STAMP_SET_SLOTS == 7, "as many as below; at most one of them matches");
    uint64_t found = stamp_set_match(bucket, 0, print) | stamp_set_match(bucket, 1, print) |
                     stamp_set_match(bucket, 2, print) | stamp_set_match(bucket, 3, print) |
                     stamp_set_match(bucket, 4, print) | stamp_set_match(bucket, 5, print) |
                     stamp_set_match(bucket, 6, print);
    return found != 0 && stamp_set_fresh(stamp_set_entry_tick(bucket_tick, found), tick);
}

/*
 * Whether a hash is in the set at `tick`.
 *
 * Cost     one cache line, or two
 * Threads  any
 */
static inline bool stamp_set_has(const struct stamp_set *set, uint64_t hash, uint64_t tick)
{
    uint64_t print = stamp_set_print(hash);
    return stamp_set_bucket_has(stamp_set_first(set, hash), print, tick) ||
           stamp_set_bucket_has(stamp_set_second(set, hash), print, tick);
}

#endif

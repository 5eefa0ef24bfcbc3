/*
 * A slab pool: a fixed number of records of one size, taken and given back in constant time.
 *
 * A record is named by a handle, a slot's index with its generation, so that a handle kept for too
 * long is told from the record that lives in the slot now.
 */
#ifndef SLUICE_POOL_H
#define SLUICE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_pool;

/*
 * Names one taking of one record; 0 is never given out.
 *
 * The low bits, as many as the capacity needs, are the slot's index, the rest its generation. A
 * handle would be mistaken for a later one only after its slot had been given back 2^(64-b)-1
 * times, b being the bits of the capacity: 1.4e14 times for 100,000 records, 4.2e9 at the largest
 * capacity.
 */
typedef uint64_t slu_pool_handle;

#define SLU_POOL_RECORD_BYTES_MAX ((uint32_t)1 << 20)
#define SLU_POOL_CAPACITY_MAX     (UINT32_MAX - 1)

/* Meant for the stack. */
struct slu_pool_options {
    uint32_t record_bytes; /* 1 to SLU_POOL_RECORD_BYTES_MAX */
    uint32_t align_bytes;  /* a power of two up to 64; 0 means 8 */
    uint32_t capacity;     /* records, 1 to SLU_POOL_CAPACITY_MAX */
    bool zeroed;           /* records are wiped when given back, so that taken ones read zero */
};

struct slu_pool_stats {
    uint32_t capacity;
    uint32_t taken_count;
    uint32_t high_water_count; /* the most that were ever taken at once */
    uint64_t refused_count;    /* takes that found the pool empty */
};

/*
 * Make a pool whose memory is one block of `budget`.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range; -EOVERFLOW if the size passes size_t;
 *          -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys the pool before the budget
 * Cost     one allocation; records are first touched when they are taken
 */
SLU_API SLU_MUST_USE int slu_pool_create(struct slu_budget *budget,
                                         const struct slu_pool_options *options,
                                         struct slu_diag *diag, struct slu_pool **out);

/*
 * Destroy a pool with all its records; NULL is accepted, and `*pool` becomes NULL.
 */
SLU_API void slu_pool_destroy(struct slu_pool **pool);

/*
 * Take a record: the one given back last, or else one that was never taken.
 *
 * Returns  0; -EDQUOT if all are taken (counted). On error nothing has changed.
 * Owner    the record is the taker's until it is given back
 * Cost     constant; allocates nothing. A record is as its last owner left it unless `zeroed`; the
 *          first time it reads zero.
 * Threads  one at a time for each pool
 */
SLU_API SLU_MUST_USE int slu_pool_take(struct slu_pool *pool, slu_pool_handle *handle,
                                       void **record);

/*
 * Give a record back; its handle is outdated from then on.
 *
 * Returns  0; -ESTALE if the record has been given back already or never was: nothing has changed
 * Cost     constant, and the record's size if `zeroed`; allocates nothing
 * Threads  one at a time for each pool
 */
SLU_API SLU_MUST_USE int slu_pool_give(struct slu_pool *pool, slu_pool_handle handle);

/*
 * The record that a handle names, or NULL if the handle is outdated or was never given out.
 *
 * Owner    borrowed until the record is given back
 * Cost     constant
 * Threads  any, while nobody takes or gives
 */
SLU_API void *slu_pool_resolve(const struct slu_pool *pool, slu_pool_handle handle);

/*
 * The slot of a handle, from 0 to capacity - 1, for arrays that run beside the pool; meaningless
 * for a handle that does not resolve.
 */
SLU_API uint32_t slu_pool_slot(const struct slu_pool *pool, slu_pool_handle handle);

/*
 * Walk over the taken records in the order of their slots.
 *
 * position  0 to begin; moved past the record found. Taking and giving while walking is allowed; a
 *           record taken meanwhile is met if its slot still lies ahead.
 * Returns   true with the next record; false, and nothing written, after the last
 * Cost      the free slots passed over; a whole walk is at most the most records ever taken at once
 */
SLU_API bool slu_pool_next(const struct slu_pool *pool, uint32_t *position, slu_pool_handle *handle,
                           void **record);

SLU_API void slu_pool_stats(const struct slu_pool *pool, struct slu_pool_stats *out);

SLU_END_DECLS

#endif

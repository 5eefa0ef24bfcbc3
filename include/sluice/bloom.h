/*
 * Bloom filter: is a key surely absent, or perhaps present? In a fixed number of bytes.
 *
 * Blocked by cache line: all bits of a key lie in one line of 64 bytes, so a look-up costs one
 * cache miss at most. That costs some accuracy for the same size; the size is chosen for the rate
 * that the blocked form really has, so the rate asked for holds.
 *
 * Threads  one at a time for add, clear and unite; any number may look up while nobody changes it
 * Source   Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13(7), 1970;
 *          Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", WEA 2007
 */
#ifndef SLUICE_BLOOM_H
#define SLUICE_BLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_bloom;

#define SLU_BLOOM_CAPACITY_MAX (UINT64_C(1) << 36)
#define SLU_BLOOM_RATE_MIN     1e-6
#define SLU_BLOOM_RATE_MAX     0.5

struct slu_bloom_options {
    uint64_t capacity;    /* keys for which the rate holds: 1 .. SLU_BLOOM_CAPACITY_MAX */
    double positive_rate; /* of absent keys, SLU_BLOOM_RATE_MIN .. SLU_BLOOM_RATE_MAX, when full */
    uint64_t seed;        /* from slu_random_seed where keys come from outside */
};

struct slu_bloom_stats {
    uint64_t size_bytes;  /* of the bits */
    uint64_t added_count; /* keys whose addition changed a bit: distinct keys, nearly */
    uint32_t bits_of_key; /* bits that a key sets */
};

/*
 * Make an empty filter.
 *
 * Returns  0; -EINVAL for options outside their ranges; -EDQUOT; -ENOMEM
 * Owner    the caller, until slu_bloom_destroy; the budget must outlive it
 * Cost     one allocation; some thousand floating-point operations to choose the size
 */
SLU_API SLU_MUST_USE int slu_bloom_create(struct slu_budget *budget,
                                          const struct slu_bloom_options *options,
                                          struct slu_diag *diag, struct slu_bloom **out);

/* Destroy a filter; NULL is accepted, and `*bloom` becomes NULL. */
SLU_API void slu_bloom_destroy(struct slu_bloom **bloom);

/* The filter's hash of a key, for the calls that take one: the filter's seed goes into it. */
SLU_API uint64_t slu_bloom_hash(const struct slu_bloom *bloom, struct slu_bytes key);

/*
 * Add a key. Beyond the capacity the rate of false positives rises; nothing else happens.
 *
 * Returns  true if the key was surely absent before
 * Cost     one cache line; allocates nothing
 */
SLU_API bool slu_bloom_add(struct slu_bloom *bloom, struct slu_bytes key);

/* The same by the key's 64-bit hash: well mixed, and not guessable where keys come from outside. */
SLU_API bool slu_bloom_add_hash(struct slu_bloom *bloom, uint64_t hash);

/*
 * Returns  false if the key is surely absent; true if it was added, or by chance
 * Cost     one cache line
 */
SLU_API bool slu_bloom_may_contain(const struct slu_bloom *bloom, struct slu_bytes key);

SLU_API bool slu_bloom_may_contain_hash(const struct slu_bloom *bloom, uint64_t hash);

/* Forget all keys. Cost: O(size). */
SLU_API void slu_bloom_clear(struct slu_bloom *bloom);

/*
 * Let `into` contain what `from` contains, too. added_count becomes an upper bound, the sum.
 *
 * Returns  0; -EINVAL if the two were made with different options
 * Cost     O(size)
 */
SLU_API SLU_MUST_USE int slu_bloom_unite(struct slu_bloom *into, const struct slu_bloom *from);

/*
 * The probability that a key which was never added is taken for present, from the bits as they are.
 *
 * Cost  O(size)
 */
SLU_API double slu_bloom_positive_rate(const struct slu_bloom *bloom);

/* Copy the counters. */
SLU_API void slu_bloom_stats(const struct slu_bloom *bloom, struct slu_bloom_stats *out);

SLU_END_DECLS

#endif

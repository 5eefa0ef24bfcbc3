/*
 * A Bloom filter: tells in a fixed number of bytes whether a key may have been added or certainly
 * has not. Each key lies in one cache line.
 */
#ifndef SLUICE_BLOOM_H
#define SLUICE_BLOOM_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_bloom;

#define SLU_BLOOM_CAPACITY_MAX ((uint64_t)1 << 36)
#define SLU_BLOOM_RATE_MIN     1e-6
#define SLU_BLOOM_RATE_MAX     0.5

/* Meant for the stack. */
struct slu_bloom_options {
    uint64_t capacity; /* different keys, 1 to SLU_BLOOM_CAPACITY_MAX */
    double rate;       /* of false positives with that many keys, SLU_BLOOM_RATE_MIN to _MAX */
    uint64_t seed;     /* random, and kept from those who choose the keys */
};

struct slu_bloom_stats {
    uint64_t capacity;
    double rate;
    uint64_t filter_bytes;
    uint64_t added_count; /* adds that changed the filter: different keys, few of them missed */
};

/*
 * Make an empty filter in one block of `budget`: 10.1 bits a key for a rate of 1 %, 15.7 for 0.1 %,
 * 23.0 for 0.01 %, in whole lines of 64 bytes. That is more than the least possible (9.6, 14.4,
 * 19.2): the price of touching one line. The rate takes into account that lines fill unevenly. It
 * is the mean over seeds; a small filter may stray, to twice the rate for 1,000 keys at 0.001 %.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range; -EOVERFLOW if the size passes size_t;
 *          -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys the filter before the budget
 * Cost     one allocation
 */
SLU_API SLU_MUST_USE int slu_bloom_create(struct slu_budget *budget,
                                          const struct slu_bloom_options *options,
                                          struct slu_diag *diag, struct slu_bloom **out);

/*
 * Destroy a filter; NULL is accepted, and `*bloom` becomes NULL.
 */
SLU_API void slu_bloom_destroy(struct slu_bloom **bloom);

/*
 * Add a key. Beyond the capacity the rate of false positives rises; nothing is refused.
 *
 * Returns  true if the filter has changed, so that the key certainly was not in it before
 * Cost     one hash of the key, one cache line
 * Threads  one at a time for each filter
 * Source   Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", JEA 2009,
 *          with one or two bits in each word of the line as in Apache Parquet's split-block filter
 */
SLU_API bool slu_bloom_add(struct slu_bloom *bloom, struct slu_bytes key);

/*
 * False if the key certainly was not added since the filter was made or cleared.
 *
 * Cost     one hash of the key, one cache line
 * Threads  any, also while one thread adds, clears or unites: a key that is being added or cleared
 *          meanwhile may be seen or not
 */
SLU_API SLU_MUST_USE bool slu_bloom_may_contain(const struct slu_bloom *bloom,
                                                struct slu_bytes key);

/*
 * The hash under which a key is added and looked for: to be computed once for several filters with
 * the same seed.
 */
SLU_API uint64_t slu_bloom_hash(const struct slu_bloom *bloom, struct slu_bytes key);

/*
 * The same two for a key that is known by 64 well-mixed bits: slu_bloom_hash, or a hash of your own
 * with all bits equally good. A plain number or an address is not.
 */
SLU_API bool slu_bloom_add_hash(struct slu_bloom *bloom, uint64_t hash);
SLU_API SLU_MUST_USE bool slu_bloom_may_contain_hash(const struct slu_bloom *bloom, uint64_t hash);

/*
 * Forget all keys.
 *
 * Cost     O(filter_bytes)
 * Threads  one at a time for each filter
 */
SLU_API void slu_bloom_clear(struct slu_bloom *bloom);

/*
 * How many different keys are in the filter, estimated from its bits: within 2 % for 10,000 keys or
 * more up to twice the capacity; far beyond, too low. Right also after unions.
 *
 * Cost     O(filter_bytes)
 * Threads  any, while nobody adds, clears or unites
 * Source   Swamidass and Baldi, "Mathematical correction for fingerprint similarity measures to
 *          improve chemical retrieval", J. Chem. Inf. Model. 2007, applied to each line
 */
SLU_API uint64_t slu_bloom_count_estimate(const struct slu_bloom *bloom);

/*
 * Add to `into` all keys of `from`.
 *
 * Returns  0; -EINVAL unless both were made with the same options
 * Cost     O(filter_bytes)
 * Threads  one at a time for `into`; nobody changes `from` meanwhile
 */
SLU_API SLU_MUST_USE int slu_bloom_unite(struct slu_bloom *into, const struct slu_bloom *from);

SLU_API void slu_bloom_stats(const struct slu_bloom *bloom, struct slu_bloom_stats *out);

SLU_END_DECLS

#endif

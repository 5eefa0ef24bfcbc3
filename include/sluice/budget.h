/*
 * A tree of byte budgets: what a structure may hold is reserved before it is held.
 *
 * A charge counts in its budget and in every ancestor, or nowhere. A budget pays for its own
 * bookkeeping, so `used_bytes` of a new budget is not zero. Limits are never passed, not even for
 * a moment, and a charge that an ancestor refuses leaves no trace but the counted refusal.
 */
#ifndef SLUICE_BUDGET_H
#define SLUICE_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

struct slu_budget;

#define SLU_BUDGET_DEPTH_MAX 16
#define SLU_BUDGET_NAME_MAX  32 /* bytes kept of a name, with the final zero */

/* How near to its limit a budget is. Shedding may begin at HIGH and must at CRITICAL. */
enum slu_pressure {
    SLU_PRESSURE_LOW,      /* used < soft limit */
    SLU_PRESSURE_HIGH,     /* from the soft limit on */
    SLU_PRESSURE_CRITICAL, /* from halfway between soft limit and limit on */
};

struct slu_budget_stats {
    uint64_t limit_bytes;
    uint64_t used_bytes;
    uint64_t high_water_bytes; /* the most that was ever in use */
    uint64_t refused_count;    /* charges that this budget itself refused */
    uint64_t refused_bytes;    /* their sum */
};

/*
 * Make a budget of `limit_bytes`, a child of `parent` or a root.
 *
 * parent       NULL for a root; must outlive the child
 * name         for reports; cut to SLU_BUDGET_NAME_MAX - 1 bytes
 * limit_bytes  may be more than the parent's: then the parent decides
 * Returns      0; -EINVAL without a name or deeper than SLU_BUDGET_DEPTH_MAX; -EDQUOT if the
 *              budget's own bookkeeping does not fit into it or its parent; -ENOMEM
 * Owner        the caller destroys it after everything charged to it has been released
 * Cost         one allocation
 */
SLU_API SLU_MUST_USE int slu_budget_create(struct slu_budget *parent, const char *name,
                                           uint64_t limit_bytes, struct slu_budget **out);

/*
 * Destroy a budget; NULL is accepted, and `*budget` becomes NULL.
 *
 * Charges or children left over are a programmer's mistake: an assertion stops the program.
 */
SLU_API void slu_budget_destroy(struct slu_budget **budget);

/*
 * Reserve `bytes` here and in every ancestor, or nowhere.
 *
 * Returns  0; -EDQUOT if a limit on the way would be passed (counted where it was refused)
 * Cost     one compare-and-swap a level; allocates nothing
 * Threads  any
 */
SLU_API SLU_MUST_USE int slu_budget_charge(struct slu_budget *budget, uint64_t bytes);

/*
 * Give `bytes` back. Giving back more than was charged is a programmer's mistake.
 *
 * Cost     one atomic subtraction a level
 * Threads  any
 */
SLU_API void slu_budget_release(struct slu_budget *budget, uint64_t bytes);

/*
 * Change the limit, while in use. A limit below what is used refuses charges until use has fallen.
 * The soft limit moves to three quarters of the new limit.
 *
 * Threads  any
 */
SLU_API void slu_budget_set_limit(struct slu_budget *budget, uint64_t limit_bytes);

/*
 * Say where pressure begins.
 *
 * soft_bytes  a new budget has three quarters of its limit
 * Returns     0; -EINVAL above the limit
 * Threads     any
 */
SLU_API SLU_MUST_USE int slu_budget_set_soft_limit(struct slu_budget *budget, uint64_t soft_bytes);

/*
 * The highest pressure of this budget and its ancestors.
 *
 * Cost     one comparison a level
 * Threads  any
 */
SLU_API enum slu_pressure slu_budget_pressure(const struct slu_budget *budget);

/*
 * Copy the counters. Each is exact; together they are a moment's picture only when nobody charges.
 *
 * Threads  any
 */
SLU_API void slu_budget_stats(const struct slu_budget *budget, struct slu_budget_stats *out);

SLU_API const char *slu_budget_name(const struct slu_budget *budget);

/*
 * Charge and allocate zeroed memory: the one way in which this library gets memory.
 *
 * The charge is slu_budget_block_bytes(size_bytes). From SLU_BUDGET_MAP_MIN on, the block is
 * mapped, and its pages become resident when they are first written.
 *
 * size_bytes  above 0
 * Returns     0; -EINVAL for size 0; -EOVERFLOW; -EDQUOT; -ENOMEM. `*out` is aligned to 64 bytes.
 * Owner       the caller, until slu_budget_free with the same size
 * Threads     any
 */
SLU_API SLU_MUST_USE int slu_budget_alloc(struct slu_budget *budget, size_t size_bytes, void **out);

/*
 * Free and release what slu_budget_alloc gave for `size_bytes`; a NULL `block` does nothing.
 */
SLU_API void slu_budget_free(struct slu_budget *budget, void *block, size_t size_bytes);

#define SLU_BUDGET_MAP_MIN ((size_t)256 * 1024)

/*
 * What a block of `size_bytes` is charged: rounded up to 64 bytes, or to a page from
 * SLU_BUDGET_MAP_MIN on. SIZE_MAX if that does not fit a size_t.
 */
SLU_API size_t slu_budget_block_bytes(size_t size_bytes);

SLU_END_DECLS

#endif

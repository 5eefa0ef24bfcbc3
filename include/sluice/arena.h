/*
 * Arena: memory for request-shaped work, taken piece by piece and given back at once.
 *
 * Pieces are cut from chunks; the first chunk comes with the arena, further ones are charged to its
 * budget as they are needed, up to the arena's own limit. Nothing is freed by itself: a rewind to a
 * mark gives back everything taken since, a reset everything.
 */
#ifndef SLUICE_ARENA_H
#define SLUICE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_arena;

#define SLU_ARENA_CHUNK_MIN ((size_t)256)
#define SLU_ARENA_ALIGN_MAX ((size_t)64)

struct slu_arena_options {
    size_t chunk_bytes; /* SLU_ARENA_CHUNK_MIN .. limit_bytes: the step in which the arena grows */
    size_t limit_bytes; /* the most that it charges to its budget, bookkeeping included */
};

/* A place to rewind to; meant for the stack. Its members are the arena's own business. */
struct slu_arena_mark {
    void *chunk;
    size_t used_bytes;
};

struct slu_arena_stats {
    uint64_t charged_bytes;    /* held now, bookkeeping included */
    uint64_t high_water_bytes; /* the most that was ever held */
    uint64_t refused_count;    /* pieces that the limit or the budget refused */
};

/*
 * Make an arena with its first chunk.
 *
 * Returns  0; -EINVAL for sizes outside their ranges; -EDQUOT; -ENOMEM
 * Owner    the caller, until slu_arena_destroy; the budget must outlive it
 * Cost     one allocation
 */
SLU_API SLU_MUST_USE int slu_arena_create(struct slu_budget *budget,
                                          const struct slu_arena_options *options,
                                          struct slu_diag *diag, struct slu_arena **out);

/* Destroy an arena with all its pieces; NULL is accepted, and `*arena` becomes NULL. */
SLU_API void slu_arena_destroy(struct slu_arena **arena);

/*
 * Take a piece. Its bytes are not initialised.
 *
 * size_bytes   0 gives a valid place of no size
 * align_bytes  a power of two up to SLU_ARENA_ALIGN_MAX
 * Returns      0; -EINVAL for the alignment; -EOVERFLOW; -EDQUOT if the arena's limit or the budget
 *              has no room (counted); -ENOMEM. What was taken before stays as it is.
 * Owner        the arena, until it is reset, or rewound to a mark from before
 * Cost         a few instructions; an allocation when the newest chunk has no room, whose rest is
 *              then left unused
 * Threads      one at a time; distinct arenas are independent
 */
SLU_API SLU_MUST_USE int slu_arena_alloc(struct slu_arena *arena, size_t size_bytes,
                                         size_t align_bytes, void **out);

/*
 * Take a piece that holds a copy of `len` bytes and a final zero.
 *
 * bytes    may be NULL when len is 0
 * Returns  as slu_arena_alloc
 */
SLU_API SLU_MUST_USE int slu_arena_copy(struct slu_arena *arena, const void *bytes, size_t len,
                                        char **out);

/* The present place. It stays valid until the arena is reset, or rewound to an older one. */
SLU_API struct slu_arena_mark slu_arena_mark(const struct slu_arena *arena);

/*
 * Give back everything taken since `mark`.
 *
 * Cost  O(chunks given back)
 */
SLU_API void slu_arena_rewind(struct slu_arena *arena, struct slu_arena_mark mark);

/* Give everything back but the first chunk; cost as slu_arena_rewind. */
SLU_API void slu_arena_reset(struct slu_arena *arena);

/* Copy the counters. */
SLU_API void slu_arena_stats(const struct slu_arena *arena, struct slu_arena_stats *out);

SLU_END_DECLS

#endif

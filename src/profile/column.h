/*
 * A column: items of one size that are added and never moved, in chunks charged to a budget. Places
 * stay valid while the column grows, and growing copies nothing.
 */
#ifndef PROFILE_COLUMN_H
#define PROFILE_COLUMN_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;

#define COLUMN_SHIFT_MIN 6
#define COLUMN_SHIFT_MAX 24

struct column {
    struct slu_budget *budget;
    void **chunks;
    uint32_t chunk_count;
    uint32_t chunk_room;
    uint32_t item_bytes;
    uint32_t chunk_shift; /* a chunk has 1 << chunk_shift items */
    uint32_t count;       /* items, those left unused at the end of a chunk included */
};

/* An empty column, which holds no memory yet. The budget must outlive it. */
void column_init(struct column *column, struct slu_budget *budget, size_t item_bytes,
                 uint32_t chunk_shift);
void column_deinit(struct column *column);

/*
 * Add `item_count` zeroed items that lie one after another.
 *
 * item_count  1 to 1 << chunk_shift
 * index       of the first
 * Returns     0; -EDQUOT; -ENOMEM; -EOVERFLOW past 2^32 - 1 items
 * Cost        constant, and an allocation for each new chunk; what is left of the last one when the
 *             items do not fit into it stays unused
 */
SLU_MUST_USE int column_add_run(struct column *column, uint32_t item_count, uint32_t *index,
                                void **items);

/* Add a copy of one item. */
SLU_MUST_USE int column_add(struct column *column, const void *item, uint32_t *index);

/* Give the chunks before that of item `index` back: those items are gone. */
void column_drop_before(struct column *column, uint32_t index);

/*
 * Take the items from `count` on away, and keep their memory for what column_add adds: for columns
 * that it alone fills.
 */
void column_shorten(struct column *column, uint32_t count);

static inline void *column_at(const struct column *column, uint32_t index)
{
    char *chunk = column->chunks[index >> column->chunk_shift];
    uint32_t place = index & ((UINT32_C(1) << column->chunk_shift) - 1);
    return chunk + (size_t)place * column->item_bytes;
}

#endif

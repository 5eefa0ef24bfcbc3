/*
 * What a query sees of a shelf: the parts that have something of its range, and the head as it was.
 * What is flushed or merged meanwhile changes nothing of it.
 */
#ifndef STORE_SHELF_VIEW_H
#define STORE_SHELF_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "store/shelf.h"

/* Lives in its owner. */
struct shelf_view {
    struct shelf *shelf;
    struct slu_budget *budget;
    struct block parts; /* struct part *, open, from the oldest */
    uint32_t part_count;
    bool is_copying; /* of the head: nothing may be flushed away, until shelf_view_copied */
    struct row_generation *generations[2]; /* of rows: the live and the sealed; NULL: none */
    struct row_mark marks[2];
};

/*
 * Begin to look.
 *
 * Returns  0; -EDQUOT; -ENOMEM; an error of the system
 * Owner    the caller, until shelf_view_close, which is called soon
 */
SLU_MUST_USE int shelf_view_open(struct shelf_view *view, struct shelf *shelf,
                                 const struct store_query *query);

/* What is needed of the head has been copied. */
void shelf_view_copied(struct shelf_view *view);
void shelf_view_close(struct shelf_view *view);

static inline struct part *shelf_view_part(const struct shelf_view *view, uint32_t at)
{
    return ((struct part **)view->parts.data)[at];
}

/*
 * What an error of a part means to the query.
 *
 * Returns  0: a piece is damaged, and the query goes on without it; it is counted, and for each
 *          part told once. Else `err`
 */
SLU_MUST_USE int shelf_view_forgive(struct shelf_view *view, const struct part *part,
                                    const struct store_query *query, int err);

/* Returns 0; -ECANCELED, -ETIMEDOUT: the client has gone */
SLU_MUST_USE int store_query_check(const struct store_query *query);

/* The same in a walk of the head, for one row of many; `row_count` begins at 0. */
SLU_MUST_USE int store_query_check_row(const struct store_query *query, uint32_t *row_count);

#endif

/*
 * What each function holds itself, and with all that it calls, in several columns at once: exact
 * where a tree of calls has summed up what is small.
 */
#ifndef VIEW_FUNCTION_SUMS_H
#define VIEW_FUNCTION_SUMS_H

#include <stdint.h>

#include <sluice/api.h>

#include "view/calls.h"

struct function_sums {
    struct slu_budget *budget;
    const struct view *view;
    uint32_t entry_count;
    uint32_t column_count;
    double *self;   /* by entry and column */
    double *total;  /* the same; a function counts once in a stack */
    uint32_t *seen; /* by entry: the last stack that it was seen in */
    uint32_t stack_count;
    void *block;
    uint64_t block_bytes;
};

/* Returns 0; -EDQUOT; -ENOMEM. On success function_sums_deinit follows. */
SLU_MUST_USE int function_sums_init(struct function_sums *sums, const struct view *view,
                                    uint32_t column_count);
void function_sums_deinit(struct function_sums *sums);

/* Returns 0; -EOVERFLOW as view_each. */
SLU_MUST_USE int function_sums_add(struct function_sums *sums,
                                   const struct calls_addition *addition);

/* List the entries that have any, into room for all; returns how many. */
uint32_t function_sums_entries(const struct function_sums *sums, uint32_t *entries);

#endif

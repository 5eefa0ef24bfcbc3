/* Arrays of things that begin with their time, an int64_t, in the order of time. */
#ifndef STORE_TIME_SORT_H
#define STORE_TIME_SORT_H

#include <stddef.h>

#include <sluice/api.h>

struct slu_budget;

/*
 * Sort; of the same time, what came later stays behind.
 *
 * Returns  0; -EDQUOT; -ENOMEM, and the array is as it was
 * Cost     O(n) if it is sorted, else O(n log n) and room for as many items
 */
SLU_MUST_USE int time_sort(void *items, size_t item_bytes, size_t count, struct slu_budget *budget);

/* Keep the last of the same time in a sorted array. Returns how many are left. */
size_t time_unique(void *items, size_t item_bytes, size_t count);

#endif

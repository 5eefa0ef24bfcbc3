/* Flat and cumulative values of entries. */
#ifndef VIEW_COUNT_H
#define VIEW_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;
struct view;

struct view_value {
    int64_t flat; /* where it is the leaf */
    int64_t cum;  /* of all stacks that it is in, each once */
};

/* By entry of the view. */
struct view_count {
    struct slu_budget *budget;
    struct view_value *values;
    unsigned char *ways; /* how an entry is called: VIEW_CALLED, VIEW_CALLED_INLINE */
    uint32_t entry_count;
    int64_t total; /* of what was counted, as absolute values, also where a filter leaves it out */
    int64_t kept;  /* the sum of what the filter lets through */
};

/* A part of a total in percent. */
static inline double view_percent(int64_t part, int64_t total)
{
    return total == 0 ? 0 : 100.0 * (double)part / (double)total;
}

#define VIEW_CALLED        1
#define VIEW_CALLED_INLINE 2

/*
 * Count one type of `sample_count` samples from `sample_first` on.
 *
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW as view_each. On success view_count_deinit follows.
 * Cost     linear in the frames of the samples
 */
SLU_MUST_USE int view_count_init(struct view_count *count, const struct view *view, uint32_t type,
                                 uint32_t sample_first, uint32_t sample_count);
void view_count_deinit(struct view_count *count);

/*
 * The entries in order: by flat or by cumulative value, the largest first, then by label. Entries
 * without a value are left out.
 *
 * order    room for as many as the view has entries
 * Returns  how many
 */
uint32_t view_count_order(const struct view_count *count, const struct view *view, bool by_cum,
                          uint32_t *order);

#endif

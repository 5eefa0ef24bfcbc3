/* Successive profiles of one program: what each site holds and allocates, over time. */
#ifndef VIEW_TIMELINE_H
#define VIEW_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;
struct view;

#define TIMELINE_ROWS_MAX     1000
#define TIMELINE_PROFILES_MAX 100000

struct timeline_options {
    uint32_t type;      /* what is followed: usually in use */
    uint32_t allocated; /* the type that only grows, for rates; MODEL_NONE: there is none */
    uint32_t row_max;   /* 1 to TIMELINE_ROWS_MAX */
    bool by_cum;
};

/* Values by row and profile; MODEL_NONE as an entry is the sum of all. */
struct timeline {
    struct slu_budget *budget;
    uint32_t *profiles; /* of the model, in the order of their times */
    double *seconds;    /* of each, since the first */
    uint32_t *entries;  /* row 0 is the sum; then those that changed most */
    int64_t *values;    /* by row, then profile */
    double *rates;      /* allocated in a second, since the profile before; NaN: not known */
    uint32_t profile_count;
    uint32_t row_count;
    uint32_t row_room;
    bool has_times; /* else `seconds` are places in the order of reading */
};

/*
 * Returns  0; -E2BIG for more than TIMELINE_PROFILES_MAX profiles; -EDQUOT; -ENOMEM; -EOVERFLOW as
 *          view_each. On success timeline_deinit follows.
 * Cost     each profile is counted twice
 */
SLU_MUST_USE int timeline_init(struct timeline *timeline, const struct view *view,
                               const struct timeline_options *options);
void timeline_deinit(struct timeline *timeline);

static inline int64_t timeline_value(const struct timeline *timeline, uint32_t row,
                                     uint32_t profile)
{
    return timeline->values[(size_t)row * timeline->profile_count + profile];
}

static inline double timeline_rate(const struct timeline *timeline, uint32_t row, uint32_t profile)
{
    return timeline->rates[(size_t)row * timeline->profile_count + profile];
}

/* By how much a row grows in a second, by least squares; NaN without times. */
double timeline_growth(const struct timeline *timeline, uint32_t row);

#endif

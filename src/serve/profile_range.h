/* What a query of profiles takes of a range of time: the newest, or all of them added up. */
#ifndef SERVE_PROFILE_RANGE_H
#define SERVE_PROFILE_RANGE_H

#include <stdbool.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#define PROFILE_TYPE_MAX 64

struct model;
struct profile_rows;
struct store_query;
struct web_query;

struct profile_range {
    struct web_query *query; /* borrowed */
    bool is_merged;
    char type[PROFILE_TYPE_MAX];
};

/* Read the parameters `type` and `op`. Returns 0; -EINVAL, which the query's diag says more of */
SLU_MUST_USE int profile_range_read(struct profile_range *range, struct web_query *query);

/* Add a profile of these bytes. Returns 0; -EINVAL, told in the diag; -EDQUOT; -ENOMEM */
SLU_MUST_USE int profile_pprof_add(struct web_query *query, struct slu_bytes pprof,
                                   struct model *model);

/* Say that there is no such profile. Returns -ENOENT */
int profile_range_missing(const struct profile_range *range, const char *what);

/*
 * Add to the model one profile of what the range has.
 *
 * from     of what time, and which
 * what     that range, to tell that it has none
 * Returns  0; -ENOENT; -EINVAL for profiles that measure different things; as store_rows
 */
SLU_MUST_USE int profile_range_add(const struct profile_range *range,
                                   const struct store_query *from, struct model *model,
                                   const char *what);

/*
 * The newest alone, as it came: rows->rows[0].
 *
 * Returns  0; -ENOENT; as store_rows
 * Owner    the caller, until profile_rows_close, also after an error
 */
SLU_MUST_USE int profile_range_newest(const struct profile_range *range,
                                      const struct store_query *from, struct profile_rows *rows,
                                      const char *what);

#endif

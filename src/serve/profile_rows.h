/* Profiles of a query, in the order of time, kept in its budget. */
#ifndef SERVE_PROFILE_ROWS_H
#define SERVE_PROFILE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/store.h"

/* One of them; `labels` and `pprof` are views into blocks of its own. */
struct profile_row {
    int64_t time_ns;
    struct block labels;
    struct block pprof;
};

/* Lives in its owner. */
struct profile_rows {
    struct slu_budget *budget;
    struct profile_row *rows; /* profile_rows_max of them */
    size_t count;
    size_t most; /* the newest are kept */
};

/*
 * Take the newest profiles of a type, `most` at the most.
 *
 * Returns  0; as store_rows
 * Owner    the caller, until profile_rows_close, also after an error
 */
SLU_MUST_USE int profile_rows_open(struct profile_rows *rows, struct store *store,
                                   const struct store_query *query, struct slu_bytes type,
                                   size_t most);
void profile_rows_close(struct profile_rows *rows);

/* The pprof bytes of a stored profile. */
struct slu_bytes profile_row_pprof(const struct row *row);

#endif

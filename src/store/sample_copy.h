/*
 * What the head has of the series that a query wants, copied as it is kept there, some 1 to 5 bytes
 * a number: samples are decoded when their series comes.
 */
#ifndef STORE_SAMPLE_COPY_H
#define STORE_SAMPLE_COPY_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "store/sample_head.h"
#include "store/shelf_view.h"

struct slu_arena;

/* A series of the copy. */
struct copied_series {
    struct sample_runs runs;
    uint32_t labels_len;
    unsigned char bytes[]; /* the labels, then the runs */
};

/* Lives in its owner. */
struct sample_copy {
    struct slu_budget *budget;
    struct slu_arena *arena;
    struct block series; /* struct copied_series *, in the order of labels */
    size_t series_count;
};

/*
 * Copy what the head of the view has: of one kind, of series that the matchers take and that may
 * have something in the range.
 *
 * Returns  0; -ECANCELED; -EDQUOT; -ENOMEM
 * Owner    the caller, until sample_copy_close
 */
SLU_MUST_USE int sample_copy_make(struct sample_copy *copy, struct shelf_view *view,
                                  const struct store_query *query, enum store_sample_kind kind);
void sample_copy_close(struct sample_copy *copy);

static inline const struct copied_series *sample_copy_series(const struct sample_copy *copy,
                                                             size_t at)
{
    return ((struct copied_series *const *)copy->series.data)[at];
}

static inline struct slu_bytes copied_labels(const struct copied_series *series)
{
    return (struct slu_bytes){series->bytes, series->labels_len};
}

static inline struct slu_bytes sample_copy_labels(const struct sample_copy *copy, size_t at)
{
    return copied_labels(sample_copy_series(copy, at));
}

/* What sample_runs_decode reads. */
static inline const unsigned char *copied_runs(const struct copied_series *series)
{
    return series->bytes + series->labels_len;
}

#endif

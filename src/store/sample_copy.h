/* Samples of a head that a query wants, copied. */
#ifndef STORE_SAMPLE_COPY_H
#define STORE_SAMPLE_COPY_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "store/shelf_view.h"

/* A series of the copy: places in its blocks. */
struct copied_series {
    size_t labels_at;
    size_t items_at; /* bytes into `items` */
    uint32_t labels_len;
    uint32_t count;
};

/* Lives in its owner. */
struct sample_copy {
    struct slu_budget *budget;
    struct block series; /* struct copied_series, in the order of labels */
    struct block labels;
    struct block items; /* struct sample or struct sample_message */
    struct block bytes; /* of messages */
    size_t item_bytes;
    size_t series_count;
};

/*
 * Copy what the head of the view has: of one kind, of series that the matchers take, in the range.
 *
 * Returns  0; -ECANCELED; -EDQUOT; -ENOMEM
 * Owner    the caller, until sample_copy_close
 */
SLU_MUST_USE int sample_copy_make(struct sample_copy *copy, struct shelf_view *view,
                                  const struct store_query *query, enum store_sample_kind kind);
void sample_copy_close(struct sample_copy *copy);

struct slu_bytes sample_copy_labels(const struct sample_copy *copy, size_t at);
const void *sample_copy_items(const struct sample_copy *copy, size_t at, size_t *count);

#endif

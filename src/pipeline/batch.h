/*
 * The batch processor: gathers messages until there are enough records, or for a time.
 *
 * Messages are joined by putting their bytes in a row, and cut where a batch would be too large.
 * Their senders are answered when the batch has been taken.
 */
#ifndef PIPELINE_BATCH_H
#define PIPELINE_BATCH_H

#include <stdint.h>

#include <sluice/api.h>

#include "pipeline/config.h"

struct flush_clock;
struct slu_budget;
struct stage;

struct batch_options {
    uint64_t timeout_ns;                 /* 0: hand on at once */
    uint64_t send_batch_size;            /* records; 0: by time alone */
    uint64_t send_batch_max_size;        /* records; 0: no cut */
    struct config_strings metadata_keys; /* batch_groups.h */
    uint64_t metadata_cardinality_limit;
};

extern const struct config_object batch_object;
extern const struct batch_options batch_defaults;

/* What cannot be said by the table alone is told as a mistake. Returns 0; -EINVAL */
SLU_MUST_USE int batch_check(struct config *config, const struct config_node *node,
                             const struct batch_options *options);

/*
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until batch_destroy
 */
SLU_MUST_USE int batch_create(struct slu_budget *budget, const char *name,
                              const struct batch_options *options, struct flush_clock *clock,
                              struct stage *next, struct stage **out);

/* Hand on what has been gathered, and from now on everything at once. Threads: any */
void batch_drain(struct stage *batch, uint64_t now_ns);

/* When nothing calls it any more, and it was drained. */
void batch_destroy(struct stage *batch);

#endif

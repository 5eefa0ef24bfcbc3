/*
 * The batch processor with metadata_keys: a batch for each combination of the values that senders
 * gave those headers, up to a number of combinations; beyond it senders are refused.
 */
#ifndef PIPELINE_BATCH_GROUPS_H
#define PIPELINE_BATCH_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct batch_options;
struct flush_clock;
struct slu_budget;
struct stage;

/*
 * keys     indices of payload->metadata
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until batch_groups_destroy
 */
SLU_MUST_USE int batch_groups_create(struct slu_budget *budget, const char *name,
                                     const struct batch_options *options, const uint32_t *keys,
                                     size_t key_count, struct flush_clock *clock,
                                     struct stage *next, struct stage **out);

/* As batch_drain and batch_destroy. */
void batch_groups_drain(struct stage *groups, uint64_t now_ns);
void batch_groups_destroy(struct stage *groups);

#endif

/* A payload cut in two, where a batch or a queue cannot take it as a whole. */
#ifndef PIPELINE_PAYLOAD_CUT_H
#define PIPELINE_PAYLOAD_CUT_H

#include <stdint.h>

#include <sluice/api.h>

struct payload;
struct slu_budget;

/*
 * Cut `*payload` behind `count` records, from 1 to one less than it has: the front is `*front`, the
 * rest takes its place. Whoever waits for it waits for both.
 *
 * Returns  0; -EDQUOT; -ENOMEM, and nothing has changed
 */
SLU_MUST_USE int payload_cut(struct slu_budget *budget, struct payload **payload, uint64_t count,
                             struct payload **front);

/*
 * Cut `*payload` into as many as it takes for none to have more than `most` records: a list in its
 * place, in their order.
 *
 * most     at least 1
 * Returns  0; -EDQUOT; -ENOMEM, and nothing has changed
 * Cost     linear, whatever the number of parts
 */
SLU_MUST_USE int payload_cut_all(struct slu_budget *budget, struct payload **payload,
                                 uint64_t most);

#endif

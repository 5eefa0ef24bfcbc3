/* Profiles of a model merged: samples with the same stack and labels add up. */
#ifndef PROFILE_MODEL_JOIN_H
#define PROFILE_MODEL_JOIN_H

#include <stdint.h>

#include <sluice/api.h>

struct model;

/*
 * Make one profile of all from `first` on: the last one added to the model, and all before it. It
 * has the newest's time; durations add up, sums that overflow stay at the largest.
 *
 * Returns  0; -EINVAL if there is no such profile; -EDQUOT; -ENOMEM. On error nothing has changed.
 * Cost     linear in the model's stacks and those profiles' samples
 */
SLU_MUST_USE int model_join(struct model *model, uint32_t first);

#endif

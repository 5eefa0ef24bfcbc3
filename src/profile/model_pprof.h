/* A profile of a model as pprof's format, for what was merged. */
#ifndef PROFILE_MODEL_PPROF_H
#define PROFILE_MODEL_PPROF_H

#include <stdint.h>

#include <sluice/api.h>

struct model;
struct sink;

/*
 * Write one profile, with all functions and locations of its model.
 *
 * Returns  0; -EDQUOT; -ENOMEM: nothing is written then. What fails in the sink is told there.
 */
SLU_MUST_USE int model_pprof_write(const struct model *model, uint32_t profile, struct sink *sink);

#endif

/* Hands each payload to several stages: a receiver's pipelines, or a pipeline's exporters. */
#ifndef PIPELINE_FAN_OUT_H
#define PIPELINE_FAN_OUT_H

#include <stddef.h>

#include <sluice/api.h>

struct slu_budget;
struct stage;

/*
 * next     copied; at least one
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until fan_out_destroy
 */
SLU_MUST_USE int fan_out_create(struct slu_budget *budget, struct stage *const *next, size_t count,
                                struct stage **out);

void fan_out_destroy(struct stage *fan_out);

#endif

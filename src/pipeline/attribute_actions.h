/*
 * The actions of the processors `attributes` and `resource` on the attributes of a message.
 *
 * Source  the collector's attributes processor
 */
#ifndef PIPELINE_ATTRIBUTE_ACTIONS_H
#define PIPELINE_ATTRIBUTE_ACTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "pipeline/config.h"

struct attribute_actions;
struct otlp_image;
struct slu_budget;

/* An item of `actions`. */
extern const struct config_object attribute_action_object;

/*
 * Mistakes are told to the configuration.
 *
 * Returns  0; -EINVAL; -EDQUOT; -ENOMEM
 * Owner    the caller, until attribute_actions_destroy
 */
SLU_MUST_USE int attribute_actions_create(struct slu_budget *budget, struct config *config,
                                          const struct config_objects *options,
                                          struct attribute_actions **out);
void attribute_actions_destroy(struct slu_budget *budget, struct attribute_actions **actions);

/* Apply all to the attributes in `field`, in their order. */
void attribute_actions_run(const struct attribute_actions *actions, struct otlp_image *image,
                           uint32_t field);

#endif

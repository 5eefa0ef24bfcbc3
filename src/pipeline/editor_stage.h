/* A stage that runs an editor: what it changes goes on in memory of its own. */
#ifndef PIPELINE_EDITOR_STAGE_H
#define PIPELINE_EDITOR_STAGE_H

#include <sluice/api.h>

struct config;
struct config_node;
struct editor_type;
struct slu_budget;
struct stage;

/*
 * Make the stage with its editor, whose mistakes are told to the configuration.
 *
 * node     the component's options, read by the editor's table
 * Returns  0; -EINVAL; -EDQUOT; -ENOMEM
 * Owner    the caller, until editor_stage_destroy
 */
SLU_MUST_USE int editor_stage_create(struct slu_budget *budget, const char *name,
                                     const struct editor_type *type, struct config *config,
                                     const struct config_node *node, struct stage *next,
                                     struct stage **out);

void editor_stage_destroy(struct stage *stage);

#endif

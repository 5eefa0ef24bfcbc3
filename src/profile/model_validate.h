/* For tests and fuzz builds. */
#ifndef PROFILE_MODEL_VALIDATE_H
#define PROFILE_MODEL_VALIDATE_H

struct model;

/* Abort unless every identity in the model leads to something that is there. */
void model_validate(const struct model *model);

#endif

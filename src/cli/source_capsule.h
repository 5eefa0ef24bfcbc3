/* The newest heap profile of a capsule, so that whatever reads a profile reads a capsule too. */
#ifndef CLI_SOURCE_CAPSULE_H
#define CLI_SOURCE_CAPSULE_H

#include <sluice/api.h>

struct slu_diag;
struct source;

/*
 * Where the source is a capsule, let it read that one part of it; else leave it as it is. What can
 * only be read once, like a pipe, is left too.
 *
 * Returns  0; -ENODATA without a heap profile; -EBADMSG; `diag` says it
 */
SLU_MUST_USE int source_capsule_enter(struct source *source, struct slu_diag *diag);

#endif

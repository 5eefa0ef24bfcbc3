/* The heap profiles of a capsule, so that whatever reads a profile reads a capsule too. */
#ifndef CLI_SOURCE_CAPSULE_H
#define CLI_SOURCE_CAPSULE_H

#include <stdbool.h>
#include <stdint.h>

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

/*
 * Of a capsule that was entered: let the source read its next heap profile, in the order of the
 * file, which is that of their times.
 *
 * place    where to look, 0 at first; then where to look the next time
 * found    false when there is none left
 * Returns  0; -EBADMSG or a negative errno, and `diag` says it
 */
SLU_MUST_USE int source_capsule_next(struct source *source, uint64_t *place, bool *found,
                                     struct slu_diag *diag);

#endif

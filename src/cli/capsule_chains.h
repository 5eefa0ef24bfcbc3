/*
 * Who holds the memory, kept in a capsule: what `sluice heap who --json` says of the process at the
 * end of the looking, as a part of its own.
 */
#ifndef CLI_CAPSULE_CHAINS_H
#define CLI_CAPSULE_CHAINS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct capsule_file;
struct diagnosis;
struct sink;
struct slu_diag;

struct capsule_asked {
    uint32_t pid;
    double seconds;   /* since 1970 */
    const char *site; /* the function whose blocks grow, asked for besides; NULL: none does */
};

/*
 * Ask of a process, which is made to fork or stands still meanwhile, and add the answer to the
 * capsule and to the evidence.
 *
 * Returns  0; a negative errno, and `diag` says why there are none: the capsule is as it was
 */
SLU_MUST_USE int capsule_chains_add(struct capsule_file *capsule, const struct capsule_asked *asked,
                                    struct diagnosis *diagnosis, struct slu_diag *diag);

/*
 * If the file is a capsule, write the newest answer that it holds.
 *
 * is_capsule  whether it is one; else nothing has been done
 * Returns     0; -ENODATA without an answer in it; -EBADMSG; a negative errno; `diag` says it
 */
SLU_MUST_USE int capsule_chains_write(const char *path, struct sink *out, bool *is_capsule,
                                      struct slu_diag *diag);

#endif

/*
 * Names for profiles that have addresses alone, as those of native programs come. They are found by
 * `sluice heap symbolize` in a process of its own: what debug information takes of memory is not
 * the daemon's, and what it does to a reader of it neither.
 */
#ifndef PIPELINE_PROFILE_NAMES_H
#define PIPELINE_PROFILE_NAMES_H

#include <sluice/api.h>
#include <sluice/bytes.h>

struct block;
struct slu_budget;
struct slu_scope;

struct profile_names {
    const char *program;       /* sluice; NULL: it is not there, and nothing is found */
    struct slu_scope *scope;   /* ends the search */
    struct slu_budget *budget; /* of the profile, and of a larger one in its place */
};

/*
 * Find names on this machine, in the files that the profile names, if they are still those builds.
 *
 * pprof    profile.proto, gzip or plain
 * named    the same with names; empty on failure
 * Returns  0; -ENOENT if most of it has names, or nobody is there to find them; -ETIMEDOUT after
 *          10 s; -EPIPE if the process failed; -EFBIG; -EDQUOT; -ENOMEM; an error of the scope or
 *          the system
 * Owner    the caller, who frees `named` with the same budget
 */
SLU_MUST_USE int profile_names_find(const struct profile_names *names, struct slu_bytes pprof,
                                    struct block *named);

#endif

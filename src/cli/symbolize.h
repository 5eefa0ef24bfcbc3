/* Profiles in files, given names and lines. */
#ifndef CLI_SYMBOLIZE_H
#define CLI_SYMBOLIZE_H

#include <sluice/api.h>

struct pprof_symbolized;
struct slu_diag;

/*
 * Read a profile, compressed or not, and write it with names, compressed; of a capsule, all
 * profiles in it, and its other parts as they are.
 *
 * from, to  paths, which may be the same; "-": standard input and output
 * result    of the profile; of a capsule, of its last one
 * Returns   0; a negative errno, and `diag` says it for people. On error `to` is as it was.
 */
SLU_MUST_USE int symbolize_file(const char *from, const char *to, struct pprof_symbolized *result,
                                struct slu_diag *diag);

#endif

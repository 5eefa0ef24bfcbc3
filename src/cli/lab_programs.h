/* Where the laboratory's programs are. */
#ifndef CLI_LAB_PROGRAMS_H
#define CLI_LAB_PROGRAMS_H

#include <stddef.h>

#include <sluice/api.h>

struct slu_diag;

/*
 * The path of lab-NAME: in SLUICE_LAB, else beside this program as it was built or installed.
 *
 * Returns  0; -ENOENT, and `diag` says it
 */
SLU_MUST_USE int lab_program_find(const char *name, char *path, size_t path_bytes,
                                  struct slu_diag *diag);

#endif

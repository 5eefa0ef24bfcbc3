/* The other program, sluice-serve: beside this one as it was built or installed, or by PATH. */
#ifndef CLI_SERVE_PROGRAM_H
#define CLI_SERVE_PROGRAM_H

#include <stddef.h>

#include <sluice/api.h>

struct slu_diag;

/* Write its path. Returns 0; -ENOENT, and `diag` says how to name it. */
SLU_MUST_USE int serve_program_find(char *path, size_t path_bytes, struct slu_diag *diag);

#endif

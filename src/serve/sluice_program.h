/* The other program, `sluice`, beside this one. */
#ifndef SERVE_SLUICE_PROGRAM_H
#define SERVE_SLUICE_PROGRAM_H

#include <stddef.h>

#include <sluice/api.h>

/* Returns 0; -ENOENT: then `path` is as it was. */
SLU_MUST_USE int sluice_program_find(char *path, size_t path_bytes);

#endif

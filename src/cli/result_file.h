/* A subcommand's result in a file of its own, or on standard output. */
#ifndef CLI_RESULT_FILE_H
#define CLI_RESULT_FILE_H

#include <sluice/api.h>

struct cli;
struct sink;
struct slu_diag;

/* Writes the result. Returns 0 or a negative errno. */
typedef int (*result_write)(void *context, struct sink *out);

/*
 * Let `write` write to `path`, which appears whole or not at all; NULL or "-": standard output.
 *
 * Returns  0; a negative errno, and `diag` says it
 */
SLU_MUST_USE int result_file_write(struct cli *cli, const char *path, result_write write,
                                   void *context, struct slu_diag *diag);

#endif

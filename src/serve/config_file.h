/* A configuration as the daemon loads it: from a file, or the one that is built in. */
#ifndef SERVE_CONFIG_FILE_H
#define SERVE_CONFIG_FILE_H

#include <sluice/api.h>

#include "base/block.h"
#include "pipeline/config_pipelines.h"

struct config;
struct slu_budget;

struct config_file {
    struct slu_budget *budget;
    struct block text;
    struct config *config;
    struct config_pipelines pipelines; /* what it describes, if it has no mistakes */
};

/*
 * Read and parse it. Mistakes of its shape are among its mistakes.
 *
 * path     NULL: the one that is built in
 * Returns  0; a negative errno, which has been told on standard error
 * Owner    the caller, until config_file_close
 */
SLU_MUST_USE int config_file_open(struct slu_budget *budget, const char *path,
                                  struct config_file *out);

/* One that was never opened is accepted. */
void config_file_close(struct config_file *file);

/* Tell all mistakes on standard error, as FILE:LINE:COLUMN: MESSAGE. Returns how many there are. */
size_t config_file_report(struct config_file *file);

#endif

/* What the subcommands that judge a process share: from sources to evidence, within one budget. */
#ifndef CLI_DIAGNOSIS_H
#define CLI_DIAGNOSIS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "cli/symbol_files.h"

struct block;
struct cli;
struct evidence;
struct evidence_input;
struct invocation;
struct report;
struct slu_budget;
struct slu_diag;

#define DIAGNOSIS_INPUT_BYTES_MAX ((size_t)256 << 20) /* of one file */

struct diagnosis {
    struct cli *cli;
    const struct invocation *invocation;
    struct slu_budget *budget;
    struct symbol_files *modules;
    struct evidence *evidence;
};

/*
 * Begin without evidence.
 *
 * Returns  0; a negative errno, and `diag` says it. diagnosis_close follows in any case.
 */
SLU_MUST_USE int diagnosis_open(struct diagnosis *diagnosis, struct cli *cli,
                                const struct invocation *invocation, uint64_t memory_bytes,
                                struct slu_diag *diag);
void diagnosis_close(struct diagnosis *diagnosis);

/*
 * Read a file, URL or process whole.
 *
 * Returns  0; -EFBIG; what source_open returns; -EDQUOT; -ENOMEM; `diag` says it
 * Owner    the caller, who frees it with block_free and the same budget
 */
SLU_MUST_USE int intake_read(struct slu_budget *budget, const char *name, struct block *bytes,
                             struct slu_diag *diag);

/* Take an input in, and find names for its addresses. Returns 0; as evidence_add. */
SLU_MUST_USE int diagnosis_add_bytes(struct diagnosis *diagnosis,
                                     const struct evidence_input *input, struct slu_diag *diag);

/*
 * Take a file in, or all files of a folder that tell something; of a folder, what cannot be read is
 * told on the error output and left out.
 *
 * Returns  0; a negative errno, and `diag` says it
 */
SLU_MUST_USE int diagnosis_add(struct diagnosis *diagnosis, const char *name,
                               struct slu_diag *diag);

/* Show a report to people, on the output. */
void diagnosis_show(const struct diagnosis *diagnosis, const struct report *report);

/* Tell an error; returns the status. */
int diagnosis_failed(const struct diagnosis *diagnosis, const struct slu_diag *diag);

#endif

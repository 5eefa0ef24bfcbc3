/* A capsule on its way to a file, part by part. */
#ifndef CLI_CAPSULE_FILE_H
#define CLI_CAPSULE_FILE_H

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/sink.h"
#include "cli/target.h"
#include "sys/file.h"

struct diagnosis;
struct report;
struct slu_diag;

/* Members are private. */
struct capsule_file {
    struct file_replacement file;
    struct sink out;
    char stage[16384];
};

/* Begin the file, which appears when it is whole. Returns 0; a negative errno; `diag` says it. */
SLU_MUST_USE int capsule_file_begin(struct capsule_file *capsule, const char *path,
                                    struct slu_diag *diag);

/* What keeps what is seen. */
struct target_keeper capsule_file_keeper(struct capsule_file *capsule);

/* Add a part. */
void capsule_file_add(struct capsule_file *capsule, const char *name, double seconds,
                      struct slu_bytes bytes);

/*
 * Add the verdict and what made the capsule, and give the file its name.
 *
 * name     of the target
 * Returns  0; a negative errno, and `diag` says it: then there is no file
 */
SLU_MUST_USE int capsule_file_end(struct capsule_file *capsule, const struct report *report,
                                  const char *name, const char *version, double seconds,
                                  struct slu_diag *diag);

void capsule_file_cancel(struct capsule_file *capsule);

#endif

/*
 * A program of the laboratory that runs beside this one: what it says is read line by line, and it
 * is gone when lab_process_end returns, or when this program is killed.
 */
#ifndef CLI_LAB_PROCESS_H
#define CLI_LAB_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <sluice/api.h>

struct slu_diag;

#define LAB_LINE_BYTES 4096

struct lab_process {
    const char *name; /* for messages */
    pid_t pid;        /* 0: none */
    int output;
    size_t len;
    char line[LAB_LINE_BYTES];
};

/*
 * Start it, with its output in a pipe.
 *
 * words        end with NULL; the first is a path
 * environment  NULL: this program's
 * Returns      0; a negative errno, and `diag` says it
 */
SLU_MUST_USE int lab_process_start(struct lab_process *process, const char *name,
                                   const char *const *words, char *const *environment,
                                   struct slu_diag *diag);

/*
 * Wait for its next line, without the newline, valid until the next call.
 *
 * Returns  0; -ETIMEDOUT; -ECANCELED at an interrupt; -EPIPE when it has ended; -EMSGSIZE; `diag`
 *          says it
 */
SLU_MUST_USE int lab_process_line(struct lab_process *process, uint64_t timeout_ns,
                                  const char **line, struct slu_diag *diag);

/* Returns 0 while it runs; -EPIPE when it has ended, and `diag` says so. It is not waited for. */
SLU_MUST_USE int lab_process_check(const struct lab_process *process, struct slu_diag *diag);

/* Ask it to end (SIGTERM), without waiting. */
void lab_process_stop(const struct lab_process *process);

/* Wait for its end, for a second at most; then kill it. None is there when this returns. */
void lab_process_end(struct lab_process *process);

#endif

/* Another program, run in the foreground as a shell would, while this one waits for it. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <sys/types.h>

#include <sluice/api.h>

struct slu_diag;

struct child_end {
    pid_t pid;
    int status; /* the child's exit status; 128 + n if signal n ended it */
    int signal; /* 0, or n */
};

/*
 * Run the program that words[0] names, by PATH, and wait until it has ended. What ends programs
 * (SIGTERM, SIGHUP, SIGINT, SIGQUIT) is handed on to it, unless it has the terminal's already.
 *
 * words        end with NULL
 * environment  NAME=VALUE ..., ends with NULL
 * Returns      0; a negative errno if it could not be started, and `diag` says why
 */
SLU_MUST_USE int child_run(char *const *words, char *const *environment, struct child_end *end,
                           struct slu_diag *diag);

#endif

/* Who is told when a verdict changes: a command, a webhook. */
#ifndef CLI_VERDICT_HOOK_H
#define CLI_VERDICT_HOOK_H

#include <sluice/api.h>

struct report;
struct slu_diag;

/*
 * Start `command` by the shell, with the verdict in its environment (SLUICE_PATTERN,
 * SLUICE_CONFIDENCE, SLUICE_FUNCTION, SLUICE_FILE, SLUICE_LINE, SLUICE_BYTES_PER_SECOND). It is not
 * waited for; its output goes to the error output.
 *
 * Returns  0; a negative errno, and `diag` says it
 */
SLU_MUST_USE int verdict_hook_run(const char *command, const struct report *report,
                                  struct slu_diag *diag);

/* Collect commands that have ended. */
void verdict_hook_reap(void);

/* Send the report as JSON to a URL. Returns 0; a negative errno, and `diag` says it. */
SLU_MUST_USE int verdict_hook_post(const char *url, const struct report *report,
                                   struct slu_diag *diag);

#endif

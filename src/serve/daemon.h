/*
 * The daemon: a configuration, its pipelines, the memory limit, and the signals that change them.
 */
#ifndef SERVE_DAEMON_H
#define SERVE_DAEMON_H

#include "serve/serve_options.h"

/* The exit statuses of all of Sluice's programs. */
enum serve_status {
    SERVE_FINE = 0,
    SERVE_FINDINGS = 1,
    SERVE_WRONG_USE = 2,
    SERVE_FAILED = 3,
};

/* Run until a signal ends it. TERM, INT, HUP must be blocked in the calling thread. */
enum serve_status daemon_run(const struct serve_options *options);

/* Tell every mistake of a configuration on standard error. */
enum serve_status daemon_check(const struct serve_options *options);

#endif

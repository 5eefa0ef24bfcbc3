/*
 * Names for a profile, from a program that is started for it: reading symbol tables takes more
 * memory than a profiler may take in the process that it measures.
 */
#ifndef PRELOAD_SYMBOLIZER_H
#define PRELOAD_SYMBOLIZER_H

#include <stdint.h>

/*
 * Run `program heap symbolize - --out -` from file `from` to file `to`, and wait for its end. The
 * watched program hears nothing of it: no SIGCHLD, and its wait() does not find it.
 *
 * deadline_ns  monotonic: then it is killed
 * Returns      0; -ETIMEDOUT; -ECHILD if it has not ended with success; -ENOENT without a program;
 *              a negative errno of the system
 * Threads      the profiler's own only; its signals are blocked and become the helper's default
 */
int symbolizer_run(const char *program, int from, int to, uint64_t deadline_ns);

#endif

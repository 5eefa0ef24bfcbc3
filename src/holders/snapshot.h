/*
 * A copy of a stopped process that a system call of its own makes: fork, put into one of its
 * threads. The process goes on at once, and the copy, which never runs, is looked at.
 */
#ifndef HOLDERS_SNAPSHOT_H
#define HOLDERS_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct image;

/*
 * Look for a system call in the program's code, while it still runs.
 *
 * Returns  0; -EPERM where system calls are filtered; -ENOMEM if less than a quarter of its memory
 *          is free; -ENOENT if its code has no system call; another negative errno
 */
SLU_MUST_USE int snapshot_prepare(struct image *image, uint64_t *code);

/*
 * Fork a process all of whose threads are stopped by us.
 *
 * code     from snapshot_prepare
 * copy     the process id of the copy, stopped and traced by us: it ends when we do
 * Returns  0; a negative errno: the process is as before, and still stopped
 */
SLU_MUST_USE int snapshot_make(const struct image *image, uint64_t code, uint64_t *copy);

/* End the copy, and let the process, which stands for a moment, take note of it. */
void snapshot_end(const struct image *image, uint64_t copy);

#endif

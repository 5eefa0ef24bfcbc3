/*
 * A capsule that grows part by part, in a program that may be killed at any moment: after each
 * system call the file is a whole archive of what was added before.
 *
 * Source  docs/formats/capsule.md; codec/ustar.h
 */
#ifndef PRELOAD_RECORD_FILE_H
#define PRELOAD_RECORD_FILE_H

#include <limits.h>
#include <stdint.h>

struct output_writing;

/*
 * Make an empty one in place of what has its name.
 *
 * begun    room for the name that it has until it is an archive
 * Returns  0; a negative errno of the system's
 */
int record_file_make(const char *path, char begun[PATH_MAX]);

/*
 * Add a part.
 *
 * name     what it is; the time is put before it
 * time_ns  since 1970
 * Returns  0; what `writing` returns; a negative errno of the system's; -EBADMSG if it is no file
 *          of ours. On error the file has what it had before
 * Threads  one at a time; also within a hook
 */
int record_file_add(const char *path, const char *name, int64_t time_ns,
                    const struct output_writing *writing);

#endif

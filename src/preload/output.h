/*
 * Profiles as files. Each is written under a temporary name and renamed when it is whole, so that a
 * reader never sees half of one:
 *
 *   OUT.PID.pb.gz         at exit
 *   OUT.PID.NUMBER.pb.gz  the last N of those written periodically and on a signal
 *
 * Nothing here uses the program's heap; a file costs a system call for each 16 KiB. Signals are
 * held back from the writing thread, so that a limit on file sizes is an error and not the end.
 */
#ifndef PRELOAD_OUTPUT_H
#define PRELOAD_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct modules;
struct profile;
struct profile_snapshot;
struct settings;

struct output;

/* The bytes of the block that output_init takes. */
size_t output_bytes(const struct profile *profile);

/*
 * block     zero pages, output_bytes() long
 * settings  copied from
 * start_ns  when profiling began, monotonic
 */
struct output *output_init(void *block, const struct settings *settings,
                           const struct profile *profile, struct modules *modules,
                           uint64_t start_ns);

/*
 * Write a profile to `path`, or, with NULL, to the file of the exit. What is there is replaced;
 * what is not a regular file (a pipe, a device) is written into.
 *
 * Returns  0; a negative errno of the system's
 * Threads  one at a time, others wait; never within a hook
 */
int output_write(struct output *output, const char *path);

/* Write the next file of the ring, and remove the one that leaves it. Returns as output_write. */
int output_write_ring(struct output *output);

/*
 * The same from within a hook: modules that were loaded since the last file are not known. -EBUSY
 * while a file is being written.
 */
int output_write_ring_in_hook(struct output *output);

/* How a file that is open is filled: 0, or a negative errno. */
struct output_writing {
    int (*put)(void *context, int file);
    void *context;
};

/* What a profile would have told at a moment that is past. */
struct output_moment {
    const struct profile_snapshot *snapshot;
    int64_t time_ns; /* since 1970 */
    uint64_t now_ns; /* monotonic */
};

/*
 * Remember a moment, in a block of output_moment_bytes() that was zeroed or had an older one.
 *
 * Cost  a few words of each stack; the block becomes resident as far as there are stacks
 */
size_t output_moment_bytes(const struct output *output);
void output_moment_take(const struct output *output, void *block, struct output_moment *moment);

/*
 * For the moment at which memory runs out: add to a record (record_file.h) a part; or the profile,
 * without looking for new modules, which would take the loader's lock.
 *
 * path     as output_path says
 * past     the moment to be told; NULL: now, and by ages
 * waits    for another file that is being written; otherwise -EBUSY: so within a hook
 * Returns  as record_file_add
 */
int output_record_add(struct output *output, const char *path, const char *name, int64_t time_ns,
                      const struct output_writing *writing, bool waits);
int output_record_profile(struct output *output, const char *path, const struct output_moment *past,
                          bool waits);

/* Take in the modules that are loaded now, unless a file is being written. As modules_refresh. */
void output_look_for_modules(struct output *output);

/*
 * Write a profile to nowhere: the pages that the next one needs become resident.
 *
 * looks_for_modules  not within a hook
 */
int output_rehearse(struct output *output, bool looks_for_modules);

/* OUT.PID.ENDING. Returns 0; -ENAMETOOLONG. */
int output_path(const struct output *output, const char *ending, char path[PATH_MAX]);

/*
 * In the child of fork: the ring begins anew, with the child's number in its names. What another
 * thread was writing is the parent's affair.
 */
void output_after_fork_child(struct output *output, uint64_t now_ns);

#endif

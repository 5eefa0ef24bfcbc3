/*
 * Where this process's memory is limited: the folder of its memory control group, of version 1 or
 * 2, as it can be seen from here.
 */
#ifndef PRELOAD_CGROUP_H
#define PRELOAD_CGROUP_H

#include <limits.h>
#include <stddef.h>

#include <sluice/bytes.h>

#include "preload/lines.h"

struct cgroup {
    unsigned version; /* 1, 2; 0: there is none */
    size_t mount_len; /* of `folder`: groups above are not visible */
    char folder[PATH_MAX];
};

/* What /proc says, to be read by cgroup_find. */
struct cgroup_paths {
    char memory[PATH_MAX];  /* the group in the hierarchy of version 1 that has memory; or "" */
    char unified[PATH_MAX]; /* in that of version 2; or "" */
};

/* The lines of /proc/self/cgroup. Returns 0; a negative errno of reading. */
int cgroup_paths_read(struct lines *lines, struct cgroup_paths *paths);

/*
 * The lines of /proc/self/mountinfo: where the group is. A group that is outside of what is
 * mounted (a namespace) is the topmost that can be seen.
 *
 * Returns  0, also with version 0; a negative errno of reading
 */
int cgroup_mount_read(struct lines *lines, const struct cgroup_paths *paths,
                      struct cgroup *version_1, struct cgroup *version_2);

/*
 * This process's group, by /proc. Where both versions are mounted, the one that has the memory.
 *
 * buffer   LINES_BUFFER_BYTES of room
 * Returns  0, also with version 0; a negative errno of the system
 */
int cgroup_find(char *buffer, struct cgroup *cgroup);

/* One group up. False at the topmost. */
bool cgroup_up(struct cgroup *cgroup);

#endif

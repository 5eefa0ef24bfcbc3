/*
 * The lines that are read (proc(5), cgroups(7)):
 *
 *   4:memory:/machine/one                        /proc/self/cgroup, version 1
 *   0::/machine/one                              version 2
 *   34 30 0:31 /machine /sys/fs/cgroup/memory rw shared:1 - cgroup cgroup rw,memory
 *              root     mount point                         type          has memory
 *
 * Spaces in paths are written as \040.
 */
#include "preload/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOUNT_ROOT  3 /* fields of a line of mountinfo, from 0 */
#define MOUNT_POINT 4

static bool bytes_are(struct slu_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* Up to the separator, which is taken as well; all that is left without one. */
static struct slu_bytes part_take(struct slu_bytes *rest, char separator)
{
    const char *begin = rest->data;
    const char *end = rest->len == 0 ? NULL : memchr(begin, separator, rest->len);
    struct slu_bytes part = {begin, end == NULL ? rest->len : (size_t)(end - begin)};
    size_t taken = part.len + (end == NULL ? 0 : 1);
    *rest = (struct slu_bytes){begin + taken, rest->len - taken};
    return part;
}

static bool list_has(struct slu_bytes list, const char *wanted)
{
    while (list.len > 0) {
        if (bytes_are(part_take(&list, ','), wanted)) {
            return true;
        }
    }
    return false;
}

/* With the final zero; "" if it is too long. */
static void path_copy(char path[PATH_MAX], struct slu_bytes from)
{
    size_t len = from.len < PATH_MAX ? from.len : 0;
    if (len > 0) {
        memcpy(path, from.data, len);
    }
    path[len] = '\0';
}

int cgroup_paths_read(struct lines *lines, struct cgroup_paths *paths)
{
    struct slu_bytes line;
    int got = 0;
    paths->memory[0] = '\0';
    paths->unified[0] = '\0';
    while ((got = lines_next(lines, &line)) > 0) {
        struct slu_bytes hierarchy = part_take(&line, ':');
        struct slu_bytes controllers = part_take(&line, ':');
        if (list_has(controllers, "memory")) {
            path_copy(paths->memory, line);
        } else if (bytes_are(hierarchy, "0") && controllers.len == 0) {
            path_copy(paths->unified, line);
        }
    }
    return got;
}

static bool is_octal(char digit)
{
    return digit >= '0' && digit <= '7';
}

/* As mountinfo writes paths. */
static void path_decode(char path[PATH_MAX], struct slu_bytes from)
{
    size_t len = 0;
    path[0] = '\0';
    if (from.len == 0) {
        return;
    }
    const char *at = from.data;
    const char *end = at + from.len;
    while (at < end && len < PATH_MAX - 1) {
        bool is_escaped =
            at[0] == '\\' && end - at >= 4 && is_octal(at[1]) && is_octal(at[2]) && is_octal(at[3]);
        path[len++] =
            is_escaped ? (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')) : at[0];
        at += is_escaped ? 4 : 1;
    }
    path[at < end ? 0 : len] = '\0';
}

/* The group's path below what is mounted: "" for the mount point itself. */
static const char *path_below(const char *path, const char *root)
{
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool is_below = strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
    bool is_outside = strncmp(path, "/..", 3) == 0;
    const char *below = path + len;
    return is_below && !is_outside && strcmp(below, "/") != 0 ? below : "";
}

static void cgroup_keep(struct cgroup *cgroup, unsigned version, struct slu_bytes root,
                        struct slu_bytes point, const char *path)
{
    char root_path[PATH_MAX];
    char point_path[PATH_MAX];
    path_decode(root_path, root);
    path_decode(point_path, point);
    int len = snprintf(cgroup->folder, sizeof(cgroup->folder), "%s%s", point_path,
                       path_below(path, root_path));
    bool fits = len > 0 && (size_t)len < sizeof(cgroup->folder) && point_path[0] == '/';
    cgroup->version = fits ? version : 0;
    cgroup->mount_len = strlen(point_path);
}

/* The first mount of each version is taken. */
int cgroup_mount_read(struct lines *lines, const struct cgroup_paths *paths,
                      struct cgroup *version_1, struct cgroup *version_2)
{
    struct slu_bytes line;
    int got = 0;
    version_1->version = 0;
    version_2->version = 0;
    while ((got = lines_next(lines, &line)) > 0) {
        struct slu_bytes root = {0};
        struct slu_bytes point = {0};
        struct slu_bytes field = part_take(&line, ' ');
        for (int i = 1; line.len > 0 && !bytes_are(field, "-"); i++) {
            field = part_take(&line, ' ');
            root = i == MOUNT_ROOT ? field : root;
            point = i == MOUNT_POINT ? field : point;
        }
        struct slu_bytes type = part_take(&line, ' ');
        (void)part_take(&line, ' '); /* what is mounted: any text */
        if (bytes_are(type, "cgroup") && list_has(line, "memory") && version_1->version == 0 &&
            paths->memory[0] != '\0') {
            cgroup_keep(version_1, 1, root, point, paths->memory);
        } else if (bytes_are(type, "cgroup2") && version_2->version == 0 &&
                   paths->unified[0] != '\0') {
            cgroup_keep(version_2, 2, root, point, paths->unified);
        }
    }
    return got;
}

static int file_lines(struct lines *lines, int *file, const char *path, char *buffer)
{
    *file = open(path, O_RDONLY | O_CLOEXEC);
    lines_init(lines, lines_read_file, file, buffer);
    return *file < 0 ? -errno : 0;
}

int cgroup_find(char *buffer, struct cgroup *cgroup)
{
    static struct cgroup_paths paths; /* 20 KiB of paths are too much for a stack of ours */
    static struct cgroup version_2;
    struct lines lines;
    int file = -1;
    int err = file_lines(&lines, &file, "/proc/self/cgroup", buffer);
    if (err != 0) {
        return err;
    }
    err = cgroup_paths_read(&lines, &paths);
    close(file);
    err = err != 0 ? err : file_lines(&lines, &file, "/proc/self/mountinfo", buffer);
    if (err != 0) {
        return err;
    }
    err = cgroup_mount_read(&lines, &paths, cgroup, &version_2);
    close(file);
    if (cgroup->version == 0) {
        *cgroup = version_2;
    }
    return err;
}

bool cgroup_up(struct cgroup *cgroup)
{
    char *slash = strrchr(cgroup->folder, '/');
    if (slash == NULL || strlen(cgroup->folder) <= cgroup->mount_len) {
        return false;
    }
    *slash = '\0';
    return true;
}

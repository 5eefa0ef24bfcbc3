#include "sys/control_group.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES (PATH_MAX + 256)

/* Version 1 says a number near 2^63 for "none". */
#define UNLIMITED_MIN ((uint64_t)1 << 60)

/* A file that holds one number; 0 for "max", and where there is none. */
static uint64_t number_in(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    bool is_read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file); /* it was only read */
    uint64_t number = is_read ? strtoull(text, NULL, 10) : 0;
    return number >= UNLIMITED_MIN ? 0 : number;
}

/* The least limit from a group up to the root of its tree. */
static uint64_t least_limit(const char *root, const char *group, const char *file)
{
    char path[LINE_BYTES];
    char at[PATH_MAX];
    uint64_t least = 0;
    snprintf(at, sizeof(at), "%s", group);
    for (;;) {
        int len = snprintf(path, sizeof(path), "%s%s/%s", root, at, file);
        uint64_t limit = len > 0 && (size_t)len < sizeof(path) ? number_in(path) : 0;
        least = limit > 0 && (least == 0 || limit < least) ? limit : least;
        char *slash = strrchr(at, '/');
        if (slash == NULL) {
            return least;
        }
        *slash = '\0';
    }
}

/* "9:memory:/a/b" and "0::/a/b" */
static uint64_t limit_of_line(char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL) {
        return 0;
    }
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (strcmp(controllers + 1, "memory") == 0) {
        return least_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
    }
    return controllers[1] == '\0' ? least_limit("/sys/fs/cgroup", group, "memory.max") : 0;
}

uint64_t control_group_limit(uint32_t pid)
{
    char path[64];
    char line[LINE_BYTES];
    uint64_t least = 0;
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/cgroup", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        uint64_t limit = limit_of_line(line);
        least = limit > 0 && (least == 0 || limit < least) ? limit : least;
    }
    (void)fclose(file); /* it was only read */
    return least;
}

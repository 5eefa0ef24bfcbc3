#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES_MAX 1024
#define PATH_BYTES     64
#define START_FIELD    22 /* of proc(5), counted from 1; the name, which may hold anything, is 2 */

int process_file_read(pid_t process, const char *name, char *text, size_t text_bytes, size_t *len)
{
    char path[PATH_BYTES];
    int path_len = snprintf(path, sizeof(path), "/proc/%d/%s", (int)process, name);
    if (path_len < 0 || (size_t)path_len >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    ssize_t got = read(file, text, text_bytes - 1);
    int err = got < 0 ? -errno : 0;
    close(file);
    *len = got < 0 ? 0 : (size_t)got;
    text[*len] = '\0';
    return err;
}

int process_start_ticks(pid_t process, uint64_t *ticks)
{
    char text[STAT_BYTES_MAX];
    size_t len = 0;
    int err = process_file_read(process, "stat", text, sizeof(text), &len);
    if (err != 0) {
        return err;
    }
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < START_FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return -EBADMSG;
    }
    char *end = NULL;
    *ticks = strtoull(at + 1, &end, 10);
    return end == at + 1 ? -EBADMSG : 0;
}

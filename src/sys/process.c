#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES_MAX 1024
#define START_FIELD    22 /* of proc(5), counted from 1; the name, which may hold anything, is 2 */

static int stat_read(pid_t process, char text[STAT_BYTES_MAX])
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process); /* it fits */
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    ssize_t got = read(file, text, STAT_BYTES_MAX - 1);
    int err = got < 0 ? -errno : 0;
    close(file);
    text[got < 0 ? 0 : got] = '\0';
    return err;
}

int process_start_ticks(pid_t process, uint64_t *ticks)
{
    char text[STAT_BYTES_MAX];
    int err = stat_read(process, text);
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

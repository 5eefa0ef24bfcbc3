#include "preload/own_files.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 64

static __thread bool is_apart __attribute__((tls_model("initial-exec")));

/* Numbers 0 to 2 stay nobody's, so that nothing written there gets into another file. */
static void streams_fill(void)
{
    int file = 0;
    do {
        file = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (file >= 0 && file < STDERR_FILENO);
    if (file > STDERR_FILENO) {
        close(file);
    }
}

void own_files_begin(void)
{
    is_apart = syscall(SYS_close_range, 0, UINT_MAX, CLOSE_RANGE_UNSHARE) == 0;
    if (is_apart) {
        streams_fill();
    }
}

/* From the table of the process's first thread; a socket cannot be had by its path. */
static int program_error_stream(void)
{
    int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int file = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, STDERR_FILENO, 0);
    if (process >= 0) {
        close(process);
    }
    if (file >= 0) {
        return file;
    }
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "/proc/%ld/fd/2", (long)getpid()); /* it fits */
    return open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void own_files_begin_saying(void)
{
    int file = is_apart ? program_error_stream() : -1;
    if (file >= 0) {
        (void)dup2(file, STDERR_FILENO); /* or nothing is said */
        close(file);
    }
}

void own_files_end_saying(void)
{
    if (is_apart) {
        close(STDERR_FILENO);
        streams_fill();
    }
}

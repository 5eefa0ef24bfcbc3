#include "preload/said.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES_MAX 400

static struct {
    dev_t device;
    ino_t inode;
    bool known;
} stream;

void said_begin(void)
{
    struct stat found;
    stream.known = fstat(STDERR_FILENO, &found) == 0;
    if (stream.known) {
        stream.device = found.st_dev;
        stream.inode = found.st_ino;
    }
}

static bool stream_is_the_same(void)
{
    struct stat found;
    return stream.known && fstat(STDERR_FILENO, &found) == 0 && found.st_dev == stream.device &&
           found.st_ino == stream.inode;
}

SLU_PRINTF(1, 0) static void line_write(const char *format, va_list arguments)
{
    int saved = errno;
    char line[LINE_BYTES_MAX];
    int begun = snprintf(line, sizeof(line), "sluice-heap: ");
    int len = vsnprintf(line + begun, sizeof(line) - (size_t)begun - 1, format, arguments);
    if (len >= 0 && stream_is_the_same()) {
        size_t room = sizeof(line) - (size_t)begun - 2;
        size_t end = (size_t)begun + ((size_t)len < room ? (size_t)len : room);
        line[end] = '\n';
        ssize_t written = write(STDERR_FILENO, line, end + 1);
        (void)written; /* whoever closed standard error does not want to know */
    }
    errno = saved;
}

void said_once(struct said *said, const char *format, ...)
{
    if (atomic_exchange_explicit(&said->once, true, memory_order_relaxed)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    line_write(format, arguments);
    va_end(arguments);
}

void said_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_write(format, arguments);
    va_end(arguments);
}

#include "preload/file_put.h"

#include <errno.h>
#include <unistd.h>

int file_put(void *file, const char *bytes, size_t len)
{
    int descriptor = *(const int *)file;
    while (len > 0) {
        ssize_t written = write(descriptor, bytes, len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return written < 0 ? -errno : -EIO;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

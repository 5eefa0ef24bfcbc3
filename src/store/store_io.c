#include "store/store_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int real_open(void *context, const char *path, enum store_open how, int *fd)
{
    static const int flags[] = {
        [STORE_OPEN_READ] = O_RDONLY,
        [STORE_OPEN_WRITE] = O_RDWR,
        [STORE_OPEN_CREATE] = O_RDWR | O_CREAT,
        [STORE_OPEN_EXCLUSIVE] = O_RDWR | O_CREAT | O_EXCL,
    };
    (void)context;
    int opened = -1;
    do {
        opened = open(path, flags[how] | O_CLOEXEC | O_NOFOLLOW, 0600);
    } while (opened < 0 && errno == EINTR);
    if (opened < 0) {
        return -errno;
    }
    *fd = opened;
    return 0;
}

static void real_close(void *context, int fd)
{
    (void)context;
    close(fd);
}

static int real_read(void *context, int fd, void *bytes, size_t len, uint64_t offset, size_t *got)
{
    (void)context;
    ssize_t count = -1;
    do {
        count = pread(fd, bytes, len, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return -errno;
    }
    *got = (size_t)count;
    return 0;
}

static int real_write(void *context, int fd, const struct iovec *pieces, int piece_count,
                      uint64_t offset, size_t *written)
{
    (void)context;
    ssize_t count = -1;
    do {
        count = pwritev(fd, pieces, piece_count, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) {
        return count < 0 ? -errno : -EIO;
    }
    *written = (size_t)count;
    return 0;
}

static int real_sync(void *context, int fd)
{
    (void)context;
    return fdatasync(fd) == 0 ? 0 : -errno;
}

static int real_truncate(void *context, int fd, uint64_t size_bytes)
{
    (void)context;
    int failed = -1;
    do {
        failed = ftruncate(fd, (off_t)size_bytes);
    } while (failed != 0 && errno == EINTR);
    return failed == 0 ? 0 : -errno;
}

static int real_size(void *context, int fd, uint64_t *size_bytes)
{
    (void)context;
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return -errno;
    }
    *size_bytes = (uint64_t)status.st_size;
    return 0;
}

/* Held by the open file and not by the process: two queues of one process exclude each other. */
static int real_lock(void *context, int fd)
{
    (void)context;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
        return 0;
    }
    return errno == EACCES ? -EWOULDBLOCK : -errno;
}

static int real_unlink(void *context, const char *path)
{
    (void)context;
    return unlink(path) == 0 ? 0 : -errno;
}

static int real_make_directory(void *context, const char *path)
{
    (void)context;
    return mkdir(path, 0700) == 0 ? 0 : -errno;
}

static int real_sync_directory(void *context, const char *path)
{
    (void)context;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int err = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return err;
}

static int real_list(void *context, const char *path, store_visit_fn *visit, void *arg)
{
    (void)context;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return -errno;
    }
    int err = 0;
    while (err == 0) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            err = -errno;
            break;
        }
        err = visit(arg, entry->d_name);
    }
    closedir(directory);
    return err;
}

const struct store_io store_io_real = {
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .write = real_write,
    .sync = real_sync,
    .truncate = real_truncate,
    .size = real_size,
    .lock = real_lock,
    .unlink = real_unlink,
    .make_directory = real_make_directory,
    .sync_directory = real_sync_directory,
    .list = real_list,
};

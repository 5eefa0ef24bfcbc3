#include "preload/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/ustar.h"
#include "preload/output.h"

#define END_BYTES ((off_t)2 * USTAR_BLOCK_BYTES) /* of zeros: the end of an archive */

int record_file_make(const char *path, char begun[PATH_MAX])
{
    int len = snprintf(begun, PATH_MAX, "%s.part", path);
    if (len < 0 || len >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    /* In a folder that others may write into, what has this name already may be theirs. */
    (void)unlink(begun);
    int file = open(begun, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return -errno;
    }
    int err = ftruncate(file, END_BYTES) == 0 && rename(begun, path) == 0 ? 0 : -errno;
    (void)close(file); /* nothing was written that could fail */
    if (err != 0) {
        (void)unlink(begun);
    }
    return err;
}

/* The part's block comes last: until then a block of zeros stands there, which is the end. */
static int part_write(int file, off_t begin, const char *name, int64_t time_ns,
                      const struct output_writing *writing)
{
    char block[USTAR_BLOCK_BYTES];
    char timed[USTAR_NAME_MAX + 1];
    off_t content = begin + USTAR_BLOCK_BYTES;
    if (lseek(file, content, SEEK_SET) < 0) {
        return -errno;
    }
    int err = writing->put(writing->context, file);
    off_t end = err == 0 ? lseek(file, 0, SEEK_CUR) : 0;
    if (err != 0 || end < 0) {
        return err != 0 ? err : -errno;
    }
    uint64_t len = (uint64_t)(end - content);
    uint64_t seconds = time_ns > 0 ? (uint64_t)time_ns / 1000000000 : 0;
    if (len > USTAR_NUMBER_MAX || seconds > USTAR_NUMBER_MAX) {
        return -EOVERFLOW;
    }
    if (ftruncate(file, content + (off_t)ustar_padded(len) + END_BYTES) != 0) {
        return -errno;
    }
    (void)snprintf(timed, sizeof(timed), "%013llu.%s",
                   (unsigned long long)(time_ns > 0 ? time_ns / 1000000 : 0), name);
    ustar_block_make(block, timed, len, seconds);
    ssize_t put = pwrite(file, block, sizeof(block), begin);
    return put == (ssize_t)sizeof(block) ? 0 : put < 0 ? -errno : -EIO;
}

int record_file_add(const char *path, const char *name, int64_t time_ns,
                    const struct output_writing *writing)
{
    struct stat found;
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    if (file < 0) {
        return -errno;
    }
    int err = fstat(file, &found) == 0 ? 0 : -errno;
    if (err == 0 && (!S_ISREG(found.st_mode) || found.st_size < END_BYTES ||
                     found.st_size % USTAR_BLOCK_BYTES != 0)) {
        err = -EBADMSG;
    }
    if (err == 0) {
        off_t begin = found.st_size - END_BYTES;
        err = part_write(file, begin, name, time_ns, writing);
        if (err != 0 && (ftruncate(file, begin) != 0 || ftruncate(file, begin + END_BYTES) != 0)) {
            err = -errno;
        }
    }
    if (close(file) != 0 && err == 0) {
        err = -errno;
    }
    return err;
}

#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/diag.h"

#define FIRST_BLOCK_BYTES ((size_t)64 * 1024)
#define TEMPORARY_ENDING  ".XXXXXX"

/* A block has room for one byte more than may be read, so that what is too large is noticed. */
static int block_fill(struct slu_budget *budget, int fd, size_t most_bytes, struct block *bytes)
{
    for (;;) {
        if (bytes->len == bytes->size_bytes) {
            int err = bytes->len == most_bytes ? -EFBIG : block_grow(budget, bytes, most_bytes);
            if (err != 0) {
                return err;
            }
        }
        ssize_t got = read(fd, (char *)bytes->data + bytes->len, bytes->size_bytes - bytes->len);
        if (got == 0) {
            return 0;
        }
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        bytes->len += got > 0 ? (size_t)got : 0;
    }
}

/* What the system says of the size is a first guess: the file may grow, or be none. */
static size_t first_guess(int fd, size_t most_bytes)
{
    struct stat status;
    size_t guess = FIRST_BLOCK_BYTES;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
        guess = (uint64_t)status.st_size < most_bytes ? (size_t)status.st_size + 1 : most_bytes;
    }
    return guess < most_bytes ? guess : most_bytes;
}

static int read_open(struct slu_budget *budget, int fd, uint64_t bytes_max, struct block *bytes)
{
    size_t most_bytes = bytes_max < SIZE_MAX ? (size_t)bytes_max + 1 : SIZE_MAX;
    struct block read;
    int err = block_begin(budget, first_guess(fd, most_bytes), &read);
    if (err != 0) {
        return err;
    }
    err = block_fill(budget, fd, most_bytes, &read);
    if (err != 0) {
        block_free(budget, &read);
        return err;
    }
    *bytes = read;
    return 0;
}

int file_read_all(struct slu_budget *budget, const char *path, uint64_t bytes_max,
                  struct block *bytes, struct slu_diag *diag)
{
    bool is_input = strcmp(path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? -errno : read_open(budget, fd, bytes_max, bytes);
    if (!is_input && fd >= 0) {
        close(fd);
    }
    switch (err) {
    case 0:
        return 0;
    case -EFBIG:
        return diag_fail(diag, err, "%.160s: larger than the %llu bytes that are read", path,
                         (unsigned long long)bytes_max);
    case -EDQUOT:
        return diag_fail(diag, err, "%.160s: needs more memory than there is for it", path);
    default:
        return diag_fail(diag, err, "%.160s: %s", path, strerror(-err));
    }
}

/* mkostemp makes files for the owner alone; this is what open would have made. */
static mode_t usual_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* A device, a pipe or a socket is written to; another file must not take its place. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

int file_replace_begin(struct file_replacement *file, const char *path)
{
    size_t len = strlen(path);
    if (is_special(path)) {
        file->temporary[0] = '\0';
        file->fd = open(path, O_WRONLY | O_CLOEXEC);
        return file->fd < 0 ? -errno : 0;
    }
    if (len + sizeof(TEMPORARY_ENDING) > sizeof(file->temporary)) {
        return -ENAMETOOLONG;
    }
    memcpy(file->path, path, len + 1);
    memcpy(file->temporary, path, len);
    memcpy(file->temporary + len, TEMPORARY_ENDING, sizeof(TEMPORARY_ENDING));
    file->fd = mkostemp(file->temporary, O_CLOEXEC);
    if (file->fd < 0) {
        return -errno;
    }
    if (fchmod(file->fd, usual_mode()) != 0) {
        int err = -errno;
        file_replace_cancel(file);
        return err;
    }
    return 0;
}

int file_replace_end(struct file_replacement *file)
{
    int err = close(file->fd) == 0 ? 0 : -errno;
    if (file->temporary[0] == '\0') {
        return err;
    }
    if (err == 0 && rename(file->temporary, file->path) != 0) {
        err = -errno;
    }
    if (err != 0) {
        unlink(file->temporary);
    }
    return err;
}

void file_replace_cancel(struct file_replacement *file)
{
    close(file->fd);
    if (file->temporary[0] != '\0') {
        unlink(file->temporary);
    }
}

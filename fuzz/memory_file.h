/* One file in memory, for targets that write and read parts: its name does not matter. */
#ifndef FUZZ_MEMORY_FILE_H
#define FUZZ_MEMORY_FILE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <sluice/bytes.h>

#include "base/assert.h"
#include "store/store_io.h"

#define MEMORY_FILE_MAX ((size_t)4 << 20)

struct memory_file {
    size_t len;
    unsigned char bytes[MEMORY_FILE_MAX];
};

static inline int memory_open(void *context, const char *path, enum store_open how, int *fd)
{
    struct memory_file *file = context;
    (void)path;
    if (how == STORE_OPEN_EXCLUSIVE) {
        file->len = 0;
    }
    *fd = 0;
    return 0;
}

static inline void memory_close(void *context, int fd)
{
    (void)context;
    (void)fd;
}

static inline int memory_read(void *context, int fd, void *bytes, size_t len, uint64_t offset,
                              size_t *got)
{
    const struct memory_file *file = context;
    (void)fd;
    size_t at = offset < file->len ? (size_t)offset : file->len;
    *got = len < file->len - at ? len : file->len - at;
    memcpy(bytes, file->bytes + at, *got);
    return 0;
}

static inline int memory_write(void *context, int fd, const struct iovec *pieces, int piece_count,
                               uint64_t offset, size_t *written)
{
    struct memory_file *file = context;
    (void)fd;
    SLU_ASSERT(piece_count == 1 && offset == file->len);
    if (pieces[0].iov_len > MEMORY_FILE_MAX - file->len) {
        return -ENOSPC;
    }
    memcpy(file->bytes + file->len, pieces[0].iov_base, pieces[0].iov_len);
    file->len += pieces[0].iov_len;
    *written = pieces[0].iov_len;
    return 0;
}

static inline int memory_sync(void *context, int fd)
{
    (void)context;
    (void)fd;
    return 0;
}

static inline int memory_size(void *context, int fd, uint64_t *size_bytes)
{
    const struct memory_file *file = context;
    (void)fd;
    *size_bytes = file->len;
    return 0;
}

static inline int memory_path_done(void *context, const char *path)
{
    (void)context;
    (void)path;
    return 0;
}

static inline struct store_io memory_file_io(struct memory_file *file)
{
    return (struct store_io){.context = file,
                             .open = memory_open,
                             .close = memory_close,
                             .read = memory_read,
                             .write = memory_write,
                             .sync = memory_sync,
                             .size = memory_size,
                             .unlink = memory_path_done,
                             .sync_directory = memory_path_done};
}

/* What is left of an input, from its front. */
static inline struct slu_bytes input_take(struct slu_bytes *rest, size_t len)
{
    struct slu_bytes taken = {rest->data, len < rest->len ? len : rest->len};
    *rest = (struct slu_bytes){(const char *)rest->data + taken.len, rest->len - taken.len};
    return taken;
}

/* Zeros behind the end. */
static inline uint64_t input_number(struct slu_bytes *rest, size_t len)
{
    uint64_t number = 0;
    struct slu_bytes bytes = input_take(rest, len);
    for (size_t i = 0; i < bytes.len; i++) {
        number |= (uint64_t)((const unsigned char *)bytes.data)[i] << (8 * i);
    }
    return number;
}

#endif

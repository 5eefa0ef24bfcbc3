/*
 * The system calls of the store, as a table of functions: the real twin here, a simulated one that
 * tears, reorders, fails and crashes in tests/store.
 */
#ifndef STORE_STORE_IO_H
#define STORE_STORE_IO_H

#include <stddef.h>
#include <stdint.h>

struct iovec;

enum store_open {
    STORE_OPEN_READ,     /* what is there, to be read */
    STORE_OPEN_WRITE,    /* what is there, to be read and written */
    STORE_OPEN_CREATE,   /* the same, made if it is not there */
    STORE_OPEN_EXCLUSIVE /* a new file; -EEXIST if there is one */
};

/* Takes one name of a directory; `arg` is the caller's. Returns 0, or an error that ends it. */
typedef int store_visit_fn(void *arg, const char *name);

/* All return 0 or a negative errno; -EINTR does not leave them. `context` is passed as it is. */
struct store_io {
    void *context;
    int (*open)(void *context, const char *path, enum store_open how, int *fd);
    void (*close)(void *context, int fd);
    /* As many bytes as there are: 0 at the end of the file, else at least one. */
    int (*read)(void *context, int fd, void *bytes, size_t len, uint64_t offset, size_t *got);
    /* As many bytes as are taken: at least one, perhaps not all. */
    int (*write)(void *context, int fd, const struct iovec *pieces, int piece_count,
                 uint64_t offset, size_t *written);
    int (*sync)(void *context, int fd); /* fdatasync */
    int (*truncate)(void *context, int fd, uint64_t size_bytes);
    int (*size)(void *context, int fd, uint64_t *size_bytes);
    int (*lock)(void *context, int fd); /* -EWOULDBLOCK if another one has it; ends with close */
    int (*unlink)(void *context, const char *path);
    int (*make_directory)(void *context, const char *path); /* mode 0700 */
    int (*sync_directory)(void *context, const char *path);
    int (*list)(void *context, const char *path, store_visit_fn *visit, void *arg);
};

/* The machine's own files. */
extern const struct store_io store_io_real;

#endif

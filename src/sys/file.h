/*
 * Whole files: read into memory of a budget, and written so that a reader never sees half of one.
 */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct block;
struct slu_budget;
struct slu_diag;

/*
 * Read all of a file, a pipe or, as "-", standard input.
 *
 * bytes_max  the most that is read
 * Returns    0; -EFBIG if there is more; -EISDIR; -EDQUOT; -ENOMEM; a negative errno of the system.
 *            `diag` says it for people, with the path.
 * Owner      the caller, who frees it with block_free and the same budget
 * Cost       at most three times the file's size is charged at a time where the size is not known
 */
SLU_MUST_USE int file_read_all(struct slu_budget *budget, const char *path, uint64_t bytes_max,
                               struct block *bytes, struct slu_diag *diag);

/* A file that comes into being, or takes another's place, at once. Members but `fd` are private. */
struct file_replacement {
    int fd; /* to be written to */
    char path[PATH_MAX];
    char temporary[PATH_MAX];
};

/*
 * Begin a file that is to stand at `path`, in the same folder under another name. What stands there
 * and is no regular file (a device, a pipe) is written to instead.
 *
 * Returns  0; -ENAMETOOLONG; a negative errno of the system
 */
SLU_MUST_USE int file_replace_begin(struct file_replacement *file, const char *path);

/* Give it its name. Returns 0; a negative errno of the system, and then nothing has changed. */
SLU_MUST_USE int file_replace_end(struct file_replacement *file);

/* Leave everything as it was. */
void file_replace_cancel(struct file_replacement *file);

#endif

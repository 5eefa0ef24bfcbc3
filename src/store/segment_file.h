/*
 * Files of frames: their names, their headers, and walking from frame to frame across damage.
 */
#ifndef STORE_SEGMENT_FILE_H
#define STORE_SEGMENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "store/frame.h"

struct iovec;
struct store_io;

#define SEGMENT_HEADER_BYTES  ((uint64_t)64)
#define SEGMENT_NAME_MAX      32 /* bytes of a name, with the final zero */
#define SEGMENT_SCRATCH_BYTES ((size_t)64 * 1024)

/* One directory, and the calls by which it is reached. Lives in its owner. */
struct segment_directory {
    const struct store_io *io;
    const char *path;
};

/* What the header says, or the name where that is damaged. */
struct segment_facts {
    uint64_t first_sequence;
    uint64_t salt;
    uint64_t size_bytes;
    bool is_damaged; /* no copy of the header is right: no frame in it can be told */
};

void segment_name(uint64_t first_sequence, char name[SEGMENT_NAME_MAX]);

/* False if it is no name of a segment. */
bool segment_name_parse(const char *name, uint64_t *first_sequence);

/* `directory/name`. Returns 0; -ENAMETOOLONG if `size_bytes` is too small for it. */
SLU_MUST_USE int segment_path(const struct segment_directory *directory, const char *name,
                              char *path, size_t size_bytes);

/*
 * Make a file with a header that is on the disk, and its name in the directory too.
 *
 * Returns  0; a negative errno of the system, and then no file is left where that can be had
 * Owner    the caller closes `fd`
 */
SLU_MUST_USE int segment_create(const struct segment_directory *directory, uint64_t first_sequence,
                                uint64_t salt, int *fd);

/* Open an old one. Returns 0; a negative errno of the system. The caller closes `fd`. */
SLU_MUST_USE int segment_open(const struct segment_directory *directory, uint64_t first_sequence,
                              bool is_written, int *fd);

/* Returns 0; a negative errno of the system. -ENOENT is none. */
SLU_MUST_USE int segment_unlink(const struct segment_directory *directory, uint64_t first_sequence);

/* Read size and header. Returns 0; a negative errno of the system. */
SLU_MUST_USE int segment_facts_read(const struct store_io *io, int fd, uint64_t first_sequence,
                                    struct segment_facts *facts);

/* Write all of the pieces, which are used up. Returns 0; a negative errno of the system. */
SLU_MUST_USE int segment_write(const struct store_io *io, int fd, struct iovec *pieces,
                               int piece_count, uint64_t offset);

/* Read all of it. Returns 0; -EBADMSG if the file is shorter; a negative errno of the system. */
SLU_MUST_USE int segment_read(const struct store_io *io, int fd, void *bytes, size_t len,
                              uint64_t offset);

/* A part of a segment, walked from its beginning to its end. */
struct segment_walk {
    const struct store_io *io;
    int fd;
    uint64_t salt;
    uint64_t offset; /* of the frame that was found */
    uint64_t end;
    unsigned char *scratch; /* SEGMENT_SCRATCH_BYTES */
};

/*
 * Find the frame at `offset`, or, where there is damage, the next one behind it that lies within
 * the end. Moves `offset` to it, or to the end where there is none: the bytes that this passes over
 * are damaged. The caller moves on with segment_walk_pass.
 *
 * Returns  0; -ENODATA if there is none; a negative errno of the system, and the walk is as it was
 * Cost     one read; across damage, all that is passed over
 */
SLU_MUST_USE int segment_walk_find(struct segment_walk *walk, struct frame *frame);

static inline void segment_walk_pass(struct segment_walk *walk, const struct frame *frame)
{
    walk->offset += frame_bytes(frame);
}

/*
 * Compare the payload of the frame that was found with its hash, in the scratch memory.
 *
 * Returns  0; -EBADMSG; a negative errno of the system
 */
SLU_MUST_USE int segment_walk_check(struct segment_walk *walk, const struct frame *frame);

#endif

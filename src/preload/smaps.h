/* /proc/self/smaps, mapping by mapping, from a buffer of the caller's. */
#ifndef PRELOAD_SMAPS_H
#define PRELOAD_SMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "preload/lines.h"

/* One mapping. `name` is borrowed, and valid until the next call; "" if it has none. */
struct smap {
    uint64_t start;
    uint64_t limit;
    uint64_t inode; /* 0: of no file */
    bool is_readable;
    bool is_writable;
    bool is_executable;
    bool is_shared;
    uint64_t rss_bytes;
    uint64_t anonymous_bytes; /* of them: memory that belongs to no file */
    uint64_t swapped_bytes;
    struct slu_bytes name;
};

#define SMAPS_NAME_MAX 1024 /* longer ones are cut */

/* Members are private. */
struct smaps {
    struct lines lines;
    char name[SMAPS_NAME_MAX];
};

/* `bytes` is LINES_BUFFER_BYTES of room. */
void smaps_init(struct smaps *smaps, lines_read read, void *context, char *bytes);

/*
 * The next mapping. Fields that a kernel does not know are 0; lines that are no mapping's are
 * passed over.
 *
 * Returns  1; 0 at the end; a negative errno of reading
 */
int smaps_next(struct smaps *smaps, struct smap *smap);

#endif

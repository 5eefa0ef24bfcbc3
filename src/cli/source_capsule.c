#include "cli/source_capsule.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/source.h"
#include "diagnose/capsule.h"

/* The part of a profile: goroutines and threads have profiles too, and are told by their names. */
static bool is_heap(const struct capsule_part *part)
{
    return strstr(part->name, "heap") != NULL && part->bytes.len > 0;
}

static bool block_read(int fd, uint64_t at, char block[CAPSULE_BLOCK_BYTES])
{
    return pread(fd, block, CAPSULE_BLOCK_BYTES, (off_t)at) == CAPSULE_BLOCK_BYTES;
}

static int damaged(const struct source *source, uint64_t at, struct slu_diag *diag)
{
    return diag_fail(diag, -EBADMSG, "%.160s: byte %llu: the capsule is damaged", source->name,
                     (unsigned long long)at);
}

/* What is read is the part that begins there. */
static int part_take(struct source *source, uint64_t begin, uint64_t len, struct slu_diag *diag)
{
    if (lseek(source->fd, (off_t)begin, SEEK_SET) < 0) {
        return diag_fail(diag, -errno, "%.160s: %s", source->name, strerror(errno));
    }
    source->size_bytes = len;
    source->read_bytes = 0;
    source->is_part = true;
    return 0;
}

int source_capsule_enter(struct source *source, struct slu_diag *diag)
{
    char block[CAPSULE_BLOCK_BYTES];
    struct capsule_part part;
    uint64_t at = 0;
    uint64_t begin = 0;
    uint64_t len = 0;
    double newest = -1;
    if (!block_read(source->fd, 0, block) ||
        !capsule_is((struct slu_bytes){block, sizeof(block)})) {
        return 0;
    }
    while (block_read(source->fd, at, block) && !capsule_block_is_end(block)) {
        if (!capsule_part_read(block, &part)) {
            return damaged(source, at, diag);
        }
        if (is_heap(&part) && part.seconds >= newest) {
            newest = part.seconds;
            begin = at + CAPSULE_BLOCK_BYTES;
            len = part.bytes.len;
        }
        at += CAPSULE_BLOCK_BYTES + ustar_padded(part.bytes.len);
    }
    if (newest < 0) {
        return diag_fail(diag, -ENODATA, "%.160s: no heap profile in the capsule", source->name);
    }
    return part_take(source, begin, len, diag);
}

int source_capsule_next(struct source *source, uint64_t *place, bool *found, struct slu_diag *diag)
{
    char block[CAPSULE_BLOCK_BYTES];
    struct capsule_part part;
    uint64_t at = *place;
    *found = false;
    while (!*found && block_read(source->fd, at, block) && !capsule_block_is_end(block)) {
        if (!capsule_part_read(block, &part)) {
            return damaged(source, at, diag);
        }
        *found = is_heap(&part);
        *place = at + CAPSULE_BLOCK_BYTES;
        at = *place + ustar_padded(part.bytes.len);
    }
    if (!*found) {
        return 0;
    }
    int err = part_take(source, *place, part.bytes.len, diag);
    *place = at;
    return err;
}

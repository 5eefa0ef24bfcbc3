/*
 * A checked frame: what each record in the store's files is wrapped in.
 *
 * Its header has a check of its own, so that a length can be trusted before it is followed and a
 * damaged payload costs exactly one record. The check is seeded with the file's salt: bytes that
 * look like a frame, but come from a sender or another file, are none.
 */
#ifndef STORE_FRAME_H
#define STORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#define FRAME_HEADER_BYTES ((size_t)48)

struct frame {
    uint64_t sequence;
    uint64_t tag;
    int64_t time_ns;
    uint64_t payload_hash;
    uint32_t payload_bytes;
    uint32_t kind;
};

/* Of the parts, one behind the other. */
uint64_t frame_hash(const struct slu_bytes *parts, size_t part_count);

/* Read `len` bytes at `offset` of a payload. Returns 0 or a negative errno. */
typedef int frame_read_fn(void *arg, uint64_t offset, void *bytes, size_t len);

/*
 * The same of a payload that is read piece by piece into `scratch`.
 *
 * Returns  0; an error of `read`
 */
SLU_MUST_USE int frame_hash_pieces(uint64_t payload_bytes, frame_read_fn *read, void *arg,
                                   unsigned char *scratch, size_t scratch_bytes, uint64_t *hash);

/* Write FRAME_HEADER_BYTES. */
void frame_encode(const struct frame *frame, uint64_t salt, unsigned char *header);

/* Read FRAME_HEADER_BYTES; false, and `frame` untouched, if they are no header of this salt. */
bool frame_decode(const unsigned char *header, uint64_t salt, struct frame *frame);

/* The offset of the first whole header in `bytes`; bytes.len if there is none. */
size_t frame_find(struct slu_bytes bytes, uint64_t salt);

static inline uint64_t frame_bytes(const struct frame *frame)
{
    return FRAME_HEADER_BYTES + (uint64_t)frame->payload_bytes;
}

#endif

/*
 * A frame, little endian, no padding:
 *
 *     offset  bytes  what
 *          0      4  magic "SLQF"
 *          4      4  payload bytes
 *          8      4  kind, the caller's
 *         12      4  check of the header: the lower half of XXH3-64, seeded with the file's salt,
 *                    over the header with zeros here
 *         16      8  sequence: greater than that of any frame before it
 *         24      8  tag, the caller's
 *         32      8  time, nanoseconds since 1970
 *         40      8  XXH3-64 of the payload
 *         48      -  payload
 */
#include "store/frame.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/little_endian.h"

#define MAGIC        0x46514c53u /* "SLQF" */
#define MAGIC_FIRST  'S'
#define CHECK_OFFSET 12

uint64_t frame_hash(const struct slu_bytes *parts, size_t part_count)
{
    if (part_count == 1) {
        return XXH3_64bits(parts[0].data, parts[0].len);
    }
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state); /* fails for NULL alone, as does the update */
    for (size_t i = 0; i < part_count; i++) {
        (void)XXH3_64bits_update(&state, parts[i].data, parts[i].len);
    }
    return XXH3_64bits_digest(&state);
}

int frame_hash_pieces(uint64_t payload_bytes, frame_read_fn *read, void *arg,
                      unsigned char *scratch, size_t scratch_bytes, uint64_t *hash)
{
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    for (uint64_t at = 0; at < payload_bytes;) {
        uint64_t left = payload_bytes - at;
        size_t len = left < scratch_bytes ? (size_t)left : scratch_bytes;
        int err = read(arg, at, scratch, len);
        if (err != 0) {
            return err;
        }
        (void)XXH3_64bits_update(&state, scratch, len);
        at += len;
    }
    *hash = XXH3_64bits_digest(&state);
    return 0;
}

static uint32_t header_check(const unsigned char *header, uint64_t salt)
{
    unsigned char bytes[FRAME_HEADER_BYTES];
    memcpy(bytes, header, sizeof(bytes));
    put_32(bytes + CHECK_OFFSET, 0);
    return (uint32_t)XXH3_64bits_withSeed(bytes, sizeof(bytes), salt);
}

void frame_encode(const struct frame *frame, uint64_t salt, unsigned char *header)
{
    put_32(header, MAGIC);
    put_32(header + 4, frame->payload_bytes);
    put_32(header + 8, frame->kind);
    put_64(header + 16, frame->sequence);
    put_64(header + 24, frame->tag);
    put_64(header + 32, (uint64_t)frame->time_ns);
    put_64(header + 40, frame->payload_hash);
    put_32(header + CHECK_OFFSET, 0);
    put_32(header + CHECK_OFFSET, header_check(header, salt));
}

bool frame_decode(const unsigned char *header, uint64_t salt, struct frame *frame)
{
    if (get_32(header) != MAGIC || get_32(header + CHECK_OFFSET) != header_check(header, salt)) {
        return false;
    }
    *frame = (struct frame){.payload_bytes = get_32(header + 4),
                            .kind = get_32(header + 8),
                            .sequence = get_64(header + 16),
                            .tag = get_64(header + 24),
                            .time_ns = (int64_t)get_64(header + 32),
                            .payload_hash = get_64(header + 40)};
    return true;
}

size_t frame_find(struct slu_bytes bytes, uint64_t salt)
{
    const unsigned char *begin = bytes.data;
    struct frame unused;
    size_t at = 0;
    while (at + FRAME_HEADER_BYTES <= bytes.len) {
        const unsigned char *found =
            memchr(begin + at, MAGIC_FIRST, bytes.len - FRAME_HEADER_BYTES - at + 1);
        if (found == NULL) {
            return bytes.len;
        }
        if (frame_decode(found, salt, &unused)) {
            return (size_t)(found - begin);
        }
        at = (size_t)(found - begin) + 1;
    }
    return bytes.len;
}

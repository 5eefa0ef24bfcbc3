/*
 * A segment, little endian, no padding. Frames (frame.c) follow the header without a gap:
 *
 *     offset  bytes  what
 *          0     32  the header
 *         32     32  the header once more: without its salt no frame could be told
 *         64      -  frames
 *
 * and a header is
 *
 *          0      8  magic "SLQSEGM\n"
 *          8      4  version, 1
 *         12      4  check: the lower half of XXH3-64 over the header with zeros here
 *         16      8  first sequence: no frame in the file has a lower one
 *         24      8  salt of the frames' checks
 *
 * Its name is the first sequence in 20 decimal digits, so that names sort as the frames do, and
 * ".segment".
 */
#include "store/segment_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "store/little_endian.h"
#include "store/store_io.h"

#define MAGIC            UINT64_C(0x0a4d474553514c53) /* "SLQSEGM\n" */
#define VERSION          1
#define COPY_BYTES       ((size_t)32)
#define CHECK_OFFSET     12
#define NAME_DIGITS      20
#define NAME_ENDING      ".segment"
#define SEGMENT_PATH_MAX 4096

void segment_name(uint64_t first_sequence, char name[SEGMENT_NAME_MAX])
{
    (void)snprintf(name, SEGMENT_NAME_MAX, "%0*" PRIu64 NAME_ENDING, NAME_DIGITS, first_sequence);
}

bool segment_name_parse(const char *name, uint64_t *first_sequence)
{
    uint64_t parsed = 0;
    for (int i = 0; i < NAME_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(parsed, 10u, &parsed) ||
            __builtin_add_overflow(parsed, (uint64_t)(name[i] - '0'), &parsed)) {
            return false;
        }
    }
    if (strcmp(name + NAME_DIGITS, NAME_ENDING) != 0) {
        return false;
    }
    *first_sequence = parsed;
    return true;
}

int segment_path(const struct segment_directory *directory, const char *name, char *path,
                 size_t size_bytes)
{
    int len = snprintf(path, size_bytes, "%s/%s", directory->path, name);
    return len < 0 || (size_t)len >= size_bytes ? -ENAMETOOLONG : 0;
}

static int path_of(const struct segment_directory *directory, uint64_t first_sequence,
                   char path[SEGMENT_PATH_MAX])
{
    char name[SEGMENT_NAME_MAX];
    segment_name(first_sequence, name);
    return segment_path(directory, name, path, SEGMENT_PATH_MAX);
}

static uint32_t copy_check(const unsigned char *copy)
{
    unsigned char bytes[COPY_BYTES];
    memcpy(bytes, copy, sizeof(bytes));
    put_32(bytes + CHECK_OFFSET, 0);
    const struct slu_bytes whole = {bytes, sizeof(bytes)};
    return (uint32_t)frame_hash(&whole, 1);
}

static bool copy_is_right(const unsigned char *copy)
{
    return get_64(copy) == MAGIC && get_32(copy + 8) == VERSION &&
           get_32(copy + CHECK_OFFSET) == copy_check(copy);
}

static void header_encode(uint64_t first_sequence, uint64_t salt,
                          unsigned char header[SEGMENT_HEADER_BYTES])
{
    put_64(header, MAGIC);
    put_32(header + 8, VERSION);
    put_32(header + CHECK_OFFSET, 0);
    put_64(header + 16, first_sequence);
    put_64(header + 24, salt);
    put_32(header + CHECK_OFFSET, copy_check(header));
    memcpy(header + COPY_BYTES, header, COPY_BYTES);
}

/* On the disk before the first frame is written, so that a header that is not right is damage, and
 * not what a crash leaves. */
static int header_put(const struct segment_directory *directory, int fd, uint64_t first_sequence,
                      uint64_t salt)
{
    unsigned char header[SEGMENT_HEADER_BYTES];
    header_encode(first_sequence, salt, header);
    struct iovec piece = {.iov_base = header, .iov_len = sizeof(header)};
    int err = segment_write(directory->io, fd, &piece, 1, 0);
    if (err == 0) {
        err = directory->io->sync(directory->io->context, fd);
    }
    if (err == 0) {
        err = directory->io->sync_directory(directory->io->context, directory->path);
    }
    return err;
}

int segment_create(const struct segment_directory *directory, uint64_t first_sequence,
                   uint64_t salt, int *fd)
{
    const struct store_io *io = directory->io;
    char path[SEGMENT_PATH_MAX];
    int err = path_of(directory, first_sequence, path);
    int opened = -1;
    if (err == 0) {
        err = io->open(io->context, path, STORE_OPEN_EXCLUSIVE, &opened);
    }
    if (err != 0) {
        return err;
    }
    err = header_put(directory, opened, first_sequence, salt);
    if (err != 0) {
        io->close(io->context, opened);
        (void)io->unlink(io->context, path); /* an empty segment does no harm where it stays */
        return err;
    }
    *fd = opened;
    return 0;
}

int segment_open(const struct segment_directory *directory, uint64_t first_sequence,
                 bool is_written, int *fd)
{
    char path[SEGMENT_PATH_MAX];
    int err = path_of(directory, first_sequence, path);
    if (err != 0) {
        return err;
    }
    enum store_open how = is_written ? STORE_OPEN_WRITE : STORE_OPEN_READ;
    return directory->io->open(directory->io->context, path, how, fd);
}

int segment_unlink(const struct segment_directory *directory, uint64_t first_sequence)
{
    char path[SEGMENT_PATH_MAX];
    int err = path_of(directory, first_sequence, path);
    if (err == 0) {
        err = directory->io->unlink(directory->io->context, path);
    }
    return err == -ENOENT ? 0 : err;
}

int segment_facts_read(const struct store_io *io, int fd, uint64_t first_sequence,
                       struct segment_facts *facts)
{
    unsigned char header[SEGMENT_HEADER_BYTES] = {0};
    struct segment_facts read = {.first_sequence = first_sequence, .is_damaged = true};
    int err = io->size(io->context, fd, &read.size_bytes);
    if (err == 0 && read.size_bytes >= SEGMENT_HEADER_BYTES) {
        err = segment_read(io, fd, header, sizeof(header), 0);
    }
    if (err != 0) {
        return err;
    }
    for (size_t at = 0; at < sizeof(header) && read.is_damaged; at += COPY_BYTES) {
        if (copy_is_right(header + at) && get_64(header + at + 16) == first_sequence) {
            read.salt = get_64(header + at + 24);
            read.is_damaged = false;
        }
    }
    *facts = read;
    return 0;
}

/* Move the pieces on by what was written. */
static void pieces_pass(struct iovec **pieces, int *piece_count, size_t written)
{
    while (written > 0) {
        size_t step = written < (*pieces)->iov_len ? written : (*pieces)->iov_len;
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + step;
        (*pieces)->iov_len -= step;
        written -= step;
        if ((*pieces)->iov_len == 0 && *piece_count > 0) {
            (*pieces)++;
            (*piece_count)--;
        }
    }
}

int segment_write(const struct store_io *io, int fd, struct iovec *pieces, int piece_count,
                  uint64_t offset)
{
    while (piece_count > 0) {
        size_t written = 0;
        int err = io->write(io->context, fd, pieces, piece_count, offset, &written);
        if (err != 0) {
            return err;
        }
        offset += written;
        pieces_pass(&pieces, &piece_count, written);
    }
    return 0;
}

int segment_read(const struct store_io *io, int fd, void *bytes, size_t len, uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        size_t got = 0;
        int err = io->read(io->context, fd, (char *)bytes + done, len - done, offset + done, &got);
        if (err == 0 && got == 0) {
            err = -EBADMSG;
        }
        if (err != 0) {
            return err;
        }
        done += got;
    }
    return 0;
}

/* A frame that reaches beyond the end was never written whole. */
static bool fits(const struct segment_walk *walk, uint64_t offset, const struct frame *frame)
{
    return frame_bytes(frame) <= walk->end - offset;
}

/* The first frame in what was read from `base`; -ENODATA if there is none. */
static int find_in_scratch(struct segment_walk *walk, uint64_t base, size_t len,
                           struct frame *frame)
{
    struct frame found;
    size_t at = 0;
    while (at < len) {
        at += frame_find((struct slu_bytes){walk->scratch + at, len - at}, walk->salt);
        if (at < len && frame_decode(walk->scratch + at, walk->salt, &found) &&
            fits(walk, base + at, &found)) {
            walk->offset = base + at;
            *frame = found;
            return 0;
        }
        at++;
    }
    return -ENODATA;
}

static int find_behind(struct segment_walk *walk, uint64_t base, struct frame *frame)
{
    while (base < walk->end && walk->end - base >= FRAME_HEADER_BYTES) {
        uint64_t left = walk->end - base;
        size_t len = left < SEGMENT_SCRATCH_BYTES ? (size_t)left : SEGMENT_SCRATCH_BYTES;
        int err = segment_read(walk->io, walk->fd, walk->scratch, len, base);
        if (err == 0) {
            err = find_in_scratch(walk, base, len, frame);
        }
        if (err != -ENODATA) {
            return err;
        }
        base += len - FRAME_HEADER_BYTES + 1; /* a header may lie across the edge */
    }
    walk->offset = walk->end;
    return -ENODATA;
}

int segment_walk_find(struct segment_walk *walk, struct frame *frame)
{
    if (walk->offset >= walk->end) {
        return -ENODATA;
    }
    if (walk->end - walk->offset >= FRAME_HEADER_BYTES) {
        unsigned char header[FRAME_HEADER_BYTES];
        int err = segment_read(walk->io, walk->fd, header, sizeof(header), walk->offset);
        if (err != 0) {
            return err;
        }
        struct frame found;
        if (frame_decode(header, walk->salt, &found) && fits(walk, walk->offset, &found)) {
            *frame = found;
            return 0;
        }
    }
    return find_behind(walk, walk->offset + 1, frame);
}

static int payload_read(void *arg, uint64_t offset, void *bytes, size_t len)
{
    const struct segment_walk *walk = arg;
    return segment_read(walk->io, walk->fd, bytes, len, walk->offset + FRAME_HEADER_BYTES + offset);
}

int segment_walk_check(struct segment_walk *walk, const struct frame *frame)
{
    uint64_t hash = 0;
    int err = frame_hash_pieces(frame->payload_bytes, payload_read, walk, walk->scratch,
                                SEGMENT_SCRATCH_BYTES, &hash);
    if (err != 0) {
        return err;
    }
    return hash == frame->payload_hash ? 0 : -EBADMSG;
}

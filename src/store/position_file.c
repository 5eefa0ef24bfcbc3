/*
 * The file is two slots, each at the beginning of a page of its own; little endian, no padding:
 *
 *     offset  bytes  what
 *          0     32  the first slot: odd generations
 *       4096     32  the second slot: even generations
 *
 * and a slot is
 *
 *          0      8  magic "SLQPOSN\n"
 *          8      4  version, 1
 *         12      4  check: the lower half of XXH3-64 over the slot with zeros here
 *         16      8  generation, from 1
 *         24      8  sequence: all frames with a lower one are done with
 */
#include "store/position_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "store/little_endian.h"
#include "store/segment_file.h"
#include "store/store_io.h"

#define MAGIC             UINT64_C(0x0a4e534f50514c53) /* "SLQPOSN\n" */
#define VERSION           1
#define SLOT_BYTES        ((size_t)32)
#define SLOT_DISTANCE     4096
#define CHECK_OFFSET      12
#define POSITION_PATH_MAX 4096

static uint32_t slot_check(const unsigned char *slot)
{
    unsigned char bytes[SLOT_BYTES];
    memcpy(bytes, slot, sizeof(bytes));
    put_32(bytes + CHECK_OFFSET, 0);
    const struct slu_bytes whole = {bytes, sizeof(bytes)};
    return (uint32_t)frame_hash(&whole, 1);
}

static uint64_t slot_offset(uint64_t generation)
{
    return generation % 2 == 1 ? 0 : SLOT_DISTANCE;
}

static bool is_blank(const unsigned char *slot)
{
    static const unsigned char zeros[SLOT_BYTES];
    return memcmp(slot, zeros, sizeof(zeros)) == 0;
}

static void slot_take(const unsigned char *slot, struct position_file *file)
{
    if (get_64(slot) != MAGIC || get_32(slot + 8) != VERSION ||
        get_32(slot + CHECK_OFFSET) != slot_check(slot)) {
        file->damaged_count += !is_blank(slot);
        return;
    }
    if (get_64(slot + 16) > file->generation) {
        file->generation = get_64(slot + 16);
        file->sequence = get_64(slot + 24);
    }
}

static int slots_read(const struct store_io *io, struct position_file *file)
{
    uint64_t size_bytes = 0;
    int err = io->size(io->context, file->fd, &size_bytes);
    for (uint64_t generation = 1; generation <= 2 && err == 0; generation++) {
        unsigned char slot[SLOT_BYTES];
        if (slot_offset(generation) + SLOT_BYTES <= size_bytes) {
            err = segment_read(io, file->fd, slot, sizeof(slot), slot_offset(generation));
            if (err == 0) {
                slot_take(slot, file);
            }
        }
    }
    return err;
}

int position_file_open(const struct segment_directory *directory, struct position_file *file)
{
    const struct store_io *io = directory->io;
    struct position_file opened = {.fd = -1};
    char path[POSITION_PATH_MAX];
    int err = segment_path(directory, POSITION_FILE_NAME, path, sizeof(path));
    if (err == 0) {
        err = io->open(io->context, path, STORE_OPEN_CREATE, &opened.fd);
    }
    if (err != 0) {
        return err;
    }
    err = slots_read(io, &opened);
    if (err == 0) {
        err = io->sync_directory(io->context, directory->path);
    }
    if (err != 0) {
        io->close(io->context, opened.fd);
        return err;
    }
    *file = opened;
    return 0;
}

int position_file_write(const struct segment_directory *directory, struct position_file *file,
                        uint64_t sequence)
{
    unsigned char slot[SLOT_BYTES];
    uint64_t generation = file->generation + 1;
    put_64(slot, MAGIC);
    put_32(slot + 8, VERSION);
    put_32(slot + CHECK_OFFSET, 0);
    put_64(slot + 16, generation);
    put_64(slot + 24, sequence);
    put_32(slot + CHECK_OFFSET, slot_check(slot));
    struct iovec piece = {.iov_base = slot, .iov_len = sizeof(slot)};
    int err = segment_write(directory->io, file->fd, &piece, 1, slot_offset(generation));
    if (err == 0) {
        err = directory->io->sync(directory->io->context, file->fd);
    }
    if (err == 0) {
        file->generation = generation;
        file->sequence = sequence;
    }
    return err;
}

void position_file_close(const struct segment_directory *directory, struct position_file *file)
{
    directory->io->close(directory->io->context, file->fd);
    file->fd = -1;
}

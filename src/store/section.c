/*
 * A piece in the file:
 *
 *      offset  bytes
 *           0      n  stored_bytes: the piece, or one zstd frame that gives plain_bytes
 *           n      8  XXH3_64 of them, seeded with the file's salt and the piece's offset
 *
 * Where it lies is told apart from it, as 16 bytes:
 *
 *           0      8  offset in the file
 *           8      4  stored_bytes
 *          12      4  plain_bytes
 */
#include "store/section.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/hash.h"
#include "codec/zstd_frame.h"
#include "store/little_endian.h"
#include "store/segment_file.h"
#include "store/store_io.h"

#define BUFFER_BYTES ((size_t)256 * 1024)

void piece_encode(const struct piece *piece, unsigned char *bytes)
{
    put_64(bytes, piece->offset);
    put_32(bytes + 8, piece->stored_bytes);
    put_32(bytes + 12, piece->plain_bytes);
}

void piece_decode(const unsigned char *bytes, struct piece *piece)
{
    piece->offset = get_64(bytes);
    piece->stored_bytes = get_32(bytes + 8);
    piece->plain_bytes = get_32(bytes + 12);
}

static uint64_t piece_check(struct slu_bytes stored, uint64_t salt, uint64_t offset)
{
    return hash_bytes(stored, salt ^ offset);
}

int section_writer_init(struct section_writer *writer, const struct store_io *io, int fd,
                        uint64_t offset, uint64_t salt, struct slu_budget *budget)
{
    void *memory = NULL;
    size_t packed_bytes = zstd_packed_max(SECTION_PACKED_MAX);
    *writer = (struct section_writer){.io = io,
                                      .budget = budget,
                                      .packed_size_bytes = packed_bytes,
                                      .offset = offset,
                                      .salt = salt,
                                      .fd = fd};
    int err = slu_budget_alloc(budget, BUFFER_BYTES + packed_bytes, &memory);
    if (err != 0) {
        return err;
    }
    writer->buffer = memory;
    writer->packed = writer->buffer + BUFFER_BYTES;
    err = zstd_packer_create(budget, SECTION_LEVEL_GOOD, SECTION_PACKED_MAX, &writer->packer);
    if (err != 0) {
        section_writer_deinit(writer);
    }
    return err;
}

void section_writer_deinit(struct section_writer *writer)
{
    zstd_packer_destroy(&writer->packer);
    slu_budget_free(writer->budget, writer->buffer, BUFFER_BYTES + writer->packed_size_bytes);
    writer->buffer = NULL;
}

static int file_write(struct section_writer *writer, struct slu_bytes bytes, uint64_t offset)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.len};
    return segment_write(writer->io, writer->fd, &piece, 1, offset);
}

int section_flush(struct section_writer *writer)
{
    if (writer->buffered_bytes == 0) {
        return 0;
    }
    int err = file_write(writer, (struct slu_bytes){writer->buffer, writer->buffered_bytes},
                         writer->offset - writer->buffered_bytes);
    if (err == 0) {
        writer->buffered_bytes = 0;
    }
    return err;
}

/* Large ones go past the buffer. */
static int bytes_append(struct section_writer *writer, struct slu_bytes bytes)
{
    if (bytes.len > BUFFER_BYTES - writer->buffered_bytes) {
        int err = section_flush(writer);
        if (err == 0 && bytes.len > BUFFER_BYTES) {
            err = file_write(writer, bytes, writer->offset);
            writer->offset += err == 0 ? bytes.len : 0;
            return err;
        }
        if (err != 0) {
            return err;
        }
    }
    if (bytes.len > 0) {
        memcpy(writer->buffer + writer->buffered_bytes, bytes.data, bytes.len);
    }
    writer->buffered_bytes += bytes.len;
    writer->offset += bytes.len;
    return 0;
}

/* The piece, packed if that makes it smaller. */
static int piece_pack(struct section_writer *writer, struct slu_bytes plain, int level,
                      struct slu_bytes *stored)
{
    size_t len = 0;
    *stored = plain;
    if (level == 0 || plain.len == 0 || plain.len > SECTION_PACKED_MAX) {
        return 0;
    }
    int err =
        zstd_pack(writer->packer, level, plain, writer->packed, writer->packed_size_bytes, &len);
    if (err == 0 && len < plain.len) {
        *stored = (struct slu_bytes){writer->packed, len};
    }
    return err;
}

int section_append(struct section_writer *writer, struct slu_bytes plain, int level,
                   struct piece *piece)
{
    struct slu_bytes stored;
    unsigned char check[PIECE_CHECK_BYTES];
    uint64_t offset = writer->offset;
    if (plain.len > PIECE_PLAIN_MAX) {
        return -EFBIG;
    }
    int err = piece_pack(writer, plain, level, &stored);
    if (err == 0) {
        err = bytes_append(writer, stored);
    }
    if (err == 0) {
        put_64(check, piece_check(stored, writer->salt, offset));
        err = bytes_append(writer, (struct slu_bytes){check, sizeof(check)});
    }
    if (err == 0) {
        *piece = (struct piece){.offset = offset,
                                .stored_bytes = (uint32_t)stored.len,
                                .plain_bytes = (uint32_t)plain.len};
    }
    return err;
}

static bool piece_is_within(const struct section_reader *reader, const struct piece *piece)
{
    uint64_t end = 0;
    return piece->plain_bytes <= PIECE_PLAIN_MAX && piece->stored_bytes <= piece->plain_bytes &&
           !__builtin_add_overflow(piece->offset, piece->stored_bytes + PIECE_CHECK_BYTES, &end) &&
           end <= reader->size_bytes;
}

/* The stored bytes and their check, in a block of their own. */
static int stored_read(const struct section_reader *reader, const struct piece *piece,
                       struct slu_budget *budget, struct block *out)
{
    size_t len = piece->stored_bytes + PIECE_CHECK_BYTES;
    struct block stored;
    int err = block_begin(budget, len, &stored);
    if (err != 0) {
        return err;
    }
    err = segment_read(reader->io, reader->fd, stored.data, len, piece->offset);
    if (err == 0) {
        const unsigned char *bytes = stored.data;
        uint64_t check = piece_check((struct slu_bytes){bytes, piece->stored_bytes}, reader->salt,
                                     piece->offset);
        err = check == get_64(bytes + piece->stored_bytes) ? 0 : -EBADMSG;
    }
    if (err != 0) {
        block_free(budget, &stored);
        return err;
    }
    stored.len = piece->stored_bytes;
    *out = stored;
    return 0;
}

int section_read(const struct section_reader *reader, const struct piece *piece,
                 struct slu_budget *budget, struct block *out)
{
    struct block stored;
    struct block plain;
    if (!piece_is_within(reader, piece)) {
        return -EBADMSG;
    }
    int err = stored_read(reader, piece, budget, &stored);
    if (err != 0) {
        return err;
    }
    if (piece->stored_bytes == piece->plain_bytes) {
        *out = stored;
        return 0;
    }
    err = block_begin(budget, piece->plain_bytes, &plain);
    if (err == 0) {
        err = zstd_unpack(budget, (struct slu_bytes){stored.data, stored.len}, plain.data,
                          piece->plain_bytes);
        if (err == 0) {
            plain.len = piece->plain_bytes;
            *out = plain;
        } else {
            block_free(budget, &plain);
        }
    }
    block_free(budget, &stored);
    return err;
}

int section_peek(const struct section_reader *reader, const struct piece *piece, size_t at,
                 void *bytes, size_t len)
{
    if (!piece_is_within(reader, piece) || piece->stored_bytes != piece->plain_bytes ||
        at > piece->plain_bytes || len > piece->plain_bytes - at) {
        return -EBADMSG;
    }
    return segment_read(reader->io, reader->fd, bytes, len, piece->offset + at);
}

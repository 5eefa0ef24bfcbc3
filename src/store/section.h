/*
 * Pieces of a part's file: written once, one behind the other, and read back at any offset. A piece
 * is compressed or not, and has a check, so that what is read is what was written or an error.
 */
#ifndef STORE_SECTION_H
#define STORE_SECTION_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct block;
struct slu_budget;
struct store_io;
struct zstd_packer;

/* Where a piece lies. */
struct piece {
    uint64_t offset;
    uint32_t stored_bytes; /* in the file, without its check */
    uint32_t plain_bytes;  /* equal to stored_bytes: it is not compressed */
};

#define PIECE_BYTES        ((size_t)16)       /* of piece_encode */
#define PIECE_CHECK_BYTES  ((size_t)8)        /* behind each piece in the file */
#define PIECE_PLAIN_MAX    ((size_t)16 << 20) /* larger ones are neither written nor read */
#define SECTION_LEVEL_FAST 1                  /* of zstd */
#define SECTION_LEVEL_GOOD 4
#define SECTION_PACKED_MAX ((size_t)256 * 1024) /* larger pieces are stored as they are */

void piece_encode(const struct piece *piece, unsigned char *bytes);
void piece_decode(const unsigned char *bytes, struct piece *piece);

/* Appends to one file. Lives in its owner; members are private but for `offset`. */
struct section_writer {
    const struct store_io *io;
    struct slu_budget *budget;
    struct zstd_packer *packer;
    unsigned char *buffer;
    unsigned char *packed;
    size_t packed_size_bytes;
    size_t buffered_bytes;
    uint64_t offset; /* of what is appended next */
    uint64_t salt;   /* of the checks */
    int fd;
};

/*
 * Begin to append to a file at `offset`.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until section_writer_deinit; the file stays the caller's
 */
SLU_MUST_USE int section_writer_init(struct section_writer *writer, const struct store_io *io,
                                     int fd, uint64_t offset, uint64_t salt,
                                     struct slu_budget *budget);
void section_writer_deinit(struct section_writer *writer);

/*
 * Append a piece.
 *
 * level    of zstd, up to SECTION_LEVEL_GOOD; 0: as it is. What compressing makes no smaller, and
 *          what is larger than SECTION_PACKED_MAX, is stored as it is.
 * Returns  0; -EFBIG past PIECE_PLAIN_MAX; -EDQUOT; -ENOMEM; an error of the system
 */
SLU_MUST_USE int section_append(struct section_writer *writer, struct slu_bytes plain, int level,
                                struct piece *piece);

/* Write what is buffered. Returns 0; an error of the system */
SLU_MUST_USE int section_flush(struct section_writer *writer);

/* A file that pieces are read from; the caller's. */
struct section_reader {
    const struct store_io *io;
    uint64_t size_bytes; /* of the file */
    uint64_t salt;
    int fd;
};

/*
 * Read a piece whole, and check it.
 *
 * out      empty; the caller frees it with the budget
 * Returns  0; -EBADMSG if it does not lie in the file or is not what was written; -EDQUOT; -ENOMEM;
 *          an error of the system
 * Threads  any
 */
SLU_MUST_USE int section_read(const struct section_reader *reader, const struct piece *piece,
                              struct slu_budget *budget, struct block *out);

/* Bytes in the middle of a piece that is not compressed; they are not checked. */
SLU_MUST_USE int section_peek(const struct section_reader *reader, const struct piece *piece,
                              size_t at, void *bytes, size_t len);

#endif

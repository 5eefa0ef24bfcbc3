/*
 * What the columns of a block are made of: pieces (bytes, compressed where that helps) and numbers
 * (a piece for each byte of their width). Sizes and counts of what is unpacked are the caller's.
 *
 * Formats  docs/formats/row-block.md
 */
#ifndef STORE_ROW_BLOCK_COLUMN_H
#define STORE_ROW_BLOCK_COLUMN_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/row_block.h"

struct slu_budget;

#define ROW_BLOCK_MAGIC        0x31425253u /* "SRB1" */
#define ROW_BLOCK_HEADER_BYTES ((size_t)8 + 4 * ROW_COLUMN_COUNT)

enum piece_method {
    PIECE_AS_IT_IS, /* 0 */
    PIECE_ONE_BYTE, /* all bytes are the one that stands in place of the size */
    PIECE_ZSTD,
};

enum texts_method {
    TEXTS_PLAINLY,
    TEXTS_IN_PATTERNS,
};

#define PIECE_HEADER_BYTES ((size_t)4)
#define PIECE_METHOD_SHIFT 30

struct column_packer {
    struct slu_budget *budget;
    struct block output; /* grows with what is packed */
    struct block memory;
    void *context; /* ZSTD_CCtx */
    unsigned char *packed;
    size_t packed_bytes;
    uint64_t *numbers; /* for the caller, and used up by packing them */
    unsigned char *plane;
};

/*
 * Begin to pack columns of up to `row_count` rows, and of up to `column_bytes`.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int column_packer_init(struct column_packer *packer, struct slu_budget *budget,
                                    int level, size_t row_count, size_t column_bytes);

/* Frees `output` too, unless the caller has taken it. */
void column_packer_deinit(struct column_packer *packer);

/* Each of them appends to the output. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int pack_bytes(struct column_packer *packer, const void *bytes, size_t len);
SLU_MUST_USE int pack_piece(struct column_packer *packer, struct slu_bytes plain);
SLU_MUST_USE int pack_numbers(struct column_packer *packer, size_t count);

/* Memory is kept from one block to the next, and taken anew where it is too small. */
struct column_unpacker {
    const unsigned char *at;
    const unsigned char *end;
    struct slu_budget *budget;
    struct block memory;
    struct block column;  /* what a column needs until it is unpacked */
    void *context;        /* ZSTD_DCtx */
    unsigned char *plane; /* a byte for each row */
    uint32_t *numbers;    /* two for each row, for the caller */
};

/*
 * Begin a block of `row_count` rows; the first time all is zero but for the budget.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int column_unpacker_begin(struct column_unpacker *unpacker, size_t row_count);
void column_unpacker_deinit(struct column_unpacker *unpacker);

/* Make `memory` at least as large; what is in it is lost. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int memory_room(struct slu_budget *budget, size_t size_bytes, struct block *memory);

/* Each of them takes what it reads off the front of what is left. Returns 0; -EBADMSG */
SLU_MUST_USE int unpack_bytes(struct column_unpacker *unpacker, void *bytes, size_t len);
SLU_MUST_USE int unpack_piece(struct column_unpacker *unpacker, void *plain, size_t plain_bytes);
SLU_MUST_USE int unpack_numbers_64(struct column_unpacker *unpacker, uint64_t *numbers,
                                   size_t count);
SLU_MUST_USE int unpack_numbers_32(struct column_unpacker *unpacker, uint32_t *numbers,
                                   size_t count);

#endif

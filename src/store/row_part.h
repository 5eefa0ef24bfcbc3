/*
 * Rows in parts: what the index keeps of a stream, and writing the rows of one. A block has rows of
 * one stream, and the blocks of a stream follow one another.
 */
#ifndef STORE_ROW_PART_H
#define STORE_ROW_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "store/part_writer.h"
#include "store/row_block.h"

/* Plain bytes after which a block is ended. */
#define ROW_PART_BLOCK_BYTES ((size_t)2 << 20)

/* What the index keeps of a stream. */
struct row_blocks {
    uint32_t first;
    uint32_t count;
    uint64_t row_count;
};

/* False if the value is not right. */
bool row_blocks_read(struct slu_bytes value, struct row_blocks *blocks);

uint64_t row_key_hash(struct slu_bytes key);

/* Lives in its owner; members are private. */
struct row_part_writer {
    struct part_writer part;
    struct row_block_writer *block;
    struct slu_budget *budget;
    uint32_t first_block; /* of the current stream */
    uint64_t row_count;
};

/* As part_writer_begin. level  of the blocks' compression */
SLU_MUST_USE int row_part_begin(struct row_part_writer *writer,
                                const struct segment_directory *directory,
                                const struct part_name *name, uint32_t signal, int level,
                                uint64_t salt, struct slu_budget *budget);

/* Add a row of the current stream. Returns 0; -E2BIG; -EDQUOT; -ENOMEM; an error of the system */
SLU_MUST_USE int row_part_add(struct row_part_writer *writer, const struct row *row);

/*
 * Add a block of another part as it is, to the current stream.
 *
 * block    its keys, unpacked
 * Returns  as row_part_add
 */
SLU_MUST_USE int row_part_copy(struct row_part_writer *writer, struct slu_bytes stored,
                               struct slu_bytes filter, const struct part_block *place,
                               const struct row_block *block);

/* The current stream is complete; one without rows is left out. */
SLU_MUST_USE int row_part_stream(struct row_part_writer *writer, struct slu_bytes labels);

/* As part_writer_end. */
SLU_MUST_USE int row_part_end(struct row_part_writer *writer, struct part *part);
void row_part_abort(struct row_part_writer *writer);

#endif

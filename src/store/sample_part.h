/*
 * Samples in parts: what the index keeps of a series, and writing the samples of one.
 */
#ifndef STORE_SAMPLE_PART_H
#define STORE_SAMPLE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/part_writer.h"
#include "store/sample_block.h"

/* A chunk of a series, as the index keeps it. */
struct sample_chunk {
    uint32_t block; /* of the part */
    uint32_t chunk; /* of the block */
    uint32_t count;
    uint32_t kind; /* enum store_sample_kind */
    int64_t min_ms;
    int64_t max_ms;
};

/* Take a chunk off the front of a series' value; false at the end, or where it is not right. */
bool sample_chunk_next(struct slu_bytes *rest, struct sample_chunk *chunk);

/* Lives in its owner; members are private. */
struct sample_part_writer {
    struct part_writer part;
    struct sample_block_writer *block;
    struct slu_budget *budget;
    struct block value; /* of the series that is being added */
    uint64_t record_count;
    int64_t min_ms; /* of the block that is being filled */
    int64_t max_ms;
};

/* As part_writer_begin. level  of the blocks' compression */
SLU_MUST_USE int sample_part_begin(struct sample_part_writer *writer,
                                   const struct segment_directory *directory,
                                   const struct part_name *name, int level, uint64_t salt,
                                   struct slu_budget *budget);

/*
 * Add samples of the current series, of kind 0, or messages of another kind. All of a kind come in
 * the order of time; kinds ascend.
 *
 * Returns  0; -EINVAL; -E2BIG; -EDQUOT; -ENOMEM; an error of the system
 */
SLU_MUST_USE int sample_part_add(struct sample_part_writer *writer, const struct sample *samples,
                                 size_t count);
SLU_MUST_USE int sample_part_add_messages(struct sample_part_writer *writer, uint32_t kind,
                                          const struct sample_message *messages, size_t count);

/* The current series is complete; one without samples is left out. */
SLU_MUST_USE int sample_part_series(struct sample_part_writer *writer, struct slu_bytes labels);

/* As part_writer_end. */
SLU_MUST_USE int sample_part_end(struct sample_part_writer *writer, struct slu_bytes metadata,
                                 struct part *part);
void sample_part_abort(struct sample_part_writer *writer);

#endif

/*
 * Samples of series, many together in a block: times and values as columns that compress well.
 *
 * A chunk is samples of one series in the order of their times. A block holds chunks, and is
 * decoded as a whole. Its bytes are compressed within (zstd, or an entropy coder of its own):
 * whoever stores them need not try again.
 *
 * Chunks are of numbers (times and doubles, any bit pattern, NaNs with their payloads among them:
 * what is read equals what was written to the bit) or of messages (times and bytes: exponential
 * histograms, exemplars).
 *
 * Formats  docs/formats/sample-block.md
 */
#ifndef STORE_SAMPLE_BLOCK_H
#define STORE_SAMPLE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct block;
struct slu_budget;
struct sample_block_writer;

#define SAMPLE_BLOCK_PLAIN_MAX ((size_t)1 << 20) /* decoded columns of one block, at the most */
#define SAMPLE_CHUNK_MAX       8192              /* samples of one chunk */

struct sample {
    int64_t time_ms; /* since 1970 */
    double value;
};

struct sample_message {
    int64_t time_ms;
    struct slu_bytes bytes;
};

enum sample_kind {
    SAMPLE_NUMBERS,
    SAMPLE_MESSAGES,
};

/*
 * Make a writer, which is used for block after block; all its memory is taken here.
 *
 * level    of zstd
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int sample_block_writer_create(struct slu_budget *budget, int level,
                                            struct sample_block_writer **out);
void sample_block_writer_destroy(struct sample_block_writer **writer);

/*
 * Add a chunk to the block; it becomes the block's chunk of the number that is told. Times ascend,
 * strictly.
 *
 * Returns  0; -ENOBUFS if the block has no room for it: end the block, and add it to the next
 *          (an empty block has room for every chunk of SAMPLE_CHUNK_MAX numbers, and for every
 *          chunk of one message of up to 64 KiB); -EINVAL if count is 0 or too large, or times do
 *          not ascend; -EDQUOT, -ENOMEM: the writer can only be destroyed
 */
SLU_MUST_USE int sample_block_add(struct sample_block_writer *writer, const struct sample *samples,
                                  size_t count, uint32_t *chunk);
SLU_MUST_USE int sample_block_add_messages(struct sample_block_writer *writer,
                                           const struct sample_message *messages, size_t count,
                                           uint32_t *chunk);

/* How many bytes of columns wait in the block; 0: it is empty. */
size_t sample_block_pending_bytes(const struct sample_block_writer *writer);

/*
 * End the block: its bytes are valid until the next call on the writer, which then begins another.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int sample_block_end(struct sample_block_writer *writer, struct slu_bytes *bytes);

/* A block that was decoded: views into the memory that it was decoded to. */
struct sample_block {
    struct slu_bytes plain;
    const void *chunks; /* private */
    uint32_t chunk_count;
};

/*
 * Decode a block's columns into `memory`, an empty block (base/block.h) that the caller frees.
 *
 * Returns  0; -EBADMSG for bytes that are no block, whatever they are; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int sample_block_decode(struct slu_bytes bytes, struct slu_budget *budget,
                                     struct block *memory, struct sample_block *out);

/* Whole numbers that are walked: private. */
struct sample_numbers {
    const unsigned char *planes[8]; /* bytes of what is left of each, the lowest first; or NULL */
    uint64_t value;
    uint64_t step;
    uint64_t base;
    uint8_t order; /* of differences: 1 or 2 */
};

/* Walks one chunk. Members are private but for `count` and `kind`. */
struct sample_cursor {
    struct sample_numbers times;
    struct sample_numbers values; /* of numbers */
    struct slu_bytes messages;
    double scale; /* values are whole numbers of its reciprocal; 0: they are bit patterns, XORed */
    uint32_t at;
    uint32_t count; /* samples of the chunk */
    enum sample_kind kind;
};

/* Returns 0; -ENOENT: there is no such chunk; -EBADMSG */
SLU_MUST_USE int sample_block_chunk(const struct sample_block *block, uint32_t chunk,
                                    struct sample_cursor *cursor);

/* Returns 0; -ENODATA at the end; -EBADMSG. `bytes` of messages lie in the block. */
SLU_MUST_USE int sample_next(struct sample_cursor *cursor, struct sample *sample);
SLU_MUST_USE int sample_next_message(struct sample_cursor *cursor, struct sample_message *message);

#endif

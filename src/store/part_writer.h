/*
 * Writes one part: blocks, then the streams that have them, in the order of their labels; at the
 * end the indexes and the footer. A file that was not written to its end is no part.
 */
#ifndef STORE_PART_WRITER_H
#define STORE_PART_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/part_file.h"

struct label_index_writer;
struct part;

/* Lives in its owner; members are private but for `facts`. */
struct part_writer {
    struct segment_directory directory;
    struct slu_budget *budget;
    struct section_writer section;
    struct label_index_writer *index;
    struct block blocks; /* rows of the directory */
    struct block keys;   /* struct part_key each */
    struct part_facts facts;
    struct part_name name;
    int fd;
};

/*
 * Begin a part. A file of its name, from a try that failed, goes.
 *
 * Returns  0; -EDQUOT; -ENOMEM; an error of the system, and no file is left
 * Owner    the caller, until part_writer_end or part_writer_abort
 */
SLU_MUST_USE int part_writer_begin(struct part_writer *writer,
                                   const struct segment_directory *directory,
                                   const struct part_name *name, uint32_t signal, uint64_t salt,
                                   struct slu_budget *budget);

/* Add a block, which is compressed in itself. Returns 0; -EFBIG; -EDQUOT; -ENOMEM; of the system */
SLU_MUST_USE int part_writer_block(struct part_writer *writer, struct slu_bytes data,
                                   struct slu_bytes filter, int64_t min_ns, int64_t max_ns,
                                   uint32_t *block);

/* That a block has a key, by its hash; the same block's may come again. Returns 0; -EDQUOT; ... */
SLU_MUST_USE int part_writer_key(struct part_writer *writer, uint64_t hash, uint32_t block);

/* Add a stream; as label_index_add. */
SLU_MUST_USE int part_writer_stream(struct part_writer *writer, struct slu_bytes labels,
                                    struct slu_bytes value, uint64_t record_count);

/*
 * Write the rest, and wait until the file and its name are on disk. After an error it is aborted.
 *
 * metadata  kept with it; may be empty
 * part      what was prepared for it: its facts are filled in
 * Returns   0; as above
 */
SLU_MUST_USE int part_writer_end(struct part_writer *writer, struct slu_bytes metadata,
                                 struct part *part);

/* Give up: the file goes. */
void part_writer_abort(struct part_writer *writer);

#endif

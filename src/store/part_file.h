/*
 * Parts: files that are written once and only read from then on. A part has the samples or rows of
 * one signal and one day of UTC that came with a range of messages.
 *
 * Formats  docs/formats/part.md
 */
#ifndef STORE_PART_FILE_H
#define STORE_PART_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "store/label_index.h"
#include "store/section.h"
#include "store/segment_file.h"

struct block;
struct slu_budget;

#define PART_NAME_MAX      64 /* bytes of a name, with the final zero */
#define PART_HEADER_BYTES  ((uint64_t)32)
#define PART_FOOTER_BYTES  ((size_t)192)
#define PART_DAY_NS        INT64_C(86400000000000)
#define PART_BLOCK_BYTES   ((size_t)48) /* of a row in the directory of blocks */
#define PART_BLOCK_MAX     ((uint32_t)(PIECE_PLAIN_MAX / PART_BLOCK_BYTES))
#define PART_KEY_BYTES     ((size_t)12)
#define PART_KEY_PAGE_ROWS 4096 /* keys of one page */

/* What a name says. Sequences are those of the signal's log: inclusive, both. */
struct part_name {
    int64_t day; /* since 1970 */
    uint64_t first_sequence;
    uint64_t last_sequence;
};

void part_name_write(const struct part_name *name, char text[PART_NAME_MAX]);
bool part_name_parse(const char *text, struct part_name *name);

/* The day of a time, also before 1970. */
int64_t part_day(int64_t time_ns);

/* Whether `outer` was merged from `inner`, or would be written again from its messages. */
bool part_name_covers(const struct part_name *outer, const struct part_name *inner);

/* What the footer says. */
struct part_facts {
    uint32_t signal;
    uint32_t block_count;
    int64_t min_ns; /* of what is in it; inclusive, both */
    int64_t max_ns;
    uint64_t record_count;
    struct label_index_root index;
    struct piece blocks;     /* the directory: block_count rows, see part_block */
    struct piece keys;       /* the directory of pages of keys; empty: there are none */
    struct piece key_filter; /* as a filter of words has it (token_filter.h) */
    struct piece metadata;
};

/* A block of samples or rows. */
struct part_block {
    struct piece data;
    struct piece filter; /* of words; empty: none */
    int64_t min_ns;
    int64_t max_ns;
};

void part_block_encode(const struct part_block *block, unsigned char *bytes);
void part_block_decode(const unsigned char *bytes, struct part_block *block);

/* The header and the footer of a file with this salt. */
void part_header_encode(uint32_t signal, uint64_t salt, unsigned char *bytes);
void part_footer_encode(const struct part_facts *facts, uint64_t salt, unsigned char *bytes);

/*
 * Read what an open file says of itself.
 *
 * Returns  0; -EBADMSG if it is no part that was written to its end; an error of the system
 */
SLU_MUST_USE int part_facts_read(const struct store_io *io, int fd, struct section_reader *section,
                                 struct part_facts *facts);

#endif

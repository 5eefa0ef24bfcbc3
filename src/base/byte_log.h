/*
 * A store for byte strings of different lengths in one block of memory, without fragmentation: a
 * circular log that is compacted as it is written to.
 *
 * Each string belongs to an owner, a number below owner_count, by which it is found wherever it
 * moves. Any string is taken as long as the strings held, with RECORD overhead each, stay within
 * the capacity; the block is 4/3 of that and a little. Strings move only within byte_log_put, which
 * copies at most about eight times the length of what it adds.
 *
 * Source  Rosenblum and Ousterhout, "The design and implementation of a log-structured file
 *         system", TOCS 1992, for memory as in Rumble, Kejriwal and Ousterhout, "Log-structured
 *         memory for DRAM-based storage", FAST 2014; the bound is derived in byte_log.c
 */
#ifndef BASE_BYTE_LOG_H
#define BASE_BYTE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/golden.h"
#include "base/layout.h"

#define BYTE_LOG_STRING_BYTES_MAX ((uint32_t)1 << 16)
#define BYTE_LOG_OWNERS_MAX       ((uint32_t)1 << 28)
#define BYTE_LOG_BYTES_MAX        ((uint64_t)1 << 33)

/* Limits that a caller keeps; the log asserts them. */
struct byte_log_options {
    uint64_t bytes_max;        /* of all strings together, at most BYTE_LOG_BYTES_MAX */
    uint32_t string_bytes_max; /* at most BYTE_LOG_STRING_BYTES_MAX */
    uint32_t owner_count;      /* 1 to BYTE_LOG_OWNERS_MAX; each has at most one string at a time */
};

/*
 * Lies in its structure; `bytes` and `places` in that one's block. head and tail count bytes since
 * the beginning and never wrap; position p lies at p modulo size_bytes. All records lie between
 * tail and head; the rest of the block is the gap.
 */
struct byte_log {
    unsigned char *bytes;
    uint32_t *places; /* by owner: the record's offset in units of 8 bytes */
    uint64_t size_bytes;
    uint64_t head;
    uint64_t tail;
    uint64_t gap_wanted_bytes; /* with less, byte_log_put compacts */
    uint64_t live_bytes;       /* records of strings, with their headers and padding */
    uint64_t live_bytes_max;
    uint32_t string_bytes_max;
    uint32_t owner_count;
};
GOLDEN_LAYOUT(struct byte_log, 72, 0, 0, bytes, places, size_bytes, head, tail, gap_wanted_bytes,
              live_bytes, live_bytes_max, string_bytes_max, owner_count);

/* Where a log's arrays lie in a block. */
struct byte_log_parts {
    size_t bytes_at;
    size_t places_at;
};

struct byte_log_parts byte_log_plan(struct layout *layout, const struct byte_log_options *options);

/* Begin an empty log in zeroed memory: `parts` of `block`, as planned with the same options. */
void byte_log_init(struct byte_log *log, void *block, struct byte_log_parts parts,
                   const struct byte_log_options *options);

/*
 * Keep a copy of `string` for `owner`, who has none.
 *
 * Cost  O(string.len): the copy, and compaction that visits at most 8 times the record's size plus
 *       one record. Views from byte_log_get are outdated.
 */
void byte_log_put(struct byte_log *log, uint32_t owner, struct slu_bytes string);

/* Forget the string of `owner`. Constant; views of other strings stay valid. */
void byte_log_drop(struct byte_log *log, uint32_t owner);

/* The string of `owner`, who has one; valid until the next byte_log_put, or its own drop. */
struct slu_bytes byte_log_get(const struct byte_log *log, uint32_t owner);

/* Abort unless the records tile the log and every live one is where its owner finds it. */
void byte_log_validate(const struct byte_log *log);

#endif

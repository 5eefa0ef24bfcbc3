/*
 * The streams of a head that are open: their labels, by which they are found, and a record of the
 * owner's for each. Bounded in their number and in the bytes of their labels.
 *
 * Not locked: the owner does.
 */
#ifndef STORE_STREAM_TABLE_H
#define STORE_STREAM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/byte_log.h"
#include "base/hash_map.h"

struct slu_budget;

#define STREAM_NONE HASH_MAP_NONE

struct stream_table_options {
    uint32_t stream_max;
    uint64_t key_bytes_max; /* of all keys together */
    size_t record_bytes;    /* of the owner's record for each, a multiple of 8 */
};

/* Lives in its owner; members are private but for `count`, `slot_count` and `key_bytes`. */
struct stream_table {
    struct slu_budget *budget;
    size_t block_bytes;
    void *block;
    struct hash_map map;
    struct byte_log keys;
    uint64_t *hashes;  /* 0: the slot is free (a hash of 0 counts as 1) */
    uint32_t *free_at; /* slots that were dropped */
    unsigned char *records;
    size_t record_bytes;
    uint64_t key_bytes;
    uint64_t key_bytes_max;
    uint32_t stream_max;
    uint32_t slot_count; /* all streams are below */
    uint32_t free_count;
    uint32_t count;
};

/*
 * Make an empty table; its memory is mapped, and taken as it is used.
 *
 * Returns  0; -EOVERFLOW; -EDQUOT; -ENOMEM
 * Owner    the caller, until stream_table_deinit
 */
SLU_MUST_USE int stream_table_init(struct stream_table *table, struct slu_budget *budget,
                                   const struct stream_table_options *options);
void stream_table_deinit(struct stream_table *table);

/* The stream of a key; STREAM_NONE if it is not open. */
uint32_t stream_table_find(const struct stream_table *table, struct slu_bytes key, uint64_t hash);

/*
 * Add a key that is not there; its record is zeroed.
 *
 * Returns  0; -EDQUOT if there is no room for it
 * Cost     as byte_log_put: keys may move
 */
SLU_MUST_USE int stream_table_add(struct stream_table *table, struct slu_bytes key, uint64_t hash,
                                  uint32_t *stream);

/* Close a stream. */
void stream_table_drop(struct stream_table *table, uint32_t stream);

/* Its key: valid until the next stream_table_add. */
struct slu_bytes stream_table_key(const struct stream_table *table, uint32_t stream);

static inline bool stream_table_has(const struct stream_table *table, uint32_t stream)
{
    return stream < table->slot_count && table->hashes[stream] != 0;
}

static inline void *stream_table_record(const struct stream_table *table, uint32_t stream)
{
    return table->records + stream * table->record_bytes;
}

/*
 * The order of all open streams by their keys without the last `suffix_len` bytes, then by those,
 * in `streams`, which has room for `count`.
 */
void stream_table_sort(const struct stream_table *table, size_t suffix_len, uint32_t *streams);

#endif

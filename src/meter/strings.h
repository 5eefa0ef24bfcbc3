/*
 * Interned label values that are compared by readers without a lock while others come and go.
 *
 * A string is a chain of chunks that never move, written and read in atomic words. A reader that
 * holds on to nothing compares it first and then makes sure that who named the string still does:
 * a chunk is only written after its string's last owner has been marked as gone. (The strings of
 * sluice/intern.h are kept tighter, but move.)
 */
#ifndef METER_STRINGS_H
#define METER_STRINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/golden.h"
#include "base/hash_map.h"
#include "base/layout.h"

#define STRING_NONE        UINT32_MAX
#define STRING_CHUNK_WORDS 3
#define STRING_CHUNK_BYTES ((uint32_t)STRING_CHUNK_WORDS * 8)

struct string_chunk {
    _Atomic uint32_t next; /* STRING_NONE at the end; in free chunks the next free one */
    _Atomic uint32_t len;  /* of the string, in its first chunk */
    _Atomic uint64_t words[STRING_CHUNK_WORDS];
};
GOLDEN_LAYOUT(struct string_chunk, 32, 0, 0, next, len, words);

/* Lies in its owner, the arrays in the owner's block. One thread at a time changes it. */
struct strings {
    struct string_chunk *chunks;
    uint32_t *ref_counts; /* by first chunk */
    struct hash_map map;
    uint64_t seed;
    uint32_t chunk_count;
    uint32_t chunk_used_count;
    uint32_t chunk_fresh; /* from here on, chunks were never used */
    uint32_t chunk_free_first;
};
GOLDEN_LAYOUT(struct strings, 64, 0, 0, chunks, ref_counts, map, seed, chunk_count,
              chunk_used_count, chunk_fresh, chunk_free_first);

struct strings_parts {
    size_t chunks_at;
    size_t ref_counts_at;
    size_t map_at;
};

/* Reserve room for `chunk_count` chunks, 1 to HASH_MAP_CAPACITY_MAX. */
struct strings_parts strings_plan(struct layout *layout, uint32_t chunk_count);

/* Begin without strings, in zeroed memory planned for the same count. */
void strings_init(struct strings *strings, void *block, struct strings_parts parts,
                  uint32_t chunk_count, uint64_t seed);

/*
 * Find or add the string of `len` bytes, above 0, in whole words filled up with zeros, and count a
 * reference.
 *
 * Returns  0 with its number; -EDQUOT without room
 * Cost     O(len)
 */
int strings_ref(struct strings *strings, const uint64_t *words, uint32_t len, uint32_t *string);

/* Give a reference back; after the last one the string is gone. */
void strings_unref(struct strings *strings, uint32_t string);

/* Copy the string's whole words to `words`. Returns its length. Not while others change it. */
uint32_t strings_copy(const struct strings *strings, uint32_t string, uint64_t *words);

/* Abort unless chunks, counts and map agree. */
void strings_validate(const struct strings *strings);

/*
 * True if the string equals the words. Any thread at any time: for a string that is gone the answer
 * means nothing, and the call still ends.
 */
static inline bool strings_equal(const struct strings *strings, uint32_t string,
                                 const uint64_t *words, uint32_t len)
{
    const struct string_chunk *chunk = &strings->chunks[string];
    if (atomic_load_explicit(&chunk->len, memory_order_acquire) != len) {
        return false;
    }
    uint32_t word_count = (len + 7) / 8;
    for (uint32_t at = 0;;) {
        if (atomic_load_explicit(&chunk->words[at], memory_order_acquire) != *words++) {
            return false;
        }
        if (--word_count == 0) {
            return true;
        }
        if (++at == STRING_CHUNK_WORDS) {
            uint32_t next = atomic_load_explicit(&chunk->next, memory_order_acquire);
            if (next >= strings->chunk_count) {
                return false;
            }
            chunk = &strings->chunks[next];
            at = 0;
        }
    }
}

#endif

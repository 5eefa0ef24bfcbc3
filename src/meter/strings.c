#include "meter/strings.h"

#include <errno.h>

#include "base/assert.h"
#include "base/hash.h"
#include "meter/label_key.h"

struct strings_parts strings_plan(struct layout *layout, uint32_t chunk_count)
{
    return (struct strings_parts){
        .chunks_at =
            layout_add(layout, chunk_count, sizeof(struct string_chunk), GOLDEN_LINE_BYTES),
        .ref_counts_at = layout_add(layout, chunk_count, sizeof(uint32_t), sizeof(uint32_t)),
        .map_at = hash_map_plan(layout, chunk_count),
    };
}

void strings_init(struct strings *strings, void *block, struct strings_parts parts,
                  uint32_t chunk_count, uint64_t seed)
{
    unsigned char *bytes = block;
    void *chunks = bytes + parts.chunks_at;
    void *ref_counts = bytes + parts.ref_counts_at;
    *strings = (struct strings){
        .chunks = chunks,
        .ref_counts = ref_counts,
        .seed = seed,
        .chunk_count = chunk_count,
        .chunk_free_first = STRING_NONE,
    };
    hash_map_init(&strings->map, bytes + parts.map_at, chunk_count);
}

struct wanted {
    const struct strings *strings;
    const uint64_t *words;
    uint32_t len;
};

static bool string_matches(const void *context, uint32_t string)
{
    const struct wanted *wanted = context;
    return strings_equal(wanted->strings, string, wanted->words, wanted->len);
}

static uint64_t words_hash(const struct strings *strings, const uint64_t *words, uint32_t len)
{
    return hash_bytes((struct slu_bytes){words, len}, strings->seed);
}

static uint32_t chunk_take(struct strings *strings)
{
    uint32_t chunk = strings->chunk_free_first;
    if (chunk == STRING_NONE) {
        chunk = strings->chunk_fresh++;
    } else {
        strings->chunk_free_first =
            atomic_load_explicit(&strings->chunks[chunk].next, memory_order_relaxed);
    }
    strings->chunk_used_count++;
    return chunk;
}

static uint32_t chunks_of(uint32_t len)
{
    return (len + STRING_CHUNK_BYTES - 1) / STRING_CHUNK_BYTES;
}

/*
 * The releases keep these stores behind the mark that the chunk's last owner is gone: a reader that
 * sees one of them sees the mark.
 */
static uint32_t chunks_write(struct strings *strings, const uint64_t *words, uint32_t len)
{
    uint32_t word_count = key_words_of(len);
    uint32_t first = chunk_take(strings);
    struct string_chunk *chunk = &strings->chunks[first];
    atomic_store_explicit(&chunk->len, len, memory_order_release);
    for (uint32_t i = 0; i < word_count; i++) {
        if (i > 0 && i % STRING_CHUNK_WORDS == 0) {
            uint32_t next = chunk_take(strings);
            atomic_store_explicit(&chunk->next, next, memory_order_release);
            chunk = &strings->chunks[next];
            atomic_store_explicit(&chunk->len, 0, memory_order_release);
        }
        atomic_store_explicit(&chunk->words[i % STRING_CHUNK_WORDS], words[i],
                              memory_order_release);
    }
    atomic_store_explicit(&chunk->next, STRING_NONE, memory_order_release);
    return first;
}

int strings_ref(struct strings *strings, const uint64_t *words, uint32_t len, uint32_t *string)
{
    SLU_ASSERT(len > 0);
    uint64_t hash = words_hash(strings, words, len);
    struct wanted wanted = {strings, words, len};
    uint32_t found = hash_map_find(&strings->map, hash, string_matches, &wanted);
    if (found != HASH_MAP_NONE) {
        strings->ref_counts[found]++; /* by series, of which there are fewer than 2^32 */
        *string = found;
        return 0;
    }
    if (chunks_of(len) > strings->chunk_count - strings->chunk_used_count) {
        return -EDQUOT;
    }
    uint32_t first =
        strings->chunk_free_first != STRING_NONE ? strings->chunk_free_first : strings->chunk_fresh;
    if (hash_map_insert(&strings->map, hash, first) != 0) {
        return -EDQUOT;
    }
    *string = chunks_write(strings, words, len);
    SLU_ASSERT(*string == first);
    strings->ref_counts[first] = 1;
    return 0;
}

uint32_t strings_copy(const struct strings *strings, uint32_t string, uint64_t *words)
{
    const struct string_chunk *chunk = &strings->chunks[string];
    uint32_t len = atomic_load_explicit(&chunk->len, memory_order_relaxed);
    uint32_t word_count = key_words_of(len);
    for (uint32_t i = 0; i < word_count; i++) {
        if (i > 0 && i % STRING_CHUNK_WORDS == 0) {
            chunk = &strings->chunks[atomic_load_explicit(&chunk->next, memory_order_relaxed)];
        }
        words[i] =
            atomic_load_explicit(&chunk->words[i % STRING_CHUNK_WORDS], memory_order_relaxed);
    }
    return len;
}

void strings_unref(struct strings *strings, uint32_t string)
{
    SLU_ASSERT(strings->ref_counts[string] > 0);
    if (--strings->ref_counts[string] > 0) {
        return;
    }
    uint64_t words[KEY_WORDS_MAX];
    uint32_t len = strings_copy(strings, string, words);
    hash_map_remove(&strings->map, words_hash(strings, words, len), string);
    uint32_t last = string;
    uint32_t count = 1;
    for (;;) {
        uint32_t next = atomic_load_explicit(&strings->chunks[last].next, memory_order_relaxed);
        if (next == STRING_NONE) {
            break;
        }
        last = next;
        count++;
    }
    atomic_store_explicit(&strings->chunks[last].next, strings->chunk_free_first,
                          memory_order_release);
    strings->chunk_free_first = string;
    strings->chunk_used_count -= count;
}

void strings_validate(const struct strings *strings)
{
    uint32_t used = 0;
    uint32_t string_count = 0;
    hash_map_validate(&strings->map);
    for (uint32_t string = 0; string < strings->chunk_fresh; string++) {
        if (strings->ref_counts[string] == 0) {
            continue;
        }
        uint64_t words[KEY_WORDS_MAX];
        uint32_t len = strings_copy(strings, string, words);
        struct wanted wanted = {strings, words, len};
        uint64_t hash = words_hash(strings, words, len);
        SLU_ASSERT(hash_map_find(&strings->map, hash, string_matches, &wanted) == string);
        used += chunks_of(len);
        string_count++;
    }
    SLU_ASSERT(used == strings->chunk_used_count && string_count == strings->map.count);
    uint32_t free_count = strings->chunk_count - strings->chunk_fresh;
    for (uint32_t at = strings->chunk_free_first; at != STRING_NONE;) {
        at = atomic_load_explicit(&strings->chunks[at].next, memory_order_relaxed);
        free_count++;
    }
    SLU_ASSERT(free_count == strings->chunk_count - used);
}

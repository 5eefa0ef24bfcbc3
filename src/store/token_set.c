/*
 * Open addressing with linear probing, at most half full, grown by doubling. The home of a hash is
 * its highest bits: filters are written from the lowest line to the highest, and doubling moves
 * neighbours to neighbours.
 */
#include "store/token_filter.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "store/token_hash.h"
#include "store/token_words.h"

#define FIRST_SLOT_BITS 10
#define MOST_SLOT_BITS  28
#define PROBE_MAX       256 /* chance needs less: who gets there has chosen the words */
#define FILTER_BITS     10  /* of each word */

struct token_set {
    struct slu_budget *budget;
    uint64_t *slots; /* 0: free */
    unsigned slot_bits;
    bool is_spent; /* words were left out */
    size_t count;
    struct block filter; /* what was handed out */
};

static size_t slots_bytes(unsigned slot_bits)
{
    return sizeof(uint64_t) << slot_bits;
}

static int slots_begin(struct token_set *set, unsigned slot_bits)
{
    void *slots = NULL;
    int err = slu_budget_alloc(set->budget, slots_bytes(slot_bits), &slots);
    if (err == 0) {
        set->slots = slots;
        set->slot_bits = slot_bits;
    }
    return err;
}

int token_set_create(struct slu_budget *budget, struct token_set **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct token_set), &memory);
    if (err != 0) {
        return err;
    }
    struct token_set *set = memory;
    set->budget = budget;
    err = slots_begin(set, FIRST_SLOT_BITS);
    if (err != 0) {
        slu_budget_free(budget, set, sizeof(*set));
        return err;
    }
    *out = set;
    return 0;
}

void token_set_destroy(struct token_set **set)
{
    struct token_set *old = *set;
    *set = NULL;
    if (old != NULL) {
        struct slu_budget *budget = old->budget;
        slu_budget_free(budget, old->slots, slots_bytes(old->slot_bits));
        block_free(budget, &old->filter);
        slu_budget_free(budget, old, sizeof(*old));
    }
}

/* The slot that has the hash, or the free one where it belongs; NULL past PROBE_MAX. */
static inline uint64_t *slot_of(const struct token_set *set, uint64_t hash)
{
    size_t mask = ((size_t)1 << set->slot_bits) - 1;
    size_t home = (size_t)(hash >> (64 - set->slot_bits));
    for (size_t probe = 0; probe < PROBE_MAX; probe++) {
        uint64_t *slot = &set->slots[(home + probe) & mask];
        if (*slot == hash || *slot == 0) {
            return slot;
        }
    }
    return NULL;
}

static bool slots_grow(struct token_set *set)
{
    struct token_set old = *set;
    if (old.slot_bits == MOST_SLOT_BITS || slots_begin(set, old.slot_bits + 1) != 0) {
        return false;
    }
    bool fits = true;
    for (size_t i = 0; i < (size_t)1 << old.slot_bits && fits; i++) {
        uint64_t *slot = old.slots[i] == 0 ? NULL : slot_of(set, old.slots[i]);
        fits = old.slots[i] == 0 || slot != NULL;
        if (slot != NULL) {
            *slot = old.slots[i];
        }
    }
    slu_budget_free(set->budget, old.slots, slots_bytes(old.slot_bits));
    return fits;
}

static inline void set_add(struct token_set *set, uint64_t hash)
{
    uint64_t *slot = slot_of(set, hash);
    if (slot != NULL && *slot == hash) {
        return;
    }
    if (slot == NULL) {
        set->is_spent = true;
        return;
    }
    *slot = hash;
    set->count++;
    if (set->count > (size_t)1 << (set->slot_bits - 1) && !slots_grow(set)) {
        set->is_spent = true;
    }
}

/* Add the words that end in the window; returns where the last word that begins there begins. */
static size_t window_add(struct token_set *set, struct slu_bytes text, size_t offset, size_t begin,
                         uint64_t bits, bool *is_inside)
{
    const unsigned char *at = text.data;
    uint64_t edges = bits ^ (bits << 1 | *is_inside);
    if (!*is_inside && edges != 0) {
        begin = offset + (size_t)__builtin_ctzll(edges);
        edges &= edges - 1;
    }
    while (edges != 0) {
        size_t end = offset + (size_t)__builtin_ctzll(edges);
        edges &= edges - 1;
        set_add(set, token_hash_at(at + begin, end - begin, text.len - begin));
        if (edges != 0) {
            begin = offset + (size_t)__builtin_ctzll(edges);
            edges &= edges - 1;
        }
    }
    *is_inside = bits >> (WORD_WINDOW_BYTES - 1) != 0;
    return begin;
}

void token_set_add_words(struct token_set *set, struct slu_bytes text)
{
    const unsigned char *at = text.data;
    size_t begin = 0;
    bool is_inside = false;
    for (size_t offset = 0; offset < text.len && !set->is_spent; offset += WORD_WINDOW_BYTES) {
        uint64_t bits = word_window_at(at + offset, text.len - offset).words;
        begin = window_add(set, text, offset, begin, bits, &is_inside);
    }
    if (is_inside && !set->is_spent) {
        set_add(set, token_hash_at(at + begin, text.len - begin, text.len - begin));
    }
}

size_t token_set_count(const struct token_set *set)
{
    return set->count;
}

static void filter_fill(const struct token_set *set, unsigned char *lines, size_t size_bytes)
{
    for (size_t i = 0; i < (size_t)1 << set->slot_bits; i++) {
        uint64_t hash = set->slots[i];
        if (hash != 0) {
            token_line_add(lines + token_filter_line(size_bytes, hash), hash);
        }
    }
}

struct slu_bytes token_set_filter(struct token_set *set)
{
    size_t line_bits = 8 * TOKEN_FILTER_LINE_BYTES;
    size_t lines = (set->count * FILTER_BITS + line_bits - 1) / line_bits;
    size_t size_bytes = (lines == 0 ? 1 : lines) * TOKEN_FILTER_LINE_BYTES;
    block_free(set->budget, &set->filter);
    if (!set->is_spent && block_begin(set->budget, size_bytes, &set->filter) == 0) {
        set->filter.len = size_bytes;
        filter_fill(set, set->filter.data, size_bytes);
    }
    memset(set->slots, 0, slots_bytes(set->slot_bits));
    set->count = 0;
    set->is_spent = false;
    return (struct slu_bytes){set->filter.data, set->filter.len};
}

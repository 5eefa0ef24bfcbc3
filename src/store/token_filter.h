/*
 * Whether a text may have a word: a Bloom filter of the words of a block's texts, in lines of 64
 * bytes, so that asking it on disk is one short read.
 *
 * A word is a longest run of ASCII letters, digits, '_', and bytes from 0x80 on.
 *
 * Source  Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", 2009
 */
#ifndef STORE_TOKEN_FILTER_H
#define STORE_TOKEN_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_budget;
struct token_set;

#define TOKEN_FILTER_LINE_BYTES 64

/* Take the next word off the front of `rest`; false when there is none. */
bool token_next(struct slu_bytes *rest, struct slu_bytes *token);

uint64_t token_hash(struct slu_bytes token);

/* Which line of a filter of `filter_bytes` a word is in: the offset of its 64 bytes. */
size_t token_filter_line(size_t filter_bytes, uint64_t hash);

/* Whether the line may have it. An empty filter (0 bytes) has everything: ask no line of it. */
bool token_line_has(const unsigned char *line, uint64_t hash);

/* Put it there; for filters of other things than words. */
void token_line_add(unsigned char *line, uint64_t hash);

/*
 * A set of the hashes of words, from which a filter is made. Grows within the budget; when that is
 * spent the filter becomes empty: it says "perhaps" to all.
 */
SLU_MUST_USE int token_set_create(struct slu_budget *budget, struct token_set **out);
void token_set_destroy(struct token_set **set);
void token_set_add_words(struct token_set *set, struct slu_bytes text);
size_t token_set_count(const struct token_set *set);

/* The filter of what was added: valid until the next call; the set is empty then. */
struct slu_bytes token_set_filter(struct token_set *set);

/*
 * The words that a text must have if it has `needle` in it: all but the first and the last, which
 * may be parts of longer words, unless the needle shows their ends.
 *
 * Returns  how many were put in `hashes`, `count_max` at the most
 */
size_t token_needle_hashes(struct slu_bytes needle, uint64_t *hashes, size_t count_max);

#endif

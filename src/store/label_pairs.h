/*
 * The labels of a part that is written, each once, and which streams have it: all that the writer
 * of an index keeps in memory until the end.
 *
 * Lives in its owner; members are for label_pairs.c and label_posting_writer.c.
 */
#ifndef STORE_LABEL_PAIRS_H
#define STORE_LABEL_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/labels.h"

struct section_writer;
struct piece;
struct slu_budget;

/* A name with a value. */
struct label_pair {
    uint32_t text_at; /* in `texts`, in the form of labels.h */
    uint32_t text_len;
    uint32_t stream_count;
    uint32_t first; /* of its streams, once they are sorted */
};

struct label_pairs {
    struct slu_budget *budget;
    uint64_t seed; /* of the hash */
    struct block texts;
    struct block pairs; /* struct label_pair */
    struct block marks; /* varints, for each stream: its pairs' numbers from 1, then 0 */
    struct block slots; /* hash table of numbers of pairs */
    uint32_t stream_count;
};

/* Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int label_pairs_init(struct label_pairs *pairs, struct slu_budget *budget,
                                  uint64_t seed);
void label_pairs_deinit(struct label_pairs *pairs);

/* Add the labels of the next stream, which are right. Returns 0; -E2BIG; -EDQUOT; -ENOMEM */
SLU_MUST_USE int label_pairs_add(struct label_pairs *pairs, struct slu_bytes labels);

static inline uint32_t label_pairs_count(const struct label_pairs *pairs)
{
    return (uint32_t)(pairs->pairs.len / sizeof(struct label_pair));
}

static inline const struct label_pair *label_pairs_at(const struct label_pairs *pairs,
                                                      uint32_t number)
{
    return (const struct label_pair *)pairs->pairs.data + number;
}

struct slu_bytes label_pairs_text(const struct label_pairs *pairs, uint32_t number);

/* All streams have it: none is listed. */
static inline bool label_pair_is_everywhere(const struct label_pairs *pairs,
                                            const struct label_pair *pair)
{
    return pair->stream_count == pairs->stream_count;
}

/*
 * End it: nothing can be added any more.
 *
 * order    numbers of the pairs, by label_order
 * streams  numbers of streams, ascending for each pair from its `first` on
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, who frees both with the budget
 */
SLU_MUST_USE int label_pairs_end(struct label_pairs *pairs, struct block *order,
                                 struct block *streams);

/* Write the pages of postings and their directory. Returns as label_index_end */
SLU_MUST_USE int label_pairs_write(struct label_pairs *pairs, struct section_writer *section,
                                   struct piece *directory);

#endif

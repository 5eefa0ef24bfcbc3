/* Walking the postings of an index in the order of their labels. */
#ifndef STORE_LABEL_POSTING_H
#define STORE_LABEL_POSTING_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/label_index.h"
#include "store/labels.h"

/* A label and the streams that have it. */
struct posting {
    struct label label;
    uint32_t stream_count;
    struct slu_bytes steps; /* from stream to stream; empty: all streams have it */
};

/* Lives in its owner; members are private. */
struct posting_walk {
    const struct label_index *index;
    struct slu_budget *budget;
    struct block directory;
    struct block page;
    struct piece page_piece;
    struct slu_bytes rest_pages; /* of the directory, behind the page */
    struct slu_bytes rest;       /* of the page */
    struct label last; /* what the next one is above, or at the page's beginning equal to */
    bool is_page_begin;
};

/* Returns 0; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system. Closed in any case. */
SLU_MUST_USE int posting_walk_open(struct posting_walk *walk, const struct label_index *index,
                                   struct slu_budget *budget);
void posting_walk_close(struct posting_walk *walk);

/* Go to a place at or before the first label that is not below this one. Returns 0; -EBADMSG */
SLU_MUST_USE int posting_walk_seek(struct posting_walk *walk, const struct label *label);

/* The same, from where the walk is: never back. */
SLU_MUST_USE int posting_walk_skip(struct posting_walk *walk, const struct label *label);

/*
 * Take the next posting: its views are valid until the walk goes on or is closed.
 *
 * Returns  0; -ENODATA behind the last; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system
 */
SLU_MUST_USE int posting_walk_next(struct posting_walk *walk, struct posting *posting);

/*
 * Set or clear the bits of the posting's streams in `bits`, of label_set_words(stream_count).
 *
 * Returns  0; -EBADMSG, with some of them changed
 */
SLU_MUST_USE int posting_mark(const struct posting *posting, uint32_t stream_count, bool is_set,
                              uint64_t *bits);

#endif

/*
 * The newest rows of all open streams, in memory. Rows go to a generation; when that is full it is
 * sealed and written to parts, while another takes what comes. Who reads keeps a generation by a
 * reference, and with it those that came after it, as far as memory allows.
 *
 * Not locked: the owner does, but for what says otherwise.
 */
#ifndef STORE_ROW_HEAD_H
#define STORE_ROW_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "store/row_block.h"
#include "store/stream_table.h"

struct slu_budget;

/* A stream's labels, in a generation. */
struct row_stream {
    struct slu_bytes labels;
    uint32_t stream; /* its number in the table, for as long as the generation has it */
    uint32_t rank;   /* private: row_generation_sort */
};

/* A row in a generation, with its bytes behind it; never moves. */
struct row_entry {
    const struct row_stream *stream;
    const unsigned char *scope;
    int64_t time_ns;
    int64_t duration_ns;
    uint32_t scope_len;
    uint32_t key_len;
    uint32_t text_len;
    uint32_t rest_len;
};

struct row_slab;

struct row_generation {
    struct slu_budget *budget;
    struct row_generation
        *next;            /* that took its place, kept; NULL: none has, or there is no room */
    uint64_t *kept_bytes; /* the head's */
    uint64_t first_row;   /* rows of the head before it */
    struct row_slab *first;
    struct row_slab *last;
    struct row_slab *stream_first; /* of streams, one behind the other */
    struct row_slab *stream_last;
    uint64_t number;
    uint64_t bytes; /* of slabs */
    uint64_t row_count;
    uint32_t stream_count;
    uint32_t reference_count;
    int64_t min_ns; /* of rows, if there are any */
    int64_t max_ns;
    const unsigned char *scope; /* of the last row */
    uint32_t scope_len;
};

struct row_head_options {
    uint32_t stream_max;
    uint64_t key_bytes_max;
    uint64_t generation_bytes_max;
    int64_t out_of_order_ns;
    int64_t future_ns;
};

struct row_head {
    struct slu_budget *budget;
    struct stream_table table;
    struct row_generation *live;
    struct row_generation *sealed; /* NULL: there is none */
    uint64_t generation_bytes_max;
    uint64_t kept_bytes; /* of all generations that somebody has */
    uint64_t next_number;
    int64_t out_of_order_ns;
    int64_t future_ns;
    uint32_t idle_hand;
};

/* Returns 0; -EOVERFLOW; -EDQUOT; -ENOMEM */
SLU_MUST_USE int row_head_init(struct row_head *head, struct slu_budget *budget,
                               const struct row_head_options *options);
void row_head_deinit(struct row_head *head);

/*
 * Add a row, whose bytes are copied.
 *
 * Returns  0; -ESTALE, -ETIME: its time is too far behind the stream's newest row, or ahead of now;
 *          -EDQUOT: one stream too many; -ENOBUFS: the budget has no room; -E2BIG: it is larger
 *          than a block takes. Whether a generation is full is asked before a message, not here.
 */
SLU_MUST_USE int row_head_add(struct row_head *head, struct slu_bytes labels, uint64_t hash,
                              int64_t now_ns, const struct row *row);

/* Whether it should be written to parts. */
bool row_head_is_full(const struct row_head *head);

/*
 * The live generation becomes the sealed one: there is none. It keeps the next one for those who
 * follow it, unless generations have twice generation_bytes_max by now.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int row_head_seal(struct row_head *head);

/* Forget the sealed generation, and close streams that have been idle since `idle_before_ns`. */
void row_head_release(struct row_head *head, int64_t idle_before_ns);

/* For readers: the generation stays until it is let go; both under the owner's lock. */
struct row_generation *row_generation_keep(struct row_generation *generation);
void row_generation_drop(struct row_generation **generation);

/*
 * The generation behind one that is kept, also under the owner's lock: NULL for the live one.
 *
 * missed  out: rows that came between the two and are not kept
 */
struct row_generation *row_head_next(const struct row_head *head,
                                     const struct row_generation *generation, uint64_t *missed);

/* Where a walk ends: what came later is not seen. Under the owner's lock. */
struct row_mark {
    const struct row_slab *slab;
    size_t len;
};
struct row_mark row_generation_mark(const struct row_generation *generation);

/*
 * Visit the rows from one mark (all zero: the beginning) to another, in the order they came.
 * Without the lock.
 *
 * Returns  0, or what `visit` returned, which ends it
 */
typedef int row_entry_fn(void *arg, const struct row_entry *entry);
SLU_MUST_USE int row_generation_walk(const struct row_generation *generation, struct row_mark from,
                                     struct row_mark to, row_entry_fn *visit, void *arg);

/* The row that an entry holds: views into the generation. */
struct row row_entry_row(const struct row_entry *entry);

/*
 * All rows of a sealed generation in the order of their streams' labels and their times, in an
 * array of `row_count`. Without the lock.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller frees `*out` with row_count * sizeof(struct row_entry *)
 */
SLU_MUST_USE int row_generation_sort(struct row_generation *generation, struct slu_budget *budget,
                                     const struct row_entry ***out);

#endif

/*
 * The index of a part: its streams with their labels, and for each label the streams that have it.
 *
 * Streams are numbered from 0 in the order of their labels (labels_compare). Both tables lie on
 * disk in compressed pages, and are found by sparse directories, which lie there too: a part that
 * nobody asks costs no memory.
 *
 * Formats  docs/formats/label-index.md
 */
#ifndef STORE_LABEL_INDEX_H
#define STORE_LABEL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/section.h"

struct label_index_writer;
struct matcher;
struct slu_budget;

/* Where the index lies in its file; kept in the part's footer. */
struct label_index_root {
    struct piece streams;  /* the directory of the streams' pages */
    struct piece postings; /* the directory of the labels' pages */
    uint32_t stream_count;
    uint32_t label_count; /* different pairs of name and value */
};

#define LABEL_INDEX_ROOT_BYTES ((size_t)40)

void label_index_root_encode(const struct label_index_root *root, unsigned char *bytes);
void label_index_root_decode(const unsigned char *bytes, struct label_index_root *root);

/*
 * Make a writer, which appends its pages to `section` as they fill, between what others append.
 *
 * budget   of what grows until the end: the labels and which streams have them
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int label_index_writer_create(struct slu_budget *budget,
                                           struct section_writer *section,
                                           struct label_index_writer **out);
void label_index_writer_destroy(struct label_index_writer **writer);

/*
 * Add the next stream: its number is one more than the last one's.
 *
 * labels   as labels_encode writes them; above the last stream's, by labels_compare
 * value    what the part keeps of the stream, opaque here; up to 1 MiB
 * Returns  0; -EINVAL for labels that are not right or not above; -E2BIG; -EDQUOT; -ENOMEM; an
 *          error of the system. After an error the writer can only be destroyed.
 */
SLU_MUST_USE int label_index_add(struct label_index_writer *writer, struct slu_bytes labels,
                                 struct slu_bytes value);

/* Write the rest. Returns as label_index_add */
SLU_MUST_USE int label_index_end(struct label_index_writer *writer, struct label_index_root *root);

/* The index of an open part. */
struct label_index {
    struct section_reader section;
    struct label_index_root root;
};

/* Told of a stream: 0, or what ends the walk and is returned by it. All is valid for the call. */
typedef int label_index_visit_fn(void *arg, uint32_t stream, struct slu_bytes labels,
                                 struct slu_bytes value);

/*
 * Visit the streams whose labels all matchers take, in their order; with no matcher, all.
 *
 * budget   of what is read, for the call: the sets of streams, two pages at a time
 * Returns  0; what `visit` returned; -EBADMSG for an index that is damaged; -EDQUOT; -ENOMEM; an
 *          error of the system
 * Cost     one directory whole; for EQUAL and NOT_EQUAL with a value the page that has it, for the
 *          other matchers the pages of all values of the name; then the pages of the streams that
 *          are left
 * Threads  any
 */
SLU_MUST_USE int label_index_select(const struct label_index *index, const struct matcher *matchers,
                                    size_t count, struct slu_budget *budget,
                                    label_index_visit_fn *visit, void *arg);

/*
 * Walks the streams that all matchers take, in their order, one at a time; as label_index_select.
 * Lives in its owner; members are private.
 */
struct label_cursor {
    const struct label_index *index;
    struct slu_budget *budget;
    struct block wanted;    /* a bit for each stream */
    struct block directory; /* of the streams' pages */
    struct block page;
    struct slu_bytes rest; /* of the page */
    uint32_t next;         /* stream that is looked at next */
    uint32_t at;           /* stream that `rest` begins with */
    uint32_t page_end;     /* the first stream behind the page */
};

/* Returns 0; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system. `index` outlives the cursor. */
SLU_MUST_USE int label_cursor_open(struct label_cursor *cursor, const struct label_index *index,
                                   const struct matcher *matchers, size_t count,
                                   struct slu_budget *budget);
void label_cursor_close(struct label_cursor *cursor);

/* Returns 0, and the views are valid until the next call; -ENODATA at the end; as above */
SLU_MUST_USE int label_cursor_next(struct label_cursor *cursor, uint32_t *stream,
                                   struct slu_bytes *labels, struct slu_bytes *value);

/* Told of a name, or of a value and how many streams have it; as label_index_visit_fn. */
typedef int label_index_text_fn(void *arg, struct slu_bytes text, uint32_t stream_count);

/* Visit the names of labels in order; `stream_count` is 0. Returns as label_index_select */
SLU_MUST_USE int label_index_names(const struct label_index *index, struct slu_budget *budget,
                                   label_index_text_fn *visit, void *arg);

/* Visit the values of a name in order. */
SLU_MUST_USE int label_index_values(const struct label_index *index, struct slu_bytes name,
                                    struct slu_budget *budget, label_index_text_fn *visit,
                                    void *arg);

#endif

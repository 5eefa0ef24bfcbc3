/* Sets of streams by matchers of their labels. */
#include "store/label_set.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "store/label_index_format.h"
#include "store/label_posting.h"
#include "store/matcher.h"

/* Whether one value alone decides, which is looked up. */
static bool is_lookup(const struct matcher *matcher)
{
    return (matcher->kind == MATCH_EQUAL || matcher->kind == MATCH_NOT_EQUAL) &&
           matcher->value.len > 0;
}

/* Whether a label is behind all that the matcher looks at. */
static bool is_behind(const struct label *label, const struct matcher *matcher)
{
    int order = labels_compare(label->name, matcher->name);
    return order > 0 ||
           (order == 0 && is_lookup(matcher) && labels_compare(label->value, matcher->value) > 0);
}

/* Mark the streams whose label decides otherwise than a missing one. */
static int matcher_mark(struct posting_walk *walk, const struct matcher *matcher, bool takes_empty,
                        uint64_t *bits)
{
    struct label from = {.name = matcher->name};
    struct posting posting;
    if (is_lookup(matcher)) {
        from.value = matcher->value;
    }
    int err = posting_walk_seek(walk, &from);
    if (err == 0) {
        err = posting_walk_next(walk, &posting);
    }
    while (err == 0 && !is_behind(&posting.label, matcher)) {
        if (bytes_equal(posting.label.name, matcher->name) &&
            matcher_takes(matcher, posting.label.value) != takes_empty) {
            err = posting_mark(&posting, walk->index->root.stream_count, !takes_empty, bits);
            if (err != 0 || is_lookup(matcher)) {
                return err;
            }
        }
        err = posting_walk_next(walk, &posting);
    }
    return err == -ENODATA ? 0 : err;
}

/* Keep in `bits` the streams that the matcher takes. */
static int matcher_apply(struct posting_walk *walk, const struct matcher *matcher, uint64_t *bits)
{
    size_t words = label_set_words(walk->index->root.stream_count);
    bool takes_empty = matcher_takes(matcher, (struct slu_bytes){"", 0});
    struct block taken = {0};
    if (takes_empty) {
        return matcher_mark(walk, matcher, true, bits);
    }
    int err = block_begin(walk->budget, words * sizeof(uint64_t), &taken);
    if (err != 0) {
        return err;
    }
    uint64_t *marked = taken.data;
    memset(marked, 0, words * sizeof(uint64_t));
    err = matcher_mark(walk, matcher, false, marked);
    for (size_t i = 0; err == 0 && i < words; i++) {
        bits[i] &= marked[i];
    }
    block_free(walk->budget, &taken);
    return err;
}

int label_set_make(const struct label_index *index, const struct matcher *matchers, size_t count,
                   struct slu_budget *budget, struct block *out)
{
    struct posting_walk walk;
    struct block set = {0};
    if (index->root.stream_count > LABEL_STREAMS_MAX) {
        return -EBADMSG;
    }
    size_t bytes = label_set_words(index->root.stream_count) * sizeof(uint64_t);
    int err = block_begin(budget, bytes, &set);
    if (err != 0) {
        return err;
    }
    memset(set.data, 0xff, bytes);
    set.len = bytes;
    if (count > 0) {
        err = posting_walk_open(&walk, index, budget);
        for (size_t i = 0; err == 0 && i < count; i++) {
            err = matcher_apply(&walk, &matchers[i], set.data);
        }
        posting_walk_close(&walk);
    }
    if (err != 0) {
        block_free(budget, &set);
        return err;
    }
    *out = set;
    return 0;
}

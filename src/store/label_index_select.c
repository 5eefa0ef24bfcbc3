/* Reading the index of labels: sets of streams by matchers, names and values. */
#include "store/label_index.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "store/label_index_format.h"
#include "store/label_set.h"
#include "store/matcher.h"

#define WORD_BITS 64

bool posting_next(struct slu_bytes *rest, struct posting *posting)
{
    struct slu_bytes at = *rest;
    struct posting found;
    uint64_t count = 0;
    uint64_t len = 0;
    if (!labels_next(&at, &found.label) || !varint_next(&at, &count) || !varint_next(&at, &len) ||
        len > at.len || count > LABEL_STREAMS_MAX) {
        return false;
    }
    found.stream_count = (uint32_t)count;
    found.streams = (struct slu_bytes){at.data, (size_t)len};
    *rest = (struct slu_bytes){(const char *)at.data + len, at.len - (size_t)len};
    *posting = found;
    return true;
}

/* The directory of postings, and the page that is looked at. */
struct posting_walk {
    const struct label_index *index;
    struct slu_budget *budget;
    struct block directory;
    struct block page;
    struct slu_bytes rest_pages; /* of the directory */
    struct slu_bytes rest;       /* of the page */
};

static int walk_open(struct posting_walk *walk, const struct label_index *index,
                     struct slu_budget *budget)
{
    *walk = (struct posting_walk){.index = index, .budget = budget};
    return section_read(&index->section, &index->root.postings, budget, &walk->directory);
}

static void walk_close(struct posting_walk *walk)
{
    block_free(walk->budget, &walk->page);
    block_free(walk->budget, &walk->directory);
}

static bool page_next(struct slu_bytes *rest, struct label *first, struct piece *piece)
{
    if (!labels_next(rest, first) || rest->len < PIECE_BYTES) {
        return false;
    }
    piece_decode(rest->data, piece);
    *rest = (struct slu_bytes){(const char *)rest->data + PIECE_BYTES, rest->len - PIECE_BYTES};
    return true;
}

/* Read the next page of the directory. Returns 0; -ENODATA behind the last; as section_read */
static int walk_page(struct posting_walk *walk)
{
    struct label first;
    struct piece piece;
    if (walk->rest_pages.len == 0) {
        return -ENODATA;
    }
    if (!page_next(&walk->rest_pages, &first, &piece)) {
        return -EBADMSG;
    }
    block_free(walk->budget, &walk->page);
    walk->page = (struct block){0};
    int err = section_read(&walk->index->section, &piece, walk->budget, &walk->page);
    walk->rest = (struct slu_bytes){walk->page.data, walk->page.len};
    return err;
}

/* Go to the last page that begins at or below a label: it may have what is not below it. */
static int walk_seek(struct posting_walk *walk, const struct label *label)
{
    struct slu_bytes rest = {walk->directory.data, walk->directory.len};
    struct slu_bytes best = rest;
    struct label first;
    struct piece piece;
    while (rest.len > 0) {
        struct slu_bytes before = rest;
        if (!page_next(&rest, &first, &piece)) {
            return -EBADMSG;
        }
        if (label_order(&first, label) > 0) {
            break;
        }
        best = before;
    }
    walk->rest_pages = best;
    walk->rest = (struct slu_bytes){NULL, 0};
    return 0;
}

/* The next entry. Returns 0; -ENODATA; -EBADMSG; -EDQUOT; -ENOMEM; an error of the system */
static int walk_next(struct posting_walk *walk, struct posting *posting)
{
    while (walk->rest.len == 0) {
        int err = walk_page(walk);
        if (err != 0) {
            return err;
        }
    }
    return posting_next(&walk->rest, posting) ? 0 : -EBADMSG;
}

/* Set or clear the bits of the streams that have a label. */
static int posting_mark(const struct posting *posting, uint32_t stream_count, bool is_set,
                        uint64_t *bits)
{
    struct slu_bytes rest = posting->streams;
    uint64_t stream = 0;
    uint64_t step = 0;
    if (rest.len == 0) {
        memset(bits, is_set ? 0xff : 0, label_set_words(stream_count) * sizeof(uint64_t));
        return posting->stream_count == stream_count ? 0 : -EBADMSG;
    }
    for (uint32_t i = 0; i < posting->stream_count; i++) {
        if (!varint_next(&rest, &step) || step > stream_count || (stream += step) >= stream_count) {
            return -EBADMSG;
        }
        uint64_t mask = UINT64_C(1) << (stream % WORD_BITS);
        uint64_t *word = &bits[stream / WORD_BITS];
        *word = is_set ? *word | mask : *word & ~mask;
    }
    return 0;
}

/* Whether one value alone decides, which is looked up. */
static bool is_lookup(const struct matcher *matcher)
{
    return (matcher->kind == MATCH_EQUAL || matcher->kind == MATCH_NOT_EQUAL) &&
           matcher->value.len > 0;
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
    int err = walk_seek(walk, &from);
    while (err == 0) {
        err = walk_next(walk, &posting);
        if (err != 0) {
            break;
        }
        int order = labels_compare(posting.label.name, matcher->name);
        if (order > 0 || (order == 0 && is_lookup(matcher) &&
                          labels_compare(posting.label.value, matcher->value) > 0)) {
            break;
        }
        if (order == 0 && matcher_takes(matcher, posting.label.value) != takes_empty) {
            err = posting_mark(&posting, walk->index->root.stream_count, !takes_empty, bits);
        }
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
        err = walk_open(&walk, index, budget);
        for (size_t i = 0; err == 0 && i < count; i++) {
            err = matcher_apply(&walk, &matchers[i], set.data);
        }
        walk_close(&walk);
    }
    if (err != 0) {
        block_free(budget, &set);
        return err;
    }
    *out = set;
    return 0;
}

int label_index_names(const struct label_index *index, struct slu_budget *budget,
                      label_index_text_fn *visit, void *arg)
{
    struct posting_walk walk;
    struct posting posting;
    char name[LABELS_BYTES_MAX];
    struct label from = {.name = {name, 0}};
    int err = walk_open(&walk, index, budget);
    if (err == 0) {
        err = walk_seek(&walk, &from);
    }
    while (err == 0) {
        err = walk_next(&walk, &posting);
        if (err != 0 || labels_compare(posting.label.name, from.name) <= 0) {
            continue;
        }
        memcpy(name, posting.label.name.data, posting.label.name.len);
        from = (struct label){.name = {name, posting.label.name.len},
                              .value = {"\xff\xff\xff\xff", 4}};
        err = visit(arg, from.name, 0);
        if (err == 0) {
            err = walk_seek(&walk, &from);
        }
    }
    walk_close(&walk);
    return err == -ENODATA ? 0 : err;
}

int label_index_values(const struct label_index *index, struct slu_bytes name,
                       struct slu_budget *budget, label_index_text_fn *visit, void *arg)
{
    struct posting_walk walk;
    struct posting posting;
    struct label from = {.name = name};
    int err = walk_open(&walk, index, budget);
    if (err == 0) {
        err = walk_seek(&walk, &from);
    }
    while (err == 0) {
        err = walk_next(&walk, &posting);
        int order = err == 0 ? labels_compare(posting.label.name, name) : 0;
        if (order > 0) {
            break;
        }
        if (err == 0 && order == 0) {
            err = visit(arg, posting.label.value, posting.stream_count);
        }
    }
    walk_close(&walk);
    return err == -ENODATA ? 0 : err;
}

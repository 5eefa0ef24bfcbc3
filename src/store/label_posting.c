/* The pages of postings, whose form label_index_writer.c draws; whatever they are is checked. */
#include "store/label_posting.h"

#include <errno.h>
#include <string.h>

#include "store/label_index_format.h"
#include "store/label_set.h"

#define WORD_BITS 64

int posting_walk_open(struct posting_walk *walk, const struct label_index *index,
                      struct slu_budget *budget)
{
    *walk = (struct posting_walk){.index = index, .budget = budget};
    int err = section_read(&index->section, &index->root.postings, budget, &walk->directory);
    if (err == 0) {
        walk->rest_pages = (struct slu_bytes){walk->directory.data, walk->directory.len};
    }
    return err;
}

void posting_walk_close(struct posting_walk *walk)
{
    block_free(walk->budget, &walk->page);
    block_free(walk->budget, &walk->directory);
}

/* A name and a value as a stream has them: readers keep room for no more. */
static bool label_next(struct slu_bytes *rest, struct label *label)
{
    return labels_next(rest, label) && label->name.len > 0 && label->value.len > 0 &&
           label->name.len <= LABELS_BYTES_MAX && label->value.len <= LABELS_BYTES_MAX;
}

static bool page_next(struct slu_bytes *rest, struct label *first, struct piece *piece)
{
    if (!label_next(rest, first) || rest->len < PIECE_BYTES) {
        return false;
    }
    piece_decode(rest->data, piece);
    *rest = (struct slu_bytes){(const char *)rest->data + PIECE_BYTES, rest->len - PIECE_BYTES};
    return true;
}

int posting_walk_skip(struct posting_walk *walk, const struct label *label)
{
    struct slu_bytes rest = walk->rest_pages;
    struct slu_bytes best = {NULL, 0};
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
    if (best.data != NULL) {
        walk->rest_pages = best;
        walk->rest = (struct slu_bytes){NULL, 0};
        walk->last = (struct label){0};
    }
    return 0;
}

int posting_walk_seek(struct posting_walk *walk, const struct label *label)
{
    walk->rest_pages = (struct slu_bytes){walk->directory.data, walk->directory.len};
    walk->rest = (struct slu_bytes){NULL, 0};
    walk->last = (struct label){0};
    return posting_walk_skip(walk, label);
}

/* Read the next page of the directory, if it is not the one that is there. */
static int page_take(struct posting_walk *walk)
{
    struct label first;
    struct piece piece;
    if (walk->rest_pages.len == 0) {
        return -ENODATA;
    }
    if (!page_next(&walk->rest_pages, &first, &piece) || label_order(&walk->last, &first) >= 0 ||
        piece.plain_bytes == 0) {
        return -EBADMSG;
    }
    walk->last = first;
    if (walk->page.data == NULL || memcmp(&piece, &walk->page_piece, sizeof(piece)) != 0) {
        block_free(walk->budget, &walk->page);
        walk->page = (struct block){0};
        int err = section_read(&walk->index->section, &piece, walk->budget, &walk->page);
        if (err != 0) {
            return err;
        }
        walk->page_piece = piece;
    }
    walk->rest = (struct slu_bytes){walk->page.data, walk->page.len};
    walk->is_page_begin = true;
    return 0;
}

static bool posting_take(struct slu_bytes *rest, struct posting *posting)
{
    uint64_t count = 0;
    uint64_t len = 0;
    if (!label_next(rest, &posting->label) || !varint_next(rest, &count) ||
        !varint_next(rest, &len) || len > rest->len || count == 0 || count > LABEL_STREAMS_MAX) {
        return false;
    }
    posting->stream_count = (uint32_t)count;
    posting->steps = (struct slu_bytes){rest->data, (size_t)len};
    *rest = (struct slu_bytes){(const char *)rest->data + len, rest->len - (size_t)len};
    return true;
}

int posting_walk_next(struct posting_walk *walk, struct posting *posting)
{
    struct posting found;
    if (walk->rest.len == 0) {
        int err = page_take(walk);
        if (err != 0) {
            return err;
        }
    }
    if (!posting_take(&walk->rest, &found)) {
        return -EBADMSG;
    }
    int order = label_order(&walk->last, &found.label);
    if (walk->is_page_begin ? order != 0 : order >= 0) {
        return -EBADMSG;
    }
    walk->last = found.label;
    walk->is_page_begin = false;
    *posting = found;
    return 0;
}

static int all_mark(const struct posting *posting, uint32_t stream_count, bool is_set,
                    uint64_t *bits)
{
    if (posting->stream_count != stream_count) {
        return -EBADMSG;
    }
    memset(bits, is_set ? 0xff : 0, label_set_words(stream_count) * sizeof(uint64_t));
    return 0;
}

int posting_mark(const struct posting *posting, uint32_t stream_count, bool is_set, uint64_t *bits)
{
    struct slu_bytes rest = posting->steps;
    uint64_t stream = 0;
    uint64_t step = 0;
    if (rest.len == 0) {
        return all_mark(posting, stream_count, is_set, bits);
    }
    for (uint32_t i = 0; i < posting->stream_count; i++) {
        if (!varint_next(&rest, &step) || step >= stream_count - stream || (i > 0 && step == 0)) {
            return -EBADMSG;
        }
        stream += step;
        uint64_t mask = UINT64_C(1) << (stream % WORD_BITS);
        uint64_t *word = &bits[stream / WORD_BITS];
        *word = is_set ? *word | mask : *word & ~mask;
    }
    return rest.len == 0 ? 0 : -EBADMSG;
}

/* Walking the streams of an index. */
#include <errno.h>

#include "store/label_index_format.h"
#include "store/label_set.h"
#include "store/little_endian.h"

#define WORD_BITS 64

int label_cursor_open(struct label_cursor *cursor, const struct label_index *index,
                      const struct matcher *matchers, size_t count, struct slu_budget *budget)
{
    *cursor = (struct label_cursor){.index = index, .budget = budget};
    int err = label_set_make(index, matchers, count, budget, &cursor->wanted);
    if (err == 0) {
        err = section_read(&index->section, &index->root.streams, budget, &cursor->directory);
    }
    if (err == 0 && cursor->directory.len % STREAM_ROW_BYTES != 0) {
        err = -EBADMSG;
    }
    if (err != 0) {
        label_cursor_close(cursor);
    }
    return err;
}

void label_cursor_close(struct label_cursor *cursor)
{
    block_free(cursor->budget, &cursor->page);
    block_free(cursor->budget, &cursor->directory);
    block_free(cursor->budget, &cursor->wanted);
    cursor->page = (struct block){0};
    cursor->directory = (struct block){0};
    cursor->wanted = (struct block){0};
}

/* The next stream that is wanted; stream_count at the end. */
static uint32_t wanted_next(const struct label_cursor *cursor)
{
    const uint64_t *words = cursor->wanted.data;
    uint32_t end = cursor->index->root.stream_count;
    uint32_t at = cursor->next;
    while (at < end) {
        uint64_t word = words[at / WORD_BITS] >> (at % WORD_BITS);
        if (word != 0) {
            at += (uint32_t)__builtin_ctzll(word);
            return at < end ? at : end;
        }
        at = (at / WORD_BITS + 1) * WORD_BITS;
    }
    return end;
}

/* Read the page that has the stream. */
static int page_seek(struct label_cursor *cursor, uint32_t stream)
{
    const unsigned char *rows = cursor->directory.data;
    size_t count = cursor->directory.len / STREAM_ROW_BYTES;
    size_t low = 0;
    size_t high = count;
    struct piece piece;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (get_32(rows + middle * STREAM_ROW_BYTES) <= stream) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return -EBADMSG;
    }
    const unsigned char *row = rows + (low - 1) * STREAM_ROW_BYTES;
    piece_decode(row + 4, &piece);
    block_free(cursor->budget, &cursor->page);
    cursor->page = (struct block){0};
    int err = section_read(&cursor->index->section, &piece, cursor->budget, &cursor->page);
    cursor->rest = (struct slu_bytes){cursor->page.data, cursor->page.len};
    cursor->at = get_32(row);
    cursor->page_end =
        low < count ? get_32(row + STREAM_ROW_BYTES) : cursor->index->root.stream_count;
    return err;
}

static bool text_next(struct slu_bytes *rest, struct slu_bytes *text)
{
    uint64_t len = 0;
    if (!varint_next(rest, &len) || len > rest->len) {
        return false;
    }
    *text = (struct slu_bytes){rest->data, (size_t)len};
    *rest = (struct slu_bytes){(const char *)rest->data + len, rest->len - (size_t)len};
    return true;
}

int label_cursor_next(struct label_cursor *cursor, uint32_t *stream, struct slu_bytes *labels,
                      struct slu_bytes *value)
{
    uint32_t wanted = wanted_next(cursor);
    struct slu_bytes found[2];
    int err = 0;
    if (wanted == cursor->index->root.stream_count) {
        return -ENODATA;
    }
    if (cursor->page.data == NULL || wanted >= cursor->page_end || wanted < cursor->at) {
        err = page_seek(cursor, wanted);
    }
    if (err != 0) {
        return err;
    }
    do {
        if (!text_next(&cursor->rest, &found[0]) || !text_next(&cursor->rest, &found[1])) {
            return -EBADMSG;
        }
        cursor->at++;
    } while (cursor->at <= wanted);
    bool is_page_over = cursor->at == cursor->page_end;
    if (!labels_are_right(found[0]) || is_page_over != (cursor->rest.len == 0)) {
        return -EBADMSG;
    }
    cursor->next = wanted + 1;
    *stream = wanted;
    *labels = found[0];
    *value = found[1];
    return 0;
}

int label_index_select(const struct label_index *index, const struct matcher *matchers,
                       size_t count, struct slu_budget *budget, label_index_visit_fn *visit,
                       void *arg)
{
    struct label_cursor cursor;
    uint32_t stream = 0;
    struct slu_bytes labels;
    struct slu_bytes value;
    int err = label_cursor_open(&cursor, index, matchers, count, budget);
    if (err != 0) {
        return err;
    }
    err = label_cursor_next(&cursor, &stream, &labels, &value);
    bool is_end = err == -ENODATA;
    while (err == 0) {
        err = visit(arg, stream, labels, value);
        if (err == 0) {
            err = label_cursor_next(&cursor, &stream, &labels, &value);
            is_end = err == -ENODATA;
        }
    }
    label_cursor_close(&cursor);
    return is_end ? 0 : err;
}

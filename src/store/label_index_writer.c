/*
 * The index of labels, as pieces of the part (section.c):
 *
 * A page of streams has, for each, varints of the lengths of its labels and of its value, each
 * before the text (labels.h has the labels' form). The directory of streams' pages has rows of
 *
 *      offset  bytes
 *           0      4  number of the page's first stream
 *           4     16  the piece of the page
 *
 * A page of postings has, for each label in the order of names and values: a label as labels.h has
 * it, then varints of how many streams have it and of the bytes that follow, then the streams as
 * varints of the steps from one to the next, the first from 0. Where all streams have the label no
 * bytes follow. The directory of postings' pages has, for each page, its first label in the same
 * form, and 16 bytes of its piece.
 *
 * The root, in the part's footer: the pieces of the directories of streams and of postings (16
 * each), the number of streams (4), the number of labels (4).
 */
#include "store/label_index.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "store/label_index_format.h"
#include "store/label_pairs.h"
#include "store/little_endian.h"

#define FIRST_BYTES ((size_t)4096)
#define LENGTHS_MAX ((size_t)2 * VARINT_BYTES_MAX)

struct label_index_writer {
    struct slu_budget *budget;
    struct section_writer *section;
    struct block page;      /* of streams */
    struct block directory; /* of streams' pages */
    struct label_pairs pairs;
    unsigned char last[LABELS_BYTES_MAX];
    size_t last_len;
    uint32_t stream_count;
    uint32_t page_first;
};

void label_index_root_encode(const struct label_index_root *root, unsigned char *bytes)
{
    piece_encode(&root->streams, bytes);
    piece_encode(&root->postings, bytes + 16);
    put_32(bytes + 32, root->stream_count);
    put_32(bytes + 36, root->label_count);
}

void label_index_root_decode(const unsigned char *bytes, struct label_index_root *root)
{
    piece_decode(bytes, &root->streams);
    piece_decode(bytes + 16, &root->postings);
    root->stream_count = get_32(bytes + 32);
    root->label_count = get_32(bytes + 36);
}

int label_index_writer_create(struct slu_budget *budget, struct section_writer *section,
                              struct label_index_writer **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct label_index_writer), &memory);
    if (err != 0) {
        return err;
    }
    struct label_index_writer *writer = memory;
    writer->budget = budget;
    writer->section = section;
    err = label_pairs_init(&writer->pairs, budget, section->salt);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &writer->page);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &writer->directory);
    if (err != 0) {
        label_index_writer_destroy(&writer);
        return err;
    }
    *out = writer;
    return 0;
}

void label_index_writer_destroy(struct label_index_writer **out)
{
    struct label_index_writer *writer = *out;
    *out = NULL;
    if (writer != NULL) {
        block_free(writer->budget, &writer->directory);
        block_free(writer->budget, &writer->page);
        label_pairs_deinit(&writer->pairs);
        slu_budget_free(writer->budget, writer, sizeof(*writer));
    }
}

static int stream_page_end(struct label_index_writer *writer)
{
    unsigned char row[STREAM_ROW_BYTES];
    struct piece piece;
    if (writer->page.len == 0) {
        return 0;
    }
    int err =
        section_append(writer->section, (struct slu_bytes){writer->page.data, writer->page.len},
                       SECTION_LEVEL_GOOD, &piece);
    if (err == 0) {
        put_32(row, writer->page_first);
        piece_encode(&piece, row + 4);
        err = block_append(writer->budget, &writer->directory, row, sizeof(row));
        writer->page.len = 0;
    }
    return err;
}

static int stream_put(struct label_index_writer *writer, struct slu_bytes labels,
                      struct slu_bytes value)
{
    unsigned char length[VARINT_BYTES_MAX];
    const struct slu_bytes texts[] = {labels, value};
    int err = 0;
    if (writer->page.len > 0 &&
        writer->page.len + labels.len + value.len + LENGTHS_MAX > LABEL_PAGE_BYTES) {
        err = stream_page_end(writer);
    }
    if (writer->page.len == 0) {
        writer->page_first = writer->stream_count;
    }
    for (size_t i = 0; err == 0 && i < 2; i++) {
        size_t len = varint_put(length, texts[i].len);
        err = block_append(writer->budget, &writer->page, length, len);
        if (err == 0 && texts[i].len > 0) {
            err = block_append(writer->budget, &writer->page, texts[i].data, texts[i].len);
        }
    }
    return err;
}

int label_index_add(struct label_index_writer *writer, struct slu_bytes labels,
                    struct slu_bytes value)
{
    struct slu_bytes last = {writer->last, writer->last_len};
    bool is_above = writer->stream_count == 0 || labels_compare(last, labels) < 0;
    if (!labels_are_right(labels) || !is_above) {
        return -EINVAL;
    }
    if (value.len > STREAM_VALUE_MAX || writer->stream_count == LABEL_STREAMS_MAX) {
        return -E2BIG;
    }
    int err = stream_put(writer, labels, value);
    if (err == 0) {
        err = label_pairs_add(&writer->pairs, labels);
    }
    if (err == 0) {
        if (labels.len > 0) {
            memcpy(writer->last, labels.data, labels.len);
        }
        writer->last_len = labels.len;
        writer->stream_count++;
    }
    return err;
}

int label_index_end(struct label_index_writer *writer, struct label_index_root *root)
{
    struct label_index_root made = {.stream_count = writer->stream_count,
                                    .label_count = label_pairs_count(&writer->pairs)};
    int err = stream_page_end(writer);
    if (err == 0) {
        err = section_append(writer->section,
                             (struct slu_bytes){writer->directory.data, writer->directory.len}, 0,
                             &made.streams);
    }
    if (err == 0) {
        err = label_pairs_write(&writer->pairs, writer->section, &made.postings);
    }
    if (err == 0) {
        *root = made;
    }
    return err;
}

/* Writing the pages of postings, whose form label_index_writer.c draws. */
#include <errno.h>

#include "store/label_index_format.h"
#include "store/label_pairs.h"

#define FIRST_BYTES ((size_t)4096)
#define LENGTHS_MAX ((size_t)2 * VARINT_BYTES_MAX)
#define FIRST_SHARE 64 /* a page has this many times what its first label has */

struct posting_writer {
    const struct label_pairs *pairs;
    struct slu_budget *budget;
    struct section_writer *section;
    const uint32_t *streams;
    struct block page;
    struct block steps;
    struct block directory;
    size_t page_bytes_max;
};

static int page_end(struct posting_writer *writer)
{
    unsigned char row[PIECE_BYTES];
    struct piece piece;
    if (writer->page.len == 0) {
        return 0;
    }
    int err =
        section_append(writer->section, (struct slu_bytes){writer->page.data, writer->page.len},
                       SECTION_LEVEL_GOOD, &piece);
    if (err == 0) {
        piece_encode(&piece, row);
        err = block_append(writer->budget, &writer->directory, row, sizeof(row));
        writer->page.len = 0;
    }
    return err;
}

/* Its first label goes into the directory, which long ones must not make as large as the pages. */
static int page_begin(struct posting_writer *writer, struct slu_bytes first)
{
    size_t share = first.len * FIRST_SHARE;
    writer->page_bytes_max = share > LABEL_PAGE_BYTES ? share : LABEL_PAGE_BYTES;
    return block_append(writer->budget, &writer->directory, first.data, first.len);
}

static int steps_make(struct posting_writer *writer, const struct label_pair *pair)
{
    unsigned char bytes[VARINT_BYTES_MAX];
    uint32_t before = 0;
    int err = 0;
    writer->steps.len = 0;
    if (label_pair_is_everywhere(writer->pairs, pair)) {
        return 0;
    }
    for (uint32_t i = 0; err == 0 && i < pair->stream_count; i++) {
        uint32_t stream = writer->streams[pair->first + i];
        err =
            block_append(writer->budget, &writer->steps, bytes, varint_put(bytes, stream - before));
        before = stream;
    }
    return err;
}

static int posting_put(struct posting_writer *writer, uint32_t number)
{
    const struct label_pair *pair = label_pairs_at(writer->pairs, number);
    struct slu_bytes text = label_pairs_text(writer->pairs, number);
    unsigned char lengths[LENGTHS_MAX];
    int err = steps_make(writer, pair);
    if (err == 0 && writer->page.len + text.len + writer->steps.len > writer->page_bytes_max) {
        err = page_end(writer);
    }
    if (err == 0 && writer->page.len == 0) {
        err = page_begin(writer, text);
    }
    if (err == 0) {
        err = block_append(writer->budget, &writer->page, text.data, text.len);
    }
    size_t len = varint_put(lengths, pair->stream_count);
    len += varint_put(lengths + len, writer->steps.len);
    if (err == 0) {
        err = block_append(writer->budget, &writer->page, lengths, len);
    }
    if (err == 0 && writer->steps.len > 0) {
        err = block_append(writer->budget, &writer->page, writer->steps.data, writer->steps.len);
    }
    return err;
}

static int pages_write(struct posting_writer *writer, const uint32_t *order, struct piece *out)
{
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < label_pairs_count(writer->pairs); i++) {
        err = posting_put(writer, order[i]);
    }
    if (err == 0) {
        err = page_end(writer);
    }
    if (err == 0) {
        err = section_append(writer->section,
                             (struct slu_bytes){writer->directory.data, writer->directory.len},
                             SECTION_LEVEL_GOOD, out);
    }
    return err;
}

int label_pairs_write(struct label_pairs *pairs, struct section_writer *section,
                      struct piece *directory)
{
    struct slu_budget *budget = pairs->budget;
    struct posting_writer writer = {.pairs = pairs, .budget = budget, .section = section};
    struct block order = {0};
    struct block streams = {0};
    int err = label_pairs_end(pairs, &order, &streams);
    writer.streams = streams.data;
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &writer.page);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &writer.steps);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &writer.directory);
    err = err != 0 ? err : pages_write(&writer, order.data, directory);
    block_free(budget, &writer.directory);
    block_free(budget, &writer.steps);
    block_free(budget, &writer.page);
    block_free(budget, &streams);
    block_free(budget, &order);
    return err;
}

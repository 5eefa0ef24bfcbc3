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
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/label_index_format.h"
#include "store/little_endian.h"

#define FIRST_BYTES    ((size_t)4096)
#define SLOTS_FIRST    ((size_t)1024)
#define SLOT_EMPTY     UINT32_MAX
#define LENGTHS_MAX    ((size_t)2 * VARINT_BYTES_MAX)
#define MARK_BEGINNING UINT32_MAX /* in `marks`, before the labels of each stream */

/* A label that some stream has. */
struct pair {
    uint32_t text_at; /* in `texts`, in the form of labels.h */
    uint32_t text_len;
    uint32_t stream_count;
    uint32_t first; /* of its streams, while they are sorted */
};

struct label_index_writer {
    struct slu_budget *budget;
    struct section_writer *section;
    struct block page;      /* of streams */
    struct block directory; /* of streams' pages */
    struct block texts;
    struct block pairs; /* struct pair */
    struct block marks; /* the labels of stream after stream: numbers of pairs */
    struct block slots; /* hash table of numbers of pairs */
    unsigned char last[LABELS_BYTES_MAX];
    size_t last_len;
    uint32_t stream_count;
    uint32_t page_first;
};

int label_order(const struct label *left, const struct label *right)
{
    int order = labels_compare(left->name, right->name);
    return order != 0 ? order : labels_compare(left->value, right->value);
}

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

static struct block *const *blocks_of(struct label_index_writer *writer, struct block *list[7])
{
    list[0] = &writer->page;
    list[1] = &writer->directory;
    list[2] = &writer->texts;
    list[3] = &writer->pairs;
    list[4] = &writer->marks;
    list[5] = &writer->slots;
    list[6] = NULL;
    return list;
}

int label_index_writer_create(struct slu_budget *budget, struct section_writer *section,
                              struct label_index_writer **out)
{
    void *memory = NULL;
    struct block *list[7];
    int err = slu_budget_alloc(budget, sizeof(struct label_index_writer), &memory);
    if (err != 0) {
        return err;
    }
    struct label_index_writer *writer = memory;
    *writer = (struct label_index_writer){.budget = budget, .section = section};
    for (struct block *const *block = blocks_of(writer, list); err == 0 && *block != NULL;
         block++) {
        err = block_begin(budget, FIRST_BYTES, *block);
    }
    if (err != 0) {
        label_index_writer_destroy(&writer);
        return err;
    }
    memset(writer->slots.data, 0xff, writer->slots.size_bytes);
    *out = writer;
    return 0;
}

void label_index_writer_destroy(struct label_index_writer **out)
{
    struct label_index_writer *writer = *out;
    struct block *list[7];
    *out = NULL;
    if (writer != NULL) {
        for (struct block *const *block = blocks_of(writer, list); *block != NULL; block++) {
            block_free(writer->budget, *block);
        }
        slu_budget_free(writer->budget, writer, sizeof(*writer));
    }
}

static uint32_t pair_count(const struct label_index_writer *writer)
{
    return (uint32_t)(writer->pairs.len / sizeof(struct pair));
}

static struct slu_bytes pair_text(const struct label_index_writer *writer, uint32_t pair)
{
    const struct pair *found = (const struct pair *)writer->pairs.data + pair;
    return (struct slu_bytes){(const char *)writer->texts.data + found->text_at, found->text_len};
}

/* The slot of a text, or the empty one where it belongs. */
static uint32_t *slot_find(const struct label_index_writer *writer, struct slu_bytes text)
{
    uint32_t *slots = writer->slots.data;
    size_t mask = writer->slots.size_bytes / sizeof(uint32_t) - 1;
    size_t at = hash_bytes(text, 0) & mask;
    while (slots[at] != SLOT_EMPTY && !bytes_equal(pair_text(writer, slots[at]), text)) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

/* At most half of the slots are in use. */
static int slots_double(struct label_index_writer *writer)
{
    struct block larger;
    int err = block_begin(writer->budget, writer->slots.size_bytes * 2, &larger);
    if (err != 0) {
        return err;
    }
    block_free(writer->budget, &writer->slots);
    writer->slots = larger;
    memset(larger.data, 0xff, larger.size_bytes);
    for (uint32_t i = 0; i < pair_count(writer); i++) {
        *slot_find(writer, pair_text(writer, i)) = i;
    }
    return 0;
}

static int pair_add(struct label_index_writer *writer, struct slu_bytes text, uint32_t *pair)
{
    struct pair added = {.text_at = (uint32_t)writer->texts.len, .text_len = (uint32_t)text.len};
    if (writer->texts.len > UINT32_MAX - text.len) {
        return -E2BIG;
    }
    int err = block_append(writer->budget, &writer->texts, text.data, text.len);
    if (err == 0) {
        *pair = pair_count(writer);
        err = block_append(writer->budget, &writer->pairs, &added, sizeof(added));
    }
    if (err == 0 && (size_t)pair_count(writer) * 2 * sizeof(uint32_t) > writer->slots.size_bytes) {
        return slots_double(writer); /* which puts it in */
    }
    if (err == 0) {
        *slot_find(writer, text) = *pair;
    }
    return err;
}

static int marks_add(struct label_index_writer *writer, struct slu_bytes labels)
{
    struct label label;
    uint32_t mark = MARK_BEGINNING;
    struct slu_bytes before = labels;
    int err = block_append(writer->budget, &writer->marks, &mark, sizeof(mark));
    while (err == 0 && labels_next(&labels, &label)) {
        struct slu_bytes text = {before.data, before.len - labels.len};
        uint32_t pair = *slot_find(writer, text);
        if (pair == SLOT_EMPTY) {
            err = pair_add(writer, text, &pair);
        }
        if (err == 0) {
            ((struct pair *)writer->pairs.data)[pair].stream_count++;
            err = block_append(writer->budget, &writer->marks, &pair, sizeof(pair));
        }
        before = labels;
    }
    return err;
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
        err = marks_add(writer, labels);
    }
    if (err == 0) {
        memcpy(writer->last, labels.data, labels.len);
        writer->last_len = labels.len;
        writer->stream_count++;
    }
    return err;
}

static struct label pair_label(const struct label_index_writer *writer, uint32_t pair)
{
    struct label label = {0};
    struct slu_bytes text = pair_text(writer, pair);
    (void)labels_next(&text, &label);
    return label;
}

static int pair_compare(const void *left, const void *right, void *arg)
{
    struct label first = pair_label(arg, *(const uint32_t *)left);
    struct label second = pair_label(arg, *(const uint32_t *)right);
    return label_order(&first, &second);
}

/* The streams of each pair, behind one another: pair->first says where they begin. */
static void streams_sort(struct label_index_writer *writer, uint32_t *streams)
{
    struct pair *pairs = writer->pairs.data;
    const uint32_t *marks = writer->marks.data;
    uint32_t sum = 0;
    uint32_t stream = UINT32_MAX;
    for (uint32_t i = 0; i < pair_count(writer); i++) {
        pairs[i].first = sum;
        sum += pairs[i].stream_count;
    }
    for (size_t i = 0; i < writer->marks.len / sizeof(uint32_t); i++) {
        if (marks[i] == MARK_BEGINNING) {
            stream++;
        } else {
            streams[pairs[marks[i]].first++] = stream;
        }
    }
    for (uint32_t i = 0; i < pair_count(writer); i++) {
        pairs[i].first -= pairs[i].stream_count;
    }
}

/* The pages of postings, while they are written. */
struct postings {
    struct label_index_writer *writer;
    const uint32_t *streams;
    struct block page;
    struct block steps;
    struct block directory;
};

static int posting_page_end(struct postings *postings)
{
    unsigned char row[PIECE_BYTES];
    struct piece piece;
    struct slu_budget *budget = postings->writer->budget;
    if (postings->page.len == 0) {
        return 0;
    }
    int err = section_append(postings->writer->section,
                             (struct slu_bytes){postings->page.data, postings->page.len},
                             SECTION_LEVEL_GOOD, &piece);
    if (err == 0) {
        piece_encode(&piece, row);
        err = block_append(budget, &postings->directory, row, sizeof(row));
        postings->page.len = 0;
    }
    return err;
}

static int steps_make(struct postings *postings, const struct pair *pair)
{
    unsigned char bytes[VARINT_BYTES_MAX];
    uint32_t before = 0;
    int err = 0;
    postings->steps.len = 0;
    if (pair->stream_count == postings->writer->stream_count) {
        return 0;
    }
    for (uint32_t i = 0; err == 0 && i < pair->stream_count; i++) {
        uint32_t stream = postings->streams[pair->first + i];
        size_t len = varint_put(bytes, stream - before);
        err = block_append(postings->writer->budget, &postings->steps, bytes, len);
        before = stream;
    }
    return err;
}

static int posting_put(struct postings *postings, uint32_t number)
{
    struct label_index_writer *writer = postings->writer;
    const struct pair *pair = (const struct pair *)writer->pairs.data + number;
    struct slu_bytes text = pair_text(writer, number);
    unsigned char lengths[LENGTHS_MAX];
    int err = steps_make(postings, pair);
    if (err == 0 && postings->page.len + text.len + postings->steps.len > LABEL_PAGE_BYTES) {
        err = posting_page_end(postings);
    }
    if (err == 0 && postings->page.len == 0) {
        err = block_append(writer->budget, &postings->directory, text.data, text.len);
    }
    if (err == 0) {
        err = block_append(writer->budget, &postings->page, text.data, text.len);
    }
    size_t len = varint_put(lengths, pair->stream_count);
    len += varint_put(lengths + len, postings->steps.len);
    if (err == 0) {
        err = block_append(writer->budget, &postings->page, lengths, len);
    }
    if (err == 0 && postings->steps.len > 0) {
        err = block_append(writer->budget, &postings->page, postings->steps.data,
                           postings->steps.len);
    }
    return err;
}

static int postings_write(struct postings *postings, const uint32_t *order, struct piece *out)
{
    struct label_index_writer *writer = postings->writer;
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < pair_count(writer); i++) {
        err = posting_put(postings, order[i]);
    }
    if (err == 0) {
        err = posting_page_end(postings);
    }
    if (err == 0) {
        err = section_append(writer->section,
                             (struct slu_bytes){postings->directory.data, postings->directory.len},
                             SECTION_LEVEL_GOOD, out);
    }
    return err;
}

/* Numbers of pairs, and of streams. */
static int orders_make(struct label_index_writer *writer, struct block *order,
                       struct block *streams)
{
    size_t order_bytes = pair_count(writer) * sizeof(uint32_t);
    int err = block_begin(writer->budget, order_bytes > 0 ? order_bytes : 1, order);
    if (err == 0) {
        size_t len = writer->marks.len > 0 ? writer->marks.len : 1;
        err = block_begin(writer->budget, len, streams);
    }
    if (err != 0) {
        return err;
    }
    uint32_t *numbers = order->data;
    for (uint32_t i = 0; i < pair_count(writer); i++) {
        numbers[i] = i;
    }
    qsort_r(numbers, pair_count(writer), sizeof(uint32_t), pair_compare, writer);
    streams_sort(writer, streams->data);
    return 0;
}

static int postings_end(struct label_index_writer *writer, struct piece *out)
{
    struct postings postings = {.writer = writer};
    struct block order = {0};
    struct block streams = {0};
    int err = orders_make(writer, &order, &streams);
    block_free(writer->budget, &writer->slots);
    writer->slots = (struct block){0};
    postings.streams = streams.data;
    err = err != 0 ? err : block_begin(writer->budget, FIRST_BYTES, &postings.page);
    err = err != 0 ? err : block_begin(writer->budget, FIRST_BYTES, &postings.steps);
    err = err != 0 ? err : block_begin(writer->budget, FIRST_BYTES, &postings.directory);
    err = err != 0 ? err : postings_write(&postings, order.data, out);
    block_free(writer->budget, &postings.directory);
    block_free(writer->budget, &postings.steps);
    block_free(writer->budget, &postings.page);
    block_free(writer->budget, &streams);
    block_free(writer->budget, &order);
    return err;
}

int label_index_end(struct label_index_writer *writer, struct label_index_root *root)
{
    struct label_index_root made = {.stream_count = writer->stream_count,
                                    .label_count = pair_count(writer)};
    int err = stream_page_end(writer);
    if (err == 0) {
        err = section_append(writer->section,
                             (struct slu_bytes){writer->directory.data, writer->directory.len}, 0,
                             &made.streams);
    }
    if (err == 0) {
        err = postings_end(writer, &made.postings);
    }
    if (err == 0) {
        *root = made;
    }
    return err;
}

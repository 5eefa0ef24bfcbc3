#include "store/label_pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/label_index_format.h"

#define FIRST_BYTES ((size_t)4096)
#define SLOT_EMPTY  UINT32_MAX

int label_order(const struct label *left, const struct label *right)
{
    int order = labels_compare(left->name, right->name);
    return order != 0 ? order : labels_compare(left->value, right->value);
}

int label_pairs_init(struct label_pairs *pairs, struct slu_budget *budget, uint64_t seed)
{
    *pairs = (struct label_pairs){.budget = budget, .seed = seed};
    int err = block_begin(budget, FIRST_BYTES, &pairs->texts);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &pairs->pairs);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &pairs->marks);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &pairs->slots);
    if (err != 0) {
        label_pairs_deinit(pairs);
        return err;
    }
    memset(pairs->slots.data, 0xff, pairs->slots.size_bytes);
    return 0;
}

static void block_drop(struct label_pairs *pairs, struct block *block)
{
    block_free(pairs->budget, block);
    *block = (struct block){0};
}

void label_pairs_deinit(struct label_pairs *pairs)
{
    block_drop(pairs, &pairs->texts);
    block_drop(pairs, &pairs->pairs);
    block_drop(pairs, &pairs->marks);
    block_drop(pairs, &pairs->slots);
}

struct slu_bytes label_pairs_text(const struct label_pairs *pairs, uint32_t number)
{
    const struct label_pair *pair = label_pairs_at(pairs, number);
    return (struct slu_bytes){(const char *)pairs->texts.data + pair->text_at, pair->text_len};
}

/* The slot of a text, or the empty one where it belongs. */
static uint32_t *slot_find(const struct label_pairs *pairs, struct slu_bytes text)
{
    uint32_t *slots = pairs->slots.data;
    size_t mask = pairs->slots.size_bytes / sizeof(uint32_t) - 1;
    size_t at = hash_bytes(text, pairs->seed) & mask;
    while (slots[at] != SLOT_EMPTY && !bytes_equal(label_pairs_text(pairs, slots[at]), text)) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

/* At most half of the slots are in use. */
static int slots_double(struct label_pairs *pairs)
{
    struct block larger;
    int err = block_begin(pairs->budget, pairs->slots.size_bytes * 2, &larger);
    if (err != 0) {
        return err;
    }
    block_free(pairs->budget, &pairs->slots);
    pairs->slots = larger;
    memset(larger.data, 0xff, larger.size_bytes);
    for (uint32_t i = 0; i < label_pairs_count(pairs); i++) {
        *slot_find(pairs, label_pairs_text(pairs, i)) = i;
    }
    return 0;
}

static int pair_add(struct label_pairs *pairs, struct slu_bytes text, uint32_t *number)
{
    struct label_pair added = {.text_at = (uint32_t)pairs->texts.len,
                               .text_len = (uint32_t)text.len};
    if (pairs->texts.len > UINT32_MAX - text.len) {
        return -E2BIG;
    }
    int err = block_append(pairs->budget, &pairs->texts, text.data, text.len);
    if (err == 0) {
        *number = label_pairs_count(pairs);
        err = block_append(pairs->budget, &pairs->pairs, &added, sizeof(added));
    }
    if (err == 0 &&
        (size_t)label_pairs_count(pairs) * 2 * sizeof(uint32_t) > pairs->slots.size_bytes) {
        return slots_double(pairs); /* which puts it in */
    }
    if (err == 0) {
        *slot_find(pairs, text) = *number;
    }
    return err;
}

static int mark_add(struct label_pairs *pairs, uint64_t mark)
{
    unsigned char bytes[VARINT_BYTES_MAX];
    return block_append(pairs->budget, &pairs->marks, bytes, varint_put(bytes, mark));
}

int label_pairs_add(struct label_pairs *pairs, struct slu_bytes labels)
{
    struct label label;
    struct slu_bytes before = labels;
    int err = 0;
    while (err == 0 && labels_next(&labels, &label)) {
        struct slu_bytes text = {before.data, before.len - labels.len};
        uint32_t number = *slot_find(pairs, text);
        if (number == SLOT_EMPTY) {
            err = pair_add(pairs, text, &number);
        }
        if (err == 0) {
            ((struct label_pair *)pairs->pairs.data)[number].stream_count++;
            err = mark_add(pairs, (uint64_t)number + 1);
        }
        before = labels;
    }
    if (err == 0) {
        err = mark_add(pairs, 0);
    }
    pairs->stream_count += err == 0;
    return err;
}

static struct label pair_label(const struct label_pairs *pairs, uint32_t number)
{
    struct label label = {0};
    struct slu_bytes text = label_pairs_text(pairs, number);
    (void)labels_next(&text, &label); /* as it was added */
    return label;
}

static int pair_compare(const void *left, const void *right, void *arg)
{
    struct label first = pair_label(arg, *(const uint32_t *)left);
    struct label second = pair_label(arg, *(const uint32_t *)right);
    return label_order(&first, &second);
}

static int order_make(struct label_pairs *pairs, struct block *order)
{
    uint32_t count = label_pairs_count(pairs);
    int err = block_begin(pairs->budget, ((size_t)count + 1) * sizeof(uint32_t), order);
    if (err != 0) {
        return err;
    }
    uint32_t *numbers = order->data;
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = i;
    }
    qsort_r(numbers, count, sizeof(uint32_t), pair_compare, pairs);
    return 0;
}

/* Where each pair's streams begin. Returns how many there are */
static size_t streams_place(struct label_pairs *pairs)
{
    struct label_pair *list = pairs->pairs.data;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < label_pairs_count(pairs); i++) {
        list[i].first = sum;
        sum += label_pair_is_everywhere(pairs, &list[i]) ? 0 : list[i].stream_count;
    }
    return sum;
}

/* `first` goes on to the end of the pair's streams, and back. */
static void streams_fill(struct label_pairs *pairs, uint32_t *streams)
{
    struct label_pair *list = pairs->pairs.data;
    struct slu_bytes rest = {pairs->marks.data, pairs->marks.len};
    uint32_t stream = 0;
    uint64_t mark = 0;
    while (varint_next(&rest, &mark)) {
        if (mark == 0) {
            stream++;
        } else if (!label_pair_is_everywhere(pairs, &list[mark - 1])) {
            streams[list[mark - 1].first++] = stream;
        }
    }
    for (uint32_t i = 0; i < label_pairs_count(pairs); i++) {
        list[i].first -= label_pair_is_everywhere(pairs, &list[i]) ? 0 : list[i].stream_count;
    }
}

int label_pairs_end(struct label_pairs *pairs, struct block *order, struct block *streams)
{
    struct block placed;
    block_drop(pairs, &pairs->slots);
    size_t count = streams_place(pairs);
    int err = block_begin(pairs->budget, (count + 1) * sizeof(uint32_t), &placed);
    if (err != 0) {
        return err;
    }
    streams_fill(pairs, placed.data);
    block_drop(pairs, &pairs->marks);
    err = order_make(pairs, order);
    if (err != 0) {
        block_free(pairs->budget, &placed);
        return err;
    }
    *streams = placed;
    return 0;
}

#include "store/sample_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "store/labels.h"

#define SLOTS_AT_ONCE 1024 /* while the lock is held */
#define MS_NS         INT64_C(1000000)
#define FIRST_BYTES   ((size_t)4096)

struct copying {
    struct sample_copy *copy;
    struct shelf_view *view;
    const struct store_query *query;
    enum store_sample_kind kind;
    struct block items; /* of one series */
    struct block bytes;
};

static int64_t floor_ms(int64_t time_ns)
{
    return time_ns / MS_NS - (time_ns % MS_NS < 0);
}

static int64_t ceiling_ms(int64_t time_ns)
{
    return time_ns / MS_NS + (time_ns % MS_NS > 0);
}

/* The items of the series that are in the range. */
static const unsigned char *range_cut(const struct copying *copying, size_t *count)
{
    size_t item_bytes = copying->copy->item_bytes;
    const unsigned char *items = copying->items.data;
    size_t all = copying->items.len / item_bytes;
    int64_t from_ms = ceiling_ms(copying->query->from_ns);
    int64_t to_ms = floor_ms(copying->query->to_ns);
    size_t first = 0;
    size_t end = all;
    int64_t time_ms = 0;
    while (first < all && (memcpy(&time_ms, items + first * item_bytes, 8), time_ms < from_ms)) {
        first++;
    }
    while (end > first && (memcpy(&time_ms, items + (end - 1) * item_bytes, 8), time_ms > to_ms)) {
        end--;
    }
    *count = end - first;
    return items + first * item_bytes;
}

/* Messages keep, until all are there, the place of their bytes in `data`. */
static int messages_append(struct copying *copying, const struct sample_message *messages,
                           size_t count)
{
    struct sample_copy *copy = copying->copy;
    int err = 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct sample_message placed = messages[i];
        placed.bytes.data = (const void *)(uintptr_t)copy->bytes.len;
        if (messages[i].bytes.len > 0) {
            err = block_append(copy->budget, &copy->bytes, messages[i].bytes.data,
                               messages[i].bytes.len);
        }
        if (err == 0) {
            err = block_append(copy->budget, &copy->items, &placed, sizeof(placed));
        }
    }
    return err;
}

static int series_append(struct copying *copying, struct slu_bytes labels)
{
    struct sample_copy *copy = copying->copy;
    size_t count = 0;
    const unsigned char *items = range_cut(copying, &count);
    struct copied_series series = {.labels_at = copy->labels.len,
                                   .items_at = copy->items.len,
                                   .labels_len = (uint32_t)labels.len,
                                   .count = (uint32_t)count};
    if (count == 0) {
        return 0;
    }
    int err = block_append(copy->budget, &copy->labels, labels.data, labels.len);
    if (err == 0 && copying->kind == STORE_NUMBER) {
        err = block_append(copy->budget, &copy->items, items, count * copy->item_bytes);
    } else if (err == 0) {
        err = messages_append(copying, (const struct sample_message *)(const void *)items, count);
    }
    if (err == 0) {
        err = block_append(copy->budget, &copy->series, &series, sizeof(series));
        copy->series_count += err == 0;
    }
    return err;
}

/* With the lock held. What is sealed is in no part yet. */
static int slot_copy(struct copying *copying, uint32_t slot)
{
    const struct sample_head *head = &copying->view->shelf->head.samples;
    if (!stream_table_has(&head->table, slot)) {
        return 0;
    }
    struct slu_bytes key = stream_table_key(&head->table, slot);
    struct slu_bytes labels = {key.data, key.len - SAMPLE_KEY_KIND_BYTES};
    if (((const unsigned char *)key.data)[labels.len] != copying->kind ||
        !matchers_take(copying->query->matchers, copying->query->matcher_count, labels)) {
        return 0;
    }
    int err = sample_head_read(head, slot, copying->kind == STORE_NUMBER, true, true,
                               copying->copy->budget, &copying->items, &copying->bytes);
    return err != 0 ? err : series_append(copying, labels);
}

static int slots_copy(struct copying *copying)
{
    struct shelf *shelf = copying->view->shelf;
    uint32_t slot = 0;
    bool is_end = false;
    int err = 0;
    while (err == 0 && !is_end) {
        mutex_lock(&shelf->lock);
        uint32_t all = shelf->head.samples.table.slot_count;
        for (uint32_t i = 0; err == 0 && i < SLOTS_AT_ONCE && slot < all; i++) {
            err = slot_copy(copying, slot++);
        }
        is_end = slot >= all;
        mutex_unlock(&shelf->lock);
        err = err != 0 ? err : store_query_check(copying->query);
    }
    return err;
}

static int series_compare(const void *left, const void *right, void *arg)
{
    const struct sample_copy *copy = arg;
    const struct copied_series *first = left;
    const struct copied_series *second = right;
    struct slu_bytes left_labels = {(const char *)copy->labels.data + first->labels_at,
                                    first->labels_len};
    struct slu_bytes right_labels = {(const char *)copy->labels.data + second->labels_at,
                                     second->labels_len};
    return labels_compare(left_labels, right_labels);
}

static void messages_place(struct sample_copy *copy)
{
    struct sample_message *messages = copy->items.data;
    for (size_t i = 0; i < copy->items.len / sizeof(*messages); i++) {
        messages[i].bytes.data = (const char *)copy->bytes.data + (uintptr_t)messages[i].bytes.data;
    }
}

static int copy_begin(struct sample_copy *copy, struct slu_budget *budget,
                      enum store_sample_kind kind)
{
    *copy = (struct sample_copy){
        .budget = budget,
        .item_bytes = kind == STORE_NUMBER ? sizeof(struct sample) : sizeof(struct sample_message)};
    int err = block_begin(budget, FIRST_BYTES, &copy->series);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &copy->labels);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &copy->items);
    return err != 0 ? err : block_begin(budget, FIRST_BYTES, &copy->bytes);
}

int sample_copy_make(struct sample_copy *copy, struct shelf_view *view,
                     const struct store_query *query, enum store_sample_kind kind)
{
    struct copying copying = {.copy = copy, .view = view, .query = query, .kind = kind};
    int err = copy_begin(copy, query->budget, kind);
    if (err == 0) {
        err = slots_copy(&copying);
    }
    shelf_view_copied(view);
    block_free(query->budget, &copying.items);
    block_free(query->budget, &copying.bytes);
    if (err != 0) {
        sample_copy_close(copy);
        return err;
    }
    if (kind != STORE_NUMBER) {
        messages_place(copy);
    }
    qsort_r(copy->series.data, copy->series_count, sizeof(struct copied_series), series_compare,
            copy);
    return 0;
}

void sample_copy_close(struct sample_copy *copy)
{
    block_free(copy->budget, &copy->bytes);
    block_free(copy->budget, &copy->items);
    block_free(copy->budget, &copy->labels);
    block_free(copy->budget, &copy->series);
}

struct slu_bytes sample_copy_labels(const struct sample_copy *copy, size_t at)
{
    const struct copied_series *series = (const struct copied_series *)copy->series.data + at;
    return (struct slu_bytes){(const char *)copy->labels.data + series->labels_at,
                              series->labels_len};
}

const void *sample_copy_items(const struct sample_copy *copy, size_t at, size_t *count)
{
    const struct copied_series *series = (const struct copied_series *)copy->series.data + at;
    *count = series->count;
    return (const char *)copy->items.data + series->items_at;
}

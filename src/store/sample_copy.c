#include "store/sample_copy.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>

#include "store/labels.h"

#define SLOTS_AT_ONCE 1024 /* while the lock is held */
#define MS_NS         INT64_C(1000000)
#define FIRST_BYTES   ((size_t)4096)
#define CHUNK_BYTES   ((size_t)64 * 1024)

struct copying {
    struct sample_copy *copy;
    struct shelf_view *view;
    const struct store_query *query;
    enum store_sample_kind kind;
};

/* With the lock held. */
static int series_append(struct copying *copying, uint32_t slot, struct slu_bytes labels)
{
    const struct sample_head *head = &copying->view->shelf->head.samples;
    struct sample_copy *copy = copying->copy;
    void *memory = NULL;
    struct sample_runs runs = sample_head_runs(head, slot, true, true);
    if (runs.counts[0] + runs.counts[1] == 0) {
        return 0;
    }
    size_t bytes = sizeof(struct copied_series) + labels.len + runs.lens[0] + runs.lens[1];
    int err = slu_arena_alloc(copy->arena, bytes, alignof(struct copied_series), &memory);
    if (err != 0) {
        return err;
    }
    struct copied_series *series = memory;
    series->runs = runs;
    series->labels_len = (uint32_t)labels.len;
    memcpy(series->bytes, labels.data, labels.len);
    sample_head_copy(head, slot, &runs, series->bytes + labels.len);
    err = block_append(copy->budget, &copy->series, &memory, sizeof(memory));
    copy->series_count += err == 0;
    return err;
}

/* With the lock held. What is sealed is in no part yet. */
static int slot_copy(struct copying *copying, uint32_t slot)
{
    const struct sample_head *head = &copying->view->shelf->head.samples;
    const struct store_query *query = copying->query;
    if (!stream_table_has(&head->table, slot)) {
        return 0;
    }
    struct slu_bytes key = stream_table_key(&head->table, slot);
    struct slu_bytes labels = {key.data, key.len - SAMPLE_KEY_KIND_BYTES};
    bool is_of_kind = ((const unsigned char *)key.data)[labels.len] == copying->kind;
    bool is_within = sample_head_newest(head, slot) >= query->from_ns / MS_NS;
    if (!is_of_kind || !is_within ||
        !matchers_take(query->matchers, query->matcher_count, labels)) {
        return 0;
    }
    return series_append(copying, slot, labels);
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

static int series_compare(const void *left, const void *right)
{
    struct copied_series *const *first = left;
    struct copied_series *const *second = right;
    return labels_compare(copied_labels(*first), copied_labels(*second));
}

static int copy_begin(struct sample_copy *copy, struct slu_budget *budget)
{
    const struct slu_arena_options options = {.chunk_bytes = CHUNK_BYTES, .limit_bytes = SIZE_MAX};
    *copy = (struct sample_copy){.budget = budget};
    int err = block_begin(budget, FIRST_BYTES, &copy->series);
    return err != 0 ? err : slu_arena_create(budget, &options, NULL, &copy->arena);
}

int sample_copy_make(struct sample_copy *copy, struct shelf_view *view,
                     const struct store_query *query, enum store_sample_kind kind)
{
    struct copying copying = {.copy = copy, .view = view, .query = query, .kind = kind};
    int err = copy_begin(copy, query->budget);
    if (err == 0) {
        err = slots_copy(&copying);
    }
    shelf_view_copied(view);
    if (err != 0) {
        sample_copy_close(copy);
        return err;
    }
    qsort(copy->series.data, copy->series_count, sizeof(struct copied_series *), series_compare);
    return 0;
}

void sample_copy_close(struct sample_copy *copy)
{
    slu_arena_destroy(&copy->arena);
    block_free(copy->budget, &copy->series);
}

/* Names, values and streams, of the parts' indexes and the head. */
#include <errno.h>
#include <stddef.h>

#include "store/label_index.h"
#include "store/labels.h"
#include "store/shelf_view.h"
#include "store/store_state.h"
#include "store/text_set.h"

#define SLOTS_AT_ONCE 4096

enum label_wish {
    WISH_NAMES,
    WISH_VALUES,
    WISH_STREAMS,
};

struct label_reading {
    const struct store_query *query;
    struct text_set *set;
    enum label_wish wish;
    struct slu_bytes name;
};

static int text_take(void *arg, struct slu_bytes text, uint32_t stream_count)
{
    struct label_reading *reading = arg;
    (void)stream_count;
    int err = store_query_check(reading->query);
    return err != 0 ? err : text_set_add(reading->set, text);
}

static int labels_take(struct label_reading *reading, struct slu_bytes labels)
{
    struct slu_bytes rest = labels;
    struct label label;
    int err = 0;
    if (reading->wish == WISH_STREAMS) {
        return text_set_add(reading->set, labels);
    }
    while (err == 0 && labels_next(&rest, &label)) {
        if (reading->wish == WISH_NAMES) {
            err = text_set_add(reading->set, label.name);
        } else if (labels_compare(label.name, reading->name) == 0) {
            err = text_set_add(reading->set, label.value);
        }
    }
    return err;
}

static int stream_take(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct label_reading *reading = arg;
    (void)stream;
    (void)value;
    int err = store_query_check(reading->query);
    return err != 0 ? err : labels_take(reading, labels);
}

static int part_read(struct label_reading *reading, const struct part *part)
{
    const struct store_query *query = reading->query;
    struct label_index index = part_index(part);
    if (query->matcher_count == 0 && reading->wish == WISH_NAMES) {
        return label_index_names(&index, query->budget, text_take, reading);
    }
    if (query->matcher_count == 0 && reading->wish == WISH_VALUES) {
        return label_index_values(&index, reading->name, query->budget, text_take, reading);
    }
    return label_index_select(&index, query->matchers, query->matcher_count, query->budget,
                              stream_take, reading);
}

/* Open streams have something in the head, or had it a moment ago. */
static int head_read(struct label_reading *reading, struct shelf *shelf)
{
    bool has_samples = shelf_has_samples(shelf);
    const struct stream_table *table =
        has_samples ? &shelf->head.samples.table : &shelf->head.rows.table;
    uint32_t slot = 0;
    bool is_end = false;
    int err = 0;
    while (err == 0 && !is_end) {
        mutex_lock(&shelf->lock);
        for (uint32_t i = 0; err == 0 && i < SLOTS_AT_ONCE && slot < table->slot_count; i++) {
            if (stream_table_has(table, slot)) {
                struct slu_bytes labels = stream_table_key(table, slot);
                labels.len -= has_samples ? SAMPLE_KEY_KIND_BYTES : 0;
                if (matchers_take(reading->query->matchers, reading->query->matcher_count,
                                  labels)) {
                    err = labels_take(reading, labels);
                }
            }
            slot++;
        }
        is_end = slot >= table->slot_count;
        mutex_unlock(&shelf->lock);
        err = err != 0 ? err : store_query_check(reading->query);
    }
    return err;
}

static bool head_is_within(struct shelf *shelf, const struct store_query *query)
{
    int64_t min_ns = 0;
    int64_t max_ns = 0;
    mutex_lock(&shelf->lock);
    bool is_there = shelf_head_range(shelf, &min_ns, &max_ns);
    mutex_unlock(&shelf->lock);
    return is_there && max_ns >= query->from_ns && min_ns <= query->to_ns;
}

static int shelf_read(struct label_reading *reading, struct shelf *shelf)
{
    struct shelf_view view;
    int err = shelf_view_open(&view, shelf, reading->query);
    if (err != 0) {
        return err;
    }
    if (head_is_within(shelf, reading->query)) {
        err = head_read(reading, shelf);
    }
    shelf_view_copied(&view);
    for (uint32_t i = 0; err == 0 && i < view.part_count; i++) {
        const struct part *part = shelf_view_part(&view, i);
        err = shelf_view_forgive(&view, part, reading->query, part_read(reading, part));
    }
    shelf_view_close(&view);
    return err;
}

static int labels_read(struct store *store, enum store_signal signal, struct label_reading *reading,
                       store_text_fn *visit, void *arg)
{
    int err = text_set_create(reading->query->budget, &reading->set);
    if (err != 0) {
        return err;
    }
    err = shelf_read(reading, &store->shelves[signal]);
    if (err == 0) {
        err = text_set_visit(reading->set, visit, arg);
    }
    text_set_destroy(&reading->set);
    return err;
}

int store_label_names(struct store *store, enum store_signal signal,
                      const struct store_query *query, store_text_fn *visit, void *arg)
{
    struct label_reading reading = {.query = query, .wish = WISH_NAMES};
    return labels_read(store, signal, &reading, visit, arg);
}

int store_label_values(struct store *store, enum store_signal signal,
                       const struct store_query *query, struct slu_bytes name, store_text_fn *visit,
                       void *arg)
{
    struct label_reading reading = {.query = query, .wish = WISH_VALUES, .name = name};
    return labels_read(store, signal, &reading, visit, arg);
}

int store_streams(struct store *store, enum store_signal signal, const struct store_query *query,
                  store_text_fn *visit, void *arg)
{
    struct label_reading reading = {.query = query, .wish = WISH_STREAMS};
    return labels_read(store, signal, &reading, visit, arg);
}

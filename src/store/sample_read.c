/*
 * Samples of series, merged of all parts and the head. Parts and the copied head have their series
 * in one order, so that the next series is the lowest of all; its samples are gathered in memory,
 * sorted by time, and of the same time the newest part's is kept.
 */
#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "store/labels.h"
#include "store/part_samples.h"
#include "store/sample_copy.h"
#include "store/shelf_view.h"
#include "store/store_state.h"
#include "store/time_sort.h"

#define MS_NS       INT64_C(1000000)
#define FIRST_BYTES ((size_t)4096)

struct sample_reading {
    const struct store_query *query;
    enum store_sample_kind kind;
    struct shelf_view view;
    struct sample_copy copy;
    size_t copy_at;
    struct part_samples *parts;
    uint32_t part_count; /* opened */
    struct block items;  /* of the current series */
    struct block bytes;  /* of messages */
    unsigned char labels[LABELS_BYTES_MAX];
    size_t labels_len;
};

static size_t item_bytes(const struct sample_reading *reading)
{
    return reading->kind == STORE_NUMBER ? sizeof(struct sample) : sizeof(struct sample_message);
}

static bool is_within(const struct store_query *query, int64_t time_ms)
{
    int64_t from_ms = query->from_ns / MS_NS + (query->from_ns % MS_NS > 0);
    int64_t to_ms = query->to_ns / MS_NS - (query->to_ns % MS_NS < 0);
    return time_ms >= from_ms && time_ms <= to_ms;
}

static int number_take(struct sample_reading *reading, struct sample_cursor *cursor)
{
    struct sample sample;
    int err = sample_next(cursor, &sample);
    if (err == 0 && is_within(reading->query, sample.time_ms)) {
        err = block_append(reading->query->budget, &reading->items, &sample, sizeof(sample));
    }
    return err;
}

/* Messages' bytes go to a block that moves: until the series is complete, `data` is their place. */
static int message_take(struct sample_reading *reading, struct sample_cursor *cursor)
{
    struct sample_message message;
    struct slu_budget *budget = reading->query->budget;
    int err = sample_next_message(cursor, &message);
    if (err != 0 || !is_within(reading->query, message.time_ms)) {
        return err;
    }
    struct sample_message placed = message;
    placed.bytes.data = (const void *)(uintptr_t)reading->bytes.len;
    if (message.bytes.len > 0) {
        err = block_append(budget, &reading->bytes, message.bytes.data, message.bytes.len);
    }
    return err != 0 ? err : block_append(budget, &reading->items, &placed, sizeof(placed));
}

static int chunk_take(struct sample_reading *reading, struct part_samples *samples,
                      const struct sample_chunk *chunk)
{
    struct sample_cursor cursor;
    enum sample_kind kind = reading->kind == STORE_NUMBER ? SAMPLE_NUMBERS : SAMPLE_MESSAGES;
    int err = part_samples_chunk(samples, chunk, &cursor);
    if (err == 0 && cursor.kind != kind) {
        err = -EBADMSG;
    }
    while (err == 0) {
        err =
            kind == SAMPLE_NUMBERS ? number_take(reading, &cursor) : message_take(reading, &cursor);
    }
    return err == -ENODATA ? 0 : err;
}

static int series_take(struct sample_reading *reading, struct part_samples *samples)
{
    struct slu_bytes chunks = samples->chunks;
    struct sample_chunk chunk;
    int err = 0;
    while (err == 0 && sample_chunk_next(&chunks, &chunk)) {
        bool is_wanted = chunk.kind == reading->kind &&
                         chunk.max_ms >= reading->query->from_ns / MS_NS &&
                         chunk.min_ms <= reading->query->to_ns / MS_NS;
        if (is_wanted) {
            err = chunk_take(reading, samples, &chunk);
        }
    }
    return err != 0 || chunks.len == 0 ? err : -EBADMSG;
}

static void messages_place(struct sample_reading *reading)
{
    struct sample_message *messages = reading->items.data;
    for (size_t i = 0; i < reading->items.len / sizeof(*messages); i++) {
        messages[i].bytes.data =
            (const char *)reading->bytes.data + (uintptr_t)messages[i].bytes.data;
    }
}

/* The head's samples are the newest, and go last. */
static int copy_take(struct sample_reading *reading)
{
    size_t count = 0;
    const void *items = sample_copy_items(&reading->copy, reading->copy_at, &count);
    reading->copy_at++;
    return block_append(reading->query->budget, &reading->items, items,
                        count * item_bytes(reading));
}

/* The lowest labels of all that are left; false: nothing is. */
static bool labels_next_of_all(struct sample_reading *reading)
{
    struct slu_bytes lowest = {NULL, 0};
    bool is_found = false;
    for (uint32_t i = 0; i < reading->part_count; i++) {
        const struct part_samples *samples = &reading->parts[i];
        if (!samples->is_at_end && (!is_found || labels_compare(samples->labels, lowest) < 0)) {
            lowest = samples->labels;
            is_found = true;
        }
    }
    if (reading->copy_at < reading->copy.series_count) {
        struct slu_bytes labels = sample_copy_labels(&reading->copy, reading->copy_at);
        if (!is_found || labels_compare(labels, lowest) < 0) {
            lowest = labels;
            is_found = true;
        }
    }
    if (is_found) {
        memcpy(reading->labels, lowest.data, lowest.len);
        reading->labels_len = lowest.len;
    }
    return is_found;
}

static int series_gather(struct sample_reading *reading)
{
    struct slu_bytes labels = {reading->labels, reading->labels_len};
    int err = 0;
    reading->items.len = 0;
    reading->bytes.len = 0;
    for (uint32_t i = 0; err == 0 && i < reading->part_count; i++) {
        struct part_samples *samples = &reading->parts[i];
        if (!samples->is_at_end && labels_compare(samples->labels, labels) == 0) {
            err = series_take(reading, samples);
            err = err != 0 ? err : part_samples_next(samples);
        }
    }
    if (err == 0 && reading->kind != STORE_NUMBER) {
        messages_place(reading);
    }
    if (err == 0 && reading->copy_at < reading->copy.series_count &&
        labels_compare(sample_copy_labels(&reading->copy, reading->copy_at), labels) == 0) {
        err = copy_take(reading);
    }
    if (err == 0) {
        err = time_sort(reading->items.data, item_bytes(reading),
                        reading->items.len / item_bytes(reading), reading->query->budget);
    }
    return err;
}

static int series_visit(struct sample_reading *reading, store_series_fn *visit, void *arg)
{
    size_t count = time_unique(reading->items.data, item_bytes(reading),
                               reading->items.len / item_bytes(reading));
    struct store_series series = {
        .labels = {reading->labels, reading->labels_len}, .kind = reading->kind, .count = count};
    if (count == 0) {
        return 0;
    }
    if (reading->kind == STORE_NUMBER) {
        series.samples = reading->items.data;
    } else {
        series.messages = reading->items.data;
    }
    return visit(arg, &series);
}

static int parts_begin(struct sample_reading *reading)
{
    const struct store_query *query = reading->query;
    void *memory = NULL;
    size_t bytes = reading->view.part_count * sizeof(struct part_samples);
    int err = slu_budget_alloc(query->budget, bytes > 0 ? bytes : 1, &memory);
    if (err != 0) {
        return err;
    }
    reading->parts = memory;
    for (uint32_t i = 0; err == 0 && i < reading->view.part_count; i++) {
        err = part_samples_open(&reading->parts[i], shelf_view_part(&reading->view, i),
                                query->matchers, query->matcher_count, query->budget);
        reading->part_count += err == 0;
    }
    return err;
}

static void reading_end(struct sample_reading *reading)
{
    struct slu_budget *budget = reading->query->budget;
    size_t bytes = reading->view.part_count * sizeof(struct part_samples);
    for (uint32_t i = 0; i < reading->part_count; i++) {
        part_samples_close(&reading->parts[i]);
    }
    slu_budget_free(budget, reading->parts, bytes > 0 ? bytes : 1);
    block_free(budget, &reading->bytes);
    block_free(budget, &reading->items);
    shelf_view_close(&reading->view);
    slu_budget_free(budget, reading, sizeof(*reading));
}

static int reading_run(struct sample_reading *reading, store_series_fn *visit, void *arg)
{
    const struct store_query *query = reading->query;
    int err = sample_copy_make(&reading->copy, &reading->view, query, reading->kind);
    if (err != 0) {
        return err;
    }
    err = parts_begin(reading);
    err = err != 0 ? err : block_begin(query->budget, FIRST_BYTES, &reading->items);
    err = err != 0 ? err : block_begin(query->budget, FIRST_BYTES, &reading->bytes);
    while (err == 0 && labels_next_of_all(reading)) {
        err = store_query_check(query);
        err = err != 0 ? err : series_gather(reading);
        err = err != 0 ? err : series_visit(reading, visit, arg);
    }
    sample_copy_close(&reading->copy);
    return err;
}

int store_samples(struct store *store, const struct store_query *query, enum store_sample_kind kind,
                  store_series_fn *visit, void *arg)
{
    void *memory = NULL;
    int err = slu_budget_alloc(query->budget, sizeof(struct sample_reading), &memory);
    if (err != 0) {
        return err;
    }
    struct sample_reading *reading = memory;
    *reading = (struct sample_reading){.query = query, .kind = kind};
    err = shelf_view_open(&reading->view, &store->shelves[STORE_METRICS], query);
    if (err != 0) {
        slu_budget_free(query->budget, reading, sizeof(*reading));
        return err;
    }
    err = reading_run(reading, visit, arg);
    reading_end(reading);
    return err;
}

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
#include "store/sample_gather.h"
#include "store/shelf_view.h"
#include "store/store_state.h"

struct sample_reading {
    const struct store_query *query;
    struct block_cache *cache;
    enum store_sample_kind kind;
    struct shelf_view view;
    struct sample_copy copy;
    size_t copy_at;
    struct part_samples *parts;
    uint32_t part_count; /* opened */
    struct sample_gather gather;
    unsigned char labels[LABELS_BYTES_MAX];
    size_t labels_len;
};

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

/* The head's samples are the newest, and go last. */
static int copy_take(struct sample_reading *reading)
{
    const struct copied_series *series = sample_copy_series(&reading->copy, reading->copy_at);
    reading->copy_at++;
    return sample_gather_runs(&reading->gather, &series->runs, copied_runs(series));
}

/* What a part has of the series, and on to its next one. */
static int part_take(struct sample_reading *reading, uint32_t at)
{
    struct part_samples *samples = &reading->parts[at];
    const struct part *part = samples->part;
    int err = sample_gather_part(&reading->gather, samples);
    err = shelf_view_forgive(&reading->view, part, reading->query, err);
    if (err == 0) {
        err = part_samples_next(samples);
        samples->is_at_end |= err == -EBADMSG;
        err = shelf_view_forgive(&reading->view, part, reading->query, err);
    }
    return err;
}

static int series_gather(struct sample_reading *reading, size_t *count)
{
    struct slu_bytes labels = {reading->labels, reading->labels_len};
    int err = 0;
    sample_gather_begin(&reading->gather, reading->kind);
    for (uint32_t i = 0; err == 0 && i < reading->part_count; i++) {
        struct part_samples *samples = &reading->parts[i];
        if (!samples->is_at_end && labels_compare(samples->labels, labels) == 0) {
            err = part_take(reading, i);
        }
    }
    if (err == 0 && reading->copy_at < reading->copy.series_count &&
        labels_compare(sample_copy_labels(&reading->copy, reading->copy_at), labels) == 0) {
        err = copy_take(reading);
    }
    return err != 0 ? err : sample_gather_sort(&reading->gather, count);
}

static int series_visit(struct sample_reading *reading, size_t count, store_series_fn *visit,
                        void *arg)
{
    struct store_series series = {
        .labels = {reading->labels, reading->labels_len}, .kind = reading->kind, .count = count};
    if (count == 0) {
        return 0;
    }
    if (reading->kind == STORE_NUMBER) {
        series.samples = reading->gather.items.data;
    } else {
        series.messages = reading->gather.items.data;
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
        err = part_samples_open(&reading->parts[reading->part_count],
                                shelf_view_part(&reading->view, i), query->matchers,
                                query->matcher_count, reading->cache, query->budget);
        reading->part_count += err == 0;
        err = shelf_view_forgive(&reading->view, shelf_view_part(&reading->view, i), query, err);
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
    sample_gather_deinit(&reading->gather);
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
    while (err == 0 && labels_next_of_all(reading)) {
        size_t count = 0;
        err = store_query_check(query);
        err = err != 0 ? err : series_gather(reading, &count);
        err = err != 0 ? err : series_visit(reading, count, visit, arg);
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
    *reading = (struct sample_reading){.query = query, .cache = store->cache, .kind = kind};
    err = sample_gather_init(&reading->gather, query->budget, query->from_ns, query->to_ns);
    if (err == 0) {
        err = shelf_view_open(&reading->view, &store->shelves[STORE_METRICS], query);
    }
    if (err != 0) {
        sample_gather_deinit(&reading->gather);
        slu_budget_free(query->budget, reading, sizeof(*reading));
        return err;
    }
    err = reading_run(reading, visit, arg);
    reading_end(reading);
    return err;
}

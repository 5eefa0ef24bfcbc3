/*
 * What the tests of parts share: a directory with a list of parts, and parts made of records that
 * follow from their numbers.
 */
#ifndef TESTS_STORE_PART_FIXTURE_H
#define TESTS_STORE_PART_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"
#include "store/labels.h"
#include "store/part_list.h"
#include "store/row_part.h"
#include "store/sample_part.h"
#include "store/store_io.h"

#define PART_BUDGET_BYTES ((uint64_t)256 << 20)
#define PART_SALT         UINT64_C(0x1122334455667788)
#define PART_MESSAGE_MOST 90

struct part_bench {
    struct slu_budget *budget;
    struct segment_directory directory;
    struct part_list list;
    uint32_t signal;
    uint64_t used;
    char path[64];
};

/* A record of a part: a sample of a kind, or a row; its content follows from its number. */
struct part_item {
    uint32_t series;
    uint32_t kind;
    int64_t time; /* ms of samples, ns of rows */
    uint32_t number;
};

static inline int part_bench_list(struct part_bench *bench, uint64_t sequence_end)
{
    struct slu_diag diag = {0};
    return part_list_init(&bench->list, bench->budget, &bench->directory, bench->signal,
                          sequence_end, &diag);
}

static inline void part_bench_open(struct part_bench *bench, uint32_t signal)
{
    *bench = (struct part_bench){.budget = budget_of(PART_BUDGET_BYTES),
                                 .signal = signal,
                                 .path = "/tmp/sluice-part-XXXXXX"};
    folder_make(bench->path);
    bench->directory = (struct segment_directory){&store_io_real, bench->path};
    bench->used = budget_used(bench->budget);
    assert_int_equal(part_bench_list(bench, UINT64_MAX), 0);
}

static inline void part_bench_close(struct part_bench *bench)
{
    part_list_deinit(&bench->list);
    assert_int_equal(budget_used(bench->budget), bench->used);
    slu_budget_destroy(&bench->budget);
    folder_remove(bench->path);
}

static inline int part_name_count(void *arg, const char *name)
{
    *(size_t *)arg += name[0] != '.';
    return 0;
}

/* How many files there are. */
static inline size_t part_bench_files(const struct part_bench *bench)
{
    size_t count = 0;
    assert_int_equal(store_io_real.list(NULL, bench->path, part_name_count, &count), 0);
    return count;
}

static inline struct slu_bytes series_labels(uint32_t series, unsigned char bytes[64])
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%04u", series);
    struct label labels[] = {{{"series", 6}, {text, (size_t)len}}};
    size_t encoded = 0;
    unsigned char whole[LABELS_BYTES_MAX];
    assert_int_equal(labels_encode(labels, 1, whole, &encoded), 0);
    assert_true(encoded <= 64);
    memcpy(bytes, whole, encoded);
    return (struct slu_bytes){bytes, encoded};
}

static inline uint32_t labels_series(struct slu_bytes labels)
{
    struct slu_bytes value;
    char text[16] = {0};
    unsigned series = 0;
    assert_true(labels_find(labels, (struct slu_bytes){"series", 6}, &value));
    memcpy(text, value.data, value.len < 15 ? value.len : 15);
    assert_int_equal(sscanf(text, "%u", &series), 1);
    return series;
}

static inline struct slu_bytes item_message(const struct part_item *item, unsigned char *bytes)
{
    size_t len = item->number % PART_MESSAGE_MOST;
    memset(bytes, (int)(item->number % 256), len);
    return (struct slu_bytes){bytes, len};
}

/* Rows tell their number in `rest`. */
static inline struct row item_row(const struct part_item *item, char bytes[64])
{
    int len = snprintf(bytes, 40, "row %u of all", item->number);
    memcpy(bytes + 40, &item->number, sizeof(item->number));
    memset(bytes + 44, (int)(item->number % 50), 16);
    return (struct row){.time_ns = item->time,
                        .duration_ns = item->number,
                        .key = {bytes + 44, item->number % 4 == 0 ? 0 : 16},
                        .text = {bytes, (size_t)len},
                        .scope = {"scope", item->number % 2 * 5},
                        .rest = {bytes + 40, sizeof(item->number)}};
}

static inline int item_sample_add(struct sample_part_writer *writer, const struct part_item *item)
{
    unsigned char bytes[PART_MESSAGE_MOST];
    if (item->kind == 0) {
        struct sample sample = {item->time, (double)item->number / 4};
        return sample_part_add(writer, &sample, 1);
    }
    struct sample_message message = {item->time, item_message(item, bytes)};
    return sample_part_add_messages(writer, item->kind, &message, 1);
}

/* Items come by series, then by kind, then by time. */
static inline int samples_write(struct part_bench *bench, const struct part_item *items,
                                size_t count, struct part *part)
{
    struct sample_part_writer writer;
    unsigned char labels[64];
    int err =
        sample_part_begin(&writer, &bench->directory, &part->name, 1, PART_SALT, bench->budget);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = item_sample_add(&writer, &items[i]);
        if (err == 0 && (i + 1 == count || items[i + 1].series != items[i].series)) {
            err = sample_part_series(&writer, series_labels(items[i].series, labels));
        }
    }
    if (err != 0) {
        sample_part_abort(&writer);
        return err;
    }
    return sample_part_end(&writer, (struct slu_bytes){NULL, 0}, part);
}

static inline int rows_write(struct part_bench *bench, const struct part_item *items, size_t count,
                             struct part *part)
{
    struct row_part_writer writer;
    unsigned char labels[64];
    char bytes[64];
    int err = row_part_begin(&writer, &bench->directory, &part->name, bench->signal, 1, PART_SALT,
                             bench->budget);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct row row = item_row(&items[i], bytes);
        err = row_part_add(&writer, &row);
        if (err == 0 && (i + 1 == count || items[i + 1].series != items[i].series)) {
            err = row_part_stream(&writer, series_labels(items[i].series, labels));
        }
    }
    if (err != 0) {
        row_part_abort(&writer);
        return err;
    }
    return row_part_end(&writer, part);
}

/* Write a part and put it into the list; -errno: neither is there. */
static inline int part_add(struct part_bench *bench, struct part_name name,
                           const struct part_item *items, size_t count)
{
    struct part *part = NULL;
    int err = part_list_prepare(&bench->list, &name, &part);
    if (err != 0) {
        return err;
    }
    err = bench->signal == 0 ? samples_write(bench, items, count, part)
                             : rows_write(bench, items, count, part);
    if (err == 0) {
        part_list_put(&bench->list, part);
    } else {
        part_list_forget(&bench->list, part);
    }
    return err;
}

#endif

/*
 * A row's scope in the store is what is around its record: a varint of the length of the resource's
 * bytes, these, and the scope's bytes.
 */
#include "pipeline/store_intake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "store/varint.h"
#include "wire/otlp_rows.h"
#include "wire/otlp_samples.h"

#define FIRST_BYTES ((size_t)4096)
#define FACTS_MAX   1024
/* One more than the store takes, which refuses it then. */
#define LABELS_MOST (LABELS_COUNT_MAX + 1)
#define MS_NS       INT64_C(1000000)
#define ROW_SIGNALS (STORE_SIGNAL_COUNT - 1)

/* What rows of one signal are taken apart with. */
struct row_intake {
    struct otlp_row_reader *reader;
    struct block around; /* of the row that is added */
    struct store_batch *batch;
};

struct store_intake {
    struct slu_budget *budget;
    struct otlp_sample_reader *samples;
    struct row_intake rows[ROW_SIGNALS];
};

enum store_signal store_signal_of(enum otlp_signal signal)
{
    static const enum store_signal signals[] = {
        [OTLP_TRACES] = STORE_TRACES,
        [OTLP_METRICS] = STORE_METRICS,
        [OTLP_LOGS] = STORE_LOGS,
        [OTLP_PROFILES] = STORE_PROFILES,
    };
    return signals[signal];
}

enum otlp_signal store_signal_otlp(enum store_signal signal)
{
    static const enum otlp_signal signals[] = {
        [STORE_TRACES] = OTLP_TRACES,
        [STORE_METRICS] = OTLP_METRICS,
        [STORE_LOGS] = OTLP_LOGS,
        [STORE_PROFILES] = OTLP_PROFILES,
    };
    return signals[signal];
}

int store_intake_create(struct slu_budget *budget, struct store_intake **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct store_intake), &memory);
    if (err != 0) {
        return err;
    }
    struct store_intake *intake = memory;
    *intake = (struct store_intake){.budget = budget};
    err = otlp_sample_reader_create(budget, &intake->samples);
    for (size_t i = 0; err == 0 && i < ROW_SIGNALS; i++) {
        err = otlp_row_reader_create(budget, &intake->rows[i].reader);
        err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &intake->rows[i].around);
    }
    if (err != 0) {
        store_intake_destroy(&intake);
        return err;
    }
    *out = intake;
    return 0;
}

void store_intake_destroy(struct store_intake **out)
{
    struct store_intake *intake = *out;
    *out = NULL;
    if (intake != NULL) {
        for (size_t i = 0; i < ROW_SIGNALS; i++) {
            block_free(intake->budget, &intake->rows[i].around);
            otlp_row_reader_destroy(&intake->rows[i].reader);
        }
        otlp_sample_reader_destroy(&intake->samples);
        slu_budget_free(intake->budget, intake, sizeof(*intake));
    }
}

/* Both are pairs of the same views. */
static void labels_convert(const struct otlp_label *from, size_t count, struct label *to)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (struct label){from[i].name, from[i].value};
    }
}

static int sample_add(void *arg, const struct otlp_sample *sample)
{
    static const enum store_sample_kind kinds[] = {
        [OTLP_SAMPLE_NUMBER] = STORE_NUMBER,
        [OTLP_SAMPLE_HISTOGRAM] = STORE_HISTOGRAM,
        [OTLP_SAMPLE_EXEMPLAR] = STORE_EXEMPLAR,
    };
    struct label labels[LABELS_MOST];
    size_t count = sample->label_count < LABELS_MOST ? sample->label_count : LABELS_MOST;
    labels_convert(sample->labels, count, labels);
    struct store_sample added = {.labels = labels,
                                 .label_count = count,
                                 .time_ms = sample->time_ns / MS_NS,
                                 .kind = kinds[sample->kind],
                                 .number = sample->number,
                                 .message = sample->message};
    return store_add_sample(arg, &added);
}

static int points_refuse(void *arg, uint64_t point_count, const char *reason)
{
    store_refuse(arg, point_count, reason);
    return 0;
}

/* Type, unit and help, a line each. */
static int facts_add(void *arg, const struct otlp_metric_facts *facts)
{
    char text[FACTS_MAX];
    int unit_len = facts->unit.len < 64 ? (int)facts->unit.len : 64;
    int help_len = facts->help.len < 512 ? (int)facts->help.len : 512;
    int len = snprintf(text, sizeof(text), "%s\n%.*s\n%.*s", facts->type, unit_len,
                       unit_len == 0 ? "" : (const char *)facts->unit.data, help_len,
                       help_len == 0 ? "" : (const char *)facts->help.data);
    store_add_metadata(arg, facts->name, (struct slu_bytes){text, (size_t)len});
    return 0;
}

static int around_make(struct store_intake *intake, struct row_intake *rows,
                       const struct otlp_row *row)
{
    unsigned char length[VARINT_BYTES_MAX];
    struct slu_budget *budget = intake->budget;
    rows->around.len = 0;
    int err = block_append(budget, &rows->around, length, varint_put(length, row->resource.len));
    if (err == 0 && row->resource.len > 0) {
        err = block_append(budget, &rows->around, row->resource.data, row->resource.len);
    }
    if (err == 0 && row->scope.len > 0) {
        err = block_append(budget, &rows->around, row->scope.data, row->scope.len);
    }
    return err;
}

struct row_adding {
    struct store_intake *intake;
    struct row_intake *rows;
};

static int row_add(void *arg, const struct otlp_row *row)
{
    const struct row_adding *adding = arg;
    struct label labels[LABELS_MOST];
    size_t count = row->label_count < LABELS_MOST ? row->label_count : LABELS_MOST;
    int err = around_make(adding->intake, adding->rows, row);
    if (err != 0) {
        return err;
    }
    labels_convert(row->labels, count, labels);
    struct row added = {.time_ns = row->time_ns,
                        .duration_ns = row->duration_ns,
                        .key = row->key,
                        .text = row->text,
                        .scope = {adding->rows->around.data, adding->rows->around.len},
                        .rest = row->rest};
    return store_add_row(adding->rows->batch, labels, count, &added);
}

int store_intake_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                       int64_t now_ns, struct store_batch *batch)
{
    struct store_intake *intake = arg;
    if (signal == STORE_METRICS) {
        const struct otlp_sample_visit visit = {
            .sample = sample_add, .facts = facts_add, .refuse = points_refuse, .arg = batch};
        return otlp_samples_read(intake->samples, message, &visit);
    }
    struct row_intake *rows = &intake->rows[signal - STORE_LOGS];
    struct row_adding adding = {.intake = intake, .rows = rows};
    rows->batch = batch;
    return otlp_rows_read(rows->reader, store_signal_otlp(signal), message, now_ns, row_add,
                          &adding);
}

void store_row_around(const struct row *row, struct slu_bytes *resource, struct slu_bytes *scope)
{
    struct slu_bytes rest = row->scope;
    uint64_t len = 0;
    *resource = (struct slu_bytes){"", 0};
    *scope = (struct slu_bytes){"", 0};
    if (varint_next(&rest, &len) && len <= rest.len) {
        *resource = (struct slu_bytes){rest.data, (size_t)len};
        *scope = (struct slu_bytes){(const char *)rest.data + len, rest.len - (size_t)len};
    }
}

int store_row_write(struct slu_budget *budget, enum otlp_signal signal, const struct row *row,
                    struct block *out)
{
    struct otlp_row written = {.time_ns = row->time_ns,
                               .duration_ns = row->duration_ns,
                               .key = row->key,
                               .text = row->text,
                               .rest = row->rest};
    store_row_around(row, &written.resource, &written.scope);
    return otlp_row_write(budget, signal, &written, out);
}

#include "serve/profile_rows.h"

#include <errno.h>
#include <stdlib.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "wire/otlp_fields.h"

#define PROFILE_PPROF 3 /* of a Profile, what is no column */

struct taking {
    struct profile_rows *rows;
    struct store_row_query query;
    struct slu_bytes type;
};

struct slu_bytes profile_row_pprof(const struct row *row)
{
    struct otlp_fields fields = otlp_fields_of(row->rest);
    struct otlp_part part = {0};
    struct slu_bytes pprof = {"", 0};
    while (otlp_fields_next(&fields, &part)) {
        pprof = part.number == PROFILE_PPROF ? part.bytes : pprof;
    }
    return pprof;
}

static void row_free(struct profile_rows *rows, struct profile_row *row)
{
    block_free(rows->budget, &row->pprof);
    block_free(rows->budget, &row->labels);
    *row = (struct profile_row){0};
}

static int bytes_keep(struct slu_budget *budget, struct slu_bytes bytes, struct block *block)
{
    int err = block_begin(budget, bytes.len + 1, block);
    return err != 0 || bytes.len == 0 ? err : block_append(budget, block, bytes.data, bytes.len);
}

static size_t oldest_find(const struct profile_rows *rows)
{
    size_t oldest = 0;
    for (size_t i = 1; i < rows->count; i++) {
        oldest = rows->rows[i].time_ns < rows->rows[oldest].time_ns ? i : oldest;
    }
    return oldest;
}

static int row_take(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct taking *taking = arg;
    struct profile_rows *rows = taking->rows;
    size_t at = rows->count;
    if (taking->type.len > 0 && !bytes_equal(taking->type, row->text)) {
        return 0;
    }
    if (rows->count == rows->most) {
        at = oldest_find(rows);
        if (row->time_ns <= rows->rows[at].time_ns) {
            return 0;
        }
        row_free(rows, &rows->rows[at]);
    } else {
        rows->count++;
    }
    struct profile_row *kept = &rows->rows[at];
    kept->time_ns = row->time_ns;
    int err = bytes_keep(rows->budget, labels, &kept->labels);
    return err != 0 ? err : bytes_keep(rows->budget, profile_row_pprof(row), &kept->pprof);
}

static int time_compare(const void *left, const void *right)
{
    const struct profile_row *first = left;
    const struct profile_row *second = right;
    return (first->time_ns > second->time_ns) - (first->time_ns < second->time_ns);
}

int profile_rows_open(struct profile_rows *rows, struct store *store,
                      const struct store_query *query, struct slu_bytes type, size_t most)
{
    struct taking taking = {.rows = rows, .type = type};
    void *memory = NULL;
    *rows = (struct profile_rows){.budget = query->budget, .most = most};
    int err = slu_budget_alloc(query->budget, most * sizeof(struct profile_row), &memory);
    if (err != 0) {
        return err;
    }
    rows->rows = memory;
    taking.query = (struct store_row_query){
        .query = *query, .columns = (1U << ROW_COLUMN_COUNT) - 1, .is_backward = true};
    err = store_rows(store, STORE_PROFILES, &taking.query, row_take, &taking);
    if (err == 0) {
        qsort(rows->rows, rows->count, sizeof(struct profile_row), time_compare);
    }
    return err;
}

void profile_rows_close(struct profile_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        row_free(rows, &rows->rows[i]);
    }
    slu_budget_free(rows->budget, rows->rows, rows->most * sizeof(struct profile_row));
    rows->rows = NULL;
    rows->count = 0;
}

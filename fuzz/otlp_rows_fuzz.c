/*
 * Property: whatever the bytes, reading rows of them looks at nothing else; of a request that
 * otlp_check takes there are as many rows as records, written row by row they are a request that is
 * taken and says what it said, and a row that is written and read is the row again.
 *
 * Input: the first byte chooses the signal.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/bytes.h"
#include "wire/otlp_check.h"
#include "wire/otlp_rows.h"

#include "otlp_rows_model.h"

#define MEMORY_MAX ((uint64_t)64 << 20)
#define NOW_NS     INT64_C(1700000000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct state {
    struct slu_budget *budget;
    struct otlp_row_reader *first;
    struct otlp_row_reader *second;
    enum otlp_signal signal;
    struct block all; /* every row, written */
    struct block one;
    uint64_t row_count;
};

static struct slu_bytes view(const struct block *block)
{
    return (struct slu_bytes){block->data, block->len};
}

static int row_compare(void *arg, const struct otlp_row *row)
{
    const struct otlp_row *expected = arg;
    SLU_ASSERT(row->time_ns == expected->time_ns && row->duration_ns == expected->duration_ns);
    SLU_ASSERT(bytes_equal(row->key, expected->key) && bytes_equal(row->text, expected->text));
    SLU_ASSERT(bytes_equal(row->resource, expected->resource));
    SLU_ASSERT(bytes_equal(row->scope, expected->scope));
    SLU_ASSERT(bytes_equal(row->rest, expected->rest));
    SLU_ASSERT(row->label_count == expected->label_count);
    for (size_t i = 0; i < row->label_count; i++) {
        SLU_ASSERT(bytes_equal(row->labels[i].name, expected->labels[i].name));
        SLU_ASSERT(bytes_equal(row->labels[i].value, expected->labels[i].value));
    }
    return 0;
}

static int row_take(void *arg, const struct otlp_row *row)
{
    struct state *state = arg;
    struct otlp_row expected = *row;
    state->row_count++;
    state->one.len = 0;
    SLU_ASSERT(otlp_row_write(state->budget, state->signal, row, &state->all) == 0);
    SLU_ASSERT(otlp_row_write(state->budget, state->signal, row, &state->one) == 0);
    return otlp_rows_read(state->second, state->signal, view(&state->one), NOW_NS, row_compare,
                          &expected);
}

static int row_pass(void *arg, const struct otlp_row *row)
{
    (void)arg;
    SLU_ASSERT(row->label_count > 0);
    return 0;
}

static void expect_same(const struct state *state, struct slu_bytes message)
{
    static struct otlp_said before;
    static struct otlp_said after;
    struct otlp_counts counts = {0};
    SLU_ASSERT(otlp_check(state->signal, view(&state->all), &counts, NULL) == 0);
    SLU_ASSERT(counts.records == state->row_count);
    before.count = 0;
    after.count = 0;
    otlp_said_add(&before, state->signal, message);
    otlp_said_add(&after, state->signal, view(&state->all));
    SLU_ASSERT(before.count == after.count);
    SLU_ASSERT(memcmp(before.records, after.records, before.count * sizeof(uint64_t)) == 0);
}

static void state_open(struct state *state)
{
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", MEMORY_MAX, &state->budget) == 0);
    SLU_ASSERT(otlp_row_reader_create(state->budget, &state->first) == 0);
    SLU_ASSERT(otlp_row_reader_create(state->budget, &state->second) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const enum otlp_signal signals[] = {OTLP_LOGS, OTLP_TRACES, OTLP_PROFILES};
    static struct state state;
    struct otlp_counts counts = {0};
    if (state.budget == NULL) {
        state_open(&state);
    }
    if (len < 1 || len > 32768) {
        return 0;
    }
    struct slu_bytes message = {bytes + 1, len - 1};
    state.signal = signals[bytes[0] % 3];
    if (otlp_check(state.signal, message, &counts, NULL) != 0) {
        int err = otlp_rows_read(state.first, state.signal, message, NOW_NS, row_pass, NULL);
        SLU_ASSERT(err == 0 || err == -EBADMSG);
        return 0;
    }
    if (counts.records > 1000) {
        return 0; /* each of which may have a large resource */
    }
    state.all.len = 0;
    state.row_count = 0;
    SLU_ASSERT(otlp_rows_read(state.first, state.signal, message, NOW_NS, row_take, &state) == 0);
    SLU_ASSERT(state.row_count == counts.records);
    expect_same(&state, message);
    return 0;
}

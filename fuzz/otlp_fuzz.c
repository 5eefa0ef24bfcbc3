/*
 * Property: what otlp_check takes of any bytes can be cut, rewritten and written as JSON:
 * the two parts have its records between them, a rewriter that keeps all changes nothing, one that
 * drops every second record leaves the others, and the JSON reads back with as many records.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/sink.h"
#include "wire/otlp_check.h"
#include "wire/otlp_json_read.h"
#include "wire/otlp_json_write.h"
#include "wire/otlp_rewrite.h"
#include "wire/otlp_split.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define INPUT_MAX    ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t records_of(enum otlp_signal signal, struct slu_bytes message)
{
    struct otlp_counts counts = {0};
    int err = otlp_check(signal, message, &counts, NULL);
    SLU_ASSERT(err == 0);
    return counts.records;
}

static struct slu_bytes view(const struct block *block)
{
    return (struct slu_bytes){block->data, block->len};
}

static void split(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
                  uint64_t records)
{
    struct block first = {0};
    struct block rest = {0};
    uint64_t count = records / 2;
    if (count == 0) {
        return;
    }
    int err = otlp_split(budget, signal, message, count, &first, &rest);
    SLU_ASSERT(err == 0);
    SLU_ASSERT(records_of(signal, view(&first)) == count);
    SLU_ASSERT(records_of(signal, view(&rest)) == records - count);
    block_free(budget, &first);
    block_free(budget, &rest);
}

static enum otlp_verdict keep(void *arg, const struct otlp_view *seen, struct protobuf_block *out)
{
    (void)arg;
    (void)seen;
    (void)out;
    return OTLP_KEEP;
}

static enum otlp_verdict drop_odd(void *arg, const struct otlp_view *seen,
                                  struct protobuf_block *out)
{
    uint64_t *number = arg;
    (void)seen;
    (void)out;
    return (*number)++ % 2 == 1 ? OTLP_DROP : OTLP_KEEP;
}

static void rewrite(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
                    uint64_t records)
{
    struct otlp_rewritten rewritten = {0};
    for (int level = OTLP_RESOURCE_LEVEL; level <= OTLP_RECORD_LEVEL; level++) {
        int err =
            otlp_rewrite(budget, signal, message, (enum otlp_level)level, keep, NULL, &rewritten);
        SLU_ASSERT(err == 0 && !rewritten.is_changed);
    }
    uint64_t number = 0;
    int err =
        otlp_rewrite(budget, signal, message, OTLP_RECORD_LEVEL, drop_odd, &number, &rewritten);
    SLU_ASSERT(err == 0 && number == records && rewritten.dropped_count == records / 2);
    if (rewritten.is_changed) {
        SLU_ASSERT(records_of(signal, view(&rewritten.message)) == records - records / 2);
        block_free(budget, &rewritten.message);
    }
}

static int gather(void *context, const char *bytes, size_t len)
{
    struct block *text = context;
    if (text->len + len > text->size_bytes) {
        return -1;
    }
    memcpy((char *)text->data + text->len, bytes, len);
    text->len += len;
    return 0;
}

static void json(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
                 uint64_t records)
{
    char staging[4096];
    struct sink sink;
    struct block text = {0};
    struct block back = {0};
    int err = block_begin(budget, INPUT_MAX * 64, &text);
    SLU_ASSERT(err == 0);
    sink_init(&sink, gather, &text, staging, sizeof(staging));
    err = otlp_json_write(budget, &sink, signal, message);
    int failed = sink_end(&sink);
    SLU_ASSERT(err == 0);
    if (failed == 0) {
        err = otlp_json_read(budget, signal, view(&text), &back, NULL);
        SLU_ASSERT(err == 0);
        SLU_ASSERT(records_of(signal, view(&back)) == records);
        block_free(budget, &back);
    }
    block_free(budget, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    struct otlp_counts counts = {0};
    if (size == 0 || size > INPUT_MAX) {
        return 0;
    }
    enum otlp_signal signal = (enum otlp_signal)(data[0] % OTLP_SIGNAL_COUNT);
    struct slu_bytes message = {data + 1, size - 1};
    if (otlp_check(signal, message, &counts, NULL) != 0) {
        return 0;
    }
    int err = slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget);
    SLU_ASSERT(err == 0);
    split(budget, signal, message, counts.records);
    rewrite(budget, signal, message, counts.records);
    json(budget, signal, message, counts.records);
    slu_budget_destroy(&budget);
    return 0;
}

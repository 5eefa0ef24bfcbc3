/*
 * Property: whatever the bytes, a request is taken and counted exactly as the simple model does;
 * one that is taken can be cut behind any of its records and into many parts, all of them are
 * taken, and together they have the records of the whole. Nothing stays charged.
 *
 * Input: the first byte chooses the signal, the second where it is cut.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/assert.h"
#include "base/block.h"
#include "wire/otlp_check.h"
#include "wire/otlp_split.h"

#include "otlp_model.h"

#define MEMORY_MAX ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static uint64_t count_of(enum otlp_signal signal, const struct block *block)
{
    struct otlp_counts counts = {0};
    SLU_ASSERT(otlp_check(signal, (struct slu_bytes){block->data, block->len}, &counts, NULL) == 0);
    return counts.records;
}

static void cut(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
                uint64_t record_count, uint64_t first_count)
{
    struct block first = {0};
    struct block rest = {0};
    SLU_ASSERT(otlp_split(budget, signal, message, first_count, &first, &rest) == 0);
    SLU_ASSERT(count_of(signal, &first) == first_count);
    SLU_ASSERT(count_of(signal, &rest) == record_count - first_count);
    block_free(budget, &first);
    block_free(budget, &rest);
}

static void cut_all(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message,
                    uint64_t record_count, uint64_t part_records)
{
    struct otlp_cutter cutter;
    SLU_ASSERT(otlp_cutter_init(&cutter, budget, signal, message) == 0);
    while (record_count > 0) {
        struct block part = {0};
        bool is_last = record_count <= part_records;
        SLU_ASSERT(otlp_cutter_next(&cutter, is_last ? UINT64_MAX : part_records, &part) == 0);
        SLU_ASSERT(count_of(signal, &part) == (is_last ? record_count : part_records));
        record_count -= is_last ? record_count : part_records;
        block_free(budget, &part);
    }
    otlp_cutter_deinit(&cutter);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct slu_budget *budget;
    static uint64_t used_bytes;
    struct slu_budget_stats stats;
    struct otlp_counts counts = {.records = UINT64_MAX};
    struct slu_diag diag = {0};
    uint64_t expected = UINT64_MAX;
    if (budget == NULL) {
        SLU_ASSERT(slu_budget_create(NULL, "fuzz", MEMORY_MAX, &budget) == 0);
        slu_budget_stats(budget, &stats);
        used_bytes = stats.used_bytes;
    }
    if (len < 2) {
        return 0;
    }
    enum otlp_signal signal = (enum otlp_signal)(bytes[0] % OTLP_SIGNAL_COUNT);
    struct slu_bytes message = {bytes + 2, len - 2};
    bool is_valid = otlp_model_check(signal, message, &expected);
    int err = otlp_check(signal, message, &counts, &diag);
    SLU_ASSERT(err == (is_valid ? 0 : -EBADMSG) && counts.records == expected);
    SLU_ASSERT((strlen(diag.message) == 0) == is_valid);
    if (is_valid && expected > 1) {
        cut(budget, signal, message, expected, 1 + bytes[1] % (expected - 1));
        cut_all(budget, signal, message, expected, 1 + bytes[1] % 7);
    }
    slu_budget_stats(budget, &stats);
    SLU_ASSERT(stats.used_bytes == used_bytes);
    return 0;
}

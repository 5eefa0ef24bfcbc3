/*
 * Property: whatever the bytes, reading samples of them looks at nothing else, and no label is
 * there twice or empty; of a request that otlp_check takes the samples are the simple model's.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "wire/otlp_check.h"
#include "wire/otlp_samples.h"

#include "otlp_samples_model.h"

#define MEMORY_MAX ((uint64_t)64 << 20)
#define INPUT_MAX  ((size_t)4096) /* its labels always have room */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct otlp_lines expected;
static struct otlp_lines actual;

static void lines_begin(struct otlp_lines *lines)
{
    lines->len = 0;
    lines->is_full = false;
    lines->is_odd = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct otlp_sample_visit visit = {
        .sample = otlp_lines_sample, .facts = otlp_lines_facts, .arg = &actual};
    static struct slu_budget *budget;
    static struct otlp_sample_reader *reader;
    struct otlp_counts counts = {0};
    struct slu_bytes message = {bytes, len};
    if (budget == NULL) {
        SLU_ASSERT(slu_budget_create(NULL, "fuzz", MEMORY_MAX, &budget) == 0);
        SLU_ASSERT(otlp_sample_reader_create(budget, &reader) == 0);
    }
    if (len > INPUT_MAX) {
        return 0;
    }
    lines_begin(&actual);
    int err = otlp_samples_read(reader, message, &visit);
    SLU_ASSERT(!actual.is_odd);
    if (otlp_check(OTLP_METRICS, message, &counts, NULL) != 0) {
        SLU_ASSERT(err == 0 || err == -EBADMSG);
        return 0;
    }
    lines_begin(&expected);
    otlp_lines_model(&expected, message);
    SLU_ASSERT(err == 0 && !expected.is_odd);
    if (!actual.is_full && !expected.is_full) {
        SLU_ASSERT(actual.len == expected.len);
        SLU_ASSERT(memcmp(actual.bytes, expected.bytes, actual.len) == 0);
    }
    return 0;
}

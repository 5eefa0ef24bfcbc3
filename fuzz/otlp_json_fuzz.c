/*
 * Property: what is read of any bytes as OTLP's JSON passes otlp_check, and a fault has its place
 * in the text.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/assert.h"
#include "base/block.h"
#include "wire/otlp_check.h"
#include "wire/otlp_json_read.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    struct slu_diag diag = {0};
    struct block message = {0};
    if (size == 0) {
        return 0;
    }
    enum otlp_signal signal = (enum otlp_signal)(data[0] % OTLP_SIGNAL_COUNT);
    int err = slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget);
    SLU_ASSERT(err == 0);
    err = otlp_json_read(budget, signal, (struct slu_bytes){data + 1, size - 1}, &message, &diag);
    if (err == 0) {
        struct otlp_counts counts = {0};
        err = otlp_check(signal, (struct slu_bytes){message.data, message.len}, &counts, &diag);
        SLU_ASSERT(err == 0);
        block_free(budget, &message);
    } else {
        SLU_ASSERT(err != -EBADMSG || (diag.line > 0 && diag.column > 0 && diag.line <= size));
    }
    slu_budget_destroy(&budget);
    return 0;
}

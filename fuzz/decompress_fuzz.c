/*
 * Property: whatever the bytes (the first chooses the compression), decompressing ends within its
 * limits of output and memory, and nothing stays charged.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "codec/decompress.h"

#define OUTPUT_MAX ((uint64_t)1 << 18)
#define MEMORY_MAX ((uint64_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct slu_budget *budget;
    struct slu_budget_stats before;
    struct slu_budget_stats after;
    struct block output = {0};
    struct decompress_limits limits = {.output_bytes_max = OUTPUT_MAX, .ratio_max = 100};
    if (budget == NULL) {
        SLU_ASSERT(slu_budget_create(NULL, "fuzz", MEMORY_MAX, &budget) == 0);
    }
    if (len == 0) {
        return 0;
    }
    slu_budget_stats(budget, &before);
    struct slu_bytes input = {bytes + 1, len - 1};
    int err = decompress_all(budget, (enum compression)(bytes[0] % 7), input, &limits, &output);
    if (err == 0) {
        SLU_ASSERT(output.len <= OUTPUT_MAX && output.len <= output.size_bytes);
        SLU_ASSERT(output.len <= 65536 || output.len <= 100 * (len - 1));
        block_free(budget, &output);
    } else {
        SLU_ASSERT(err == -EBADMSG || err == -EFBIG || err == -EINVAL || err == -EDQUOT);
    }
    slu_budget_stats(budget, &after);
    SLU_ASSERT(after.used_bytes == before.used_bytes);
    return 0;
}

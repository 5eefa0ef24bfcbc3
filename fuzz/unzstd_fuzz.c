/*
 * Property: whatever the bytes, decoding ends within its limit and its budget, and decoding in
 * large and in small pieces agree.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "codec/unzstd.h"

#define OUTPUT_MAX   ((uint64_t)1 << 16)
#define BUDGET_BYTES ((uint64_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Decode with `room` bytes of output at a time; returns what became of it, and a sum of bytes. */
static int decode(struct slu_budget *budget, struct slu_bytes input, size_t room, uint64_t *sum)
{
    static unsigned char piece[OUTPUT_MAX + 1];
    struct unzstd *unzstd = NULL;
    size_t total = 0;
    size_t written = 0;
    *sum = 0;
    int err = unzstd_create(budget, input, OUTPUT_MAX, &unzstd);
    if (err != 0) {
        return err;
    }
    do {
        err = unzstd_read(unzstd, &input, piece, room, &written);
        for (size_t i = 0; err == 0 && i < written; i++) {
            *sum = *sum * 31 + piece[i];
        }
        total += err == 0 ? written : 0;
        SLU_ASSERT(total <= OUTPUT_MAX);
    } while (err == 0 && written > 0);
    SLU_ASSERT(err != 0 || input.len == 0);
    err = err != 0 ? err : unzstd_end(unzstd);
    unzstd_destroy(&unzstd);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slu_budget *budget = NULL;
    struct slu_bytes input = {bytes, len};
    uint64_t sums[2];
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget) == 0);
    int whole = decode(budget, input, OUTPUT_MAX + 1, &sums[0]);
    int pieces = decode(budget, input, 7, &sums[1]);
    SLU_ASSERT(whole == 0 || whole == -EBADMSG || whole == -EFBIG || whole == -EDQUOT);
    SLU_ASSERT((whole == 0) == (pieces == 0));
    SLU_ASSERT(whole != 0 || sums[0] == sums[1]);
    slu_budget_destroy(&budget);
    return 0;
}

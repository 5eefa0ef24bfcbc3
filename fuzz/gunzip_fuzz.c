/*
 * Property: whatever the bytes, decoding ends within its limit, and decoding at once and in small
 * pieces agree.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "codec/gunzip.h"

#define OUTPUT_MAX  ((uint64_t)1 << 16)
#define PIECE_BYTES 7

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Decode piece by piece and compare with `whole`, whose result was `expected`. */
static void check_pieces(struct slu_budget *budget, struct slu_bytes input, int expected,
                         const struct block *whole)
{
    struct gunzip *gunzip = NULL;
    SLU_ASSERT(gunzip_create(budget, OUTPUT_MAX, &gunzip) == 0);
    unsigned char piece[PIECE_BYTES];
    size_t total = 0;
    size_t written = 0;
    int err = 0;
    do {
        err = gunzip_read(gunzip, &input, piece, sizeof(piece), &written);
        if (err == 0 && expected == 0) {
            SLU_ASSERT(total + written <= whole->len);
            SLU_ASSERT(memcmp((const char *)whole->data + total, piece, written) == 0);
        }
        total += err == 0 ? written : 0;
        SLU_ASSERT(total <= OUTPUT_MAX);
    } while (err == 0 && written > 0);
    err = err != 0 ? err : gunzip_end(gunzip);
    SLU_ASSERT((err == 0) == (expected == 0));
    SLU_ASSERT(err != 0 || total == whole->len);
    gunzip_destroy(&gunzip);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slu_budget *budget = NULL;
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", (uint64_t)1 << 20, &budget) == 0);
    struct slu_bytes input = {bytes, len};
    struct block whole = {0};
    int err = gunzip_all(budget, input, OUTPUT_MAX, &whole);
    SLU_ASSERT(err == 0 || err == -EBADMSG || err == -EFBIG);
    check_pieces(budget, input, err, &whole);
    block_free(budget, &whole);
    slu_budget_destroy(&budget);
    return 0;
}

#define ZSTD_STATIC_LINKING_ONLY /* for a compressor in memory of ours */
#include "codec/zstd_frame.h"

#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <sluice/budget.h>

struct zstd_packer {
    struct slu_budget *budget;
    size_t size_bytes; /* of this block, the compressor behind it */
    size_t input_bytes_max;
    int level_max;
    ZSTD_CCtx *compressor;
};

/* The compressor's memory begins here, aligned as it wants. */
#define PACKER_BYTES ((sizeof(struct zstd_packer) + 63) & ~(size_t)63)

/* The largest input is not what wants most: each size of input has parameters of its own. */
static size_t compressor_bytes(int level_max, size_t input_bytes_max)
{
    size_t most = 0;
    for (int level = 1; level <= level_max; level++) {
        for (size_t input = 1; input / 2 < input_bytes_max; input *= 2) {
            size_t bound = input < input_bytes_max ? input : input_bytes_max;
            size_t bytes = ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(level, bound, 0));
            most = bytes > most ? bytes : most;
        }
    }
    return most;
}

int zstd_packer_create(struct slu_budget *budget, int level_max, size_t input_bytes_max,
                       struct zstd_packer **out)
{
    if (level_max < 1 || level_max > ZSTD_maxCLevel() || input_bytes_max == 0) {
        return -EINVAL;
    }
    size_t compressor = compressor_bytes(level_max, input_bytes_max);
    void *memory = NULL;
    int err = slu_budget_alloc(budget, PACKER_BYTES + compressor, &memory);
    if (err != 0) {
        return err;
    }
    struct zstd_packer *packer = memory;
    *packer = (struct zstd_packer){.budget = budget,
                                   .size_bytes = PACKER_BYTES + compressor,
                                   .input_bytes_max = input_bytes_max,
                                   .level_max = level_max};
    packer->compressor = ZSTD_initStaticCCtx((char *)memory + PACKER_BYTES, compressor);
    if (packer->compressor == NULL) {
        slu_budget_free(budget, packer, packer->size_bytes);
        return -ENOMEM;
    }
    *out = packer;
    return 0;
}

void zstd_packer_destroy(struct zstd_packer **packer)
{
    if (*packer != NULL) {
        slu_budget_free((*packer)->budget, *packer, (*packer)->size_bytes);
        *packer = NULL;
    }
}

size_t zstd_packed_max(size_t input_bytes)
{
    return ZSTD_compressBound(input_bytes);
}

int zstd_pack(struct zstd_packer *packer, int level, struct slu_bytes input, void *output,
              size_t size_bytes, size_t *len)
{
    if (input.len > packer->input_bytes_max || level > packer->level_max) {
        return -EFBIG;
    }
    size_t packed =
        ZSTD_compressCCtx(packer->compressor, output, size_bytes, input.data, input.len, level);
    if (ZSTD_isError(packed)) {
        return ZSTD_getErrorCode(packed) == ZSTD_error_dstSize_tooSmall ? -ENOBUFS : -EFBIG;
    }
    *len = packed;
    return 0;
}

int zstd_unpack(struct slu_budget *budget, struct slu_bytes input, void *output, size_t size_bytes)
{
    if (ZSTD_getFrameContentSize(input.data, input.len) != size_bytes) {
        return -EBADMSG;
    }
    size_t decoder_bytes = ZSTD_estimateDCtxSize();
    void *memory = NULL;
    int err = slu_budget_alloc(budget, decoder_bytes, &memory);
    if (err != 0) {
        return err;
    }
    ZSTD_DCtx *decoder = ZSTD_initStaticDCtx(memory, decoder_bytes);
    size_t got = decoder == NULL
                     ? 0
                     : ZSTD_decompressDCtx(decoder, output, size_bytes, input.data, input.len);
    slu_budget_free(budget, memory, decoder_bytes);
    return decoder == NULL ? -ENOMEM : ZSTD_isError(got) || got != size_bytes ? -EBADMSG : 0;
}

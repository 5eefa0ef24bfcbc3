#include "store/row_block_column.h"

#include <stdbool.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY /* for a compressor in memory of ours */
#include <zstd.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/layout.h"
#include "store/little_endian.h"

#define TRY_FROM_BYTES ((size_t)32) /* a frame's header would eat what less gives */
#define OUTPUT_BYTES   ((size_t)4096)
#define GAIN_SHIFT     6 /* a 64th at least, or reading is not worth the time */

int column_packer_init(struct column_packer *packer, struct slu_budget *budget, int level,
                       size_t row_count, size_t column_bytes)
{
    struct layout layout = {0};
    size_t most = column_bytes < row_count ? row_count : column_bytes;
    size_t context_bytes = ZSTD_estimateCCtxSize(level);
    size_t packed_bytes = ZSTD_compressBound(most);
    size_t context_at = layout_add(&layout, context_bytes, 1, 64);
    size_t packed_at = layout_add(&layout, packed_bytes, 1, 64);
    size_t numbers_at = layout_add(&layout, row_count, sizeof(uint64_t), 64);
    size_t plane_at = layout_add(&layout, row_count, 1, 64);
    struct block memory = {0};
    int err = layout_alloc(&layout, budget, &memory.size_bytes, &memory.data);
    if (err != 0) {
        return err;
    }
    unsigned char *data = memory.data;
    ZSTD_CCtx *context = ZSTD_initStaticCCtx(data + context_at, context_bytes);
    SLU_ASSERT(context != NULL); /* the size is what it has asked for */
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level); /* clamps */
    *packer = (struct column_packer){.budget = budget,
                                     .memory = memory,
                                     .context = context,
                                     .packed = data + packed_at,
                                     .packed_bytes = packed_bytes,
                                     .numbers = (uint64_t *)(void *)(data + numbers_at),
                                     .plane = data + plane_at};
    return 0;
}

void column_packer_deinit(struct column_packer *packer)
{
    block_free(packer->budget, &packer->memory);
    block_free(packer->budget, &packer->output);
}

int pack_bytes(struct column_packer *packer, const void *bytes, size_t len)
{
    struct block *output = &packer->output;
    int err = 0;
    if (output->size_bytes == 0) {
        err = block_begin(packer->budget, OUTPUT_BYTES, output);
    }
    return err != 0 ? err : block_append(packer->budget, output, bytes, len);
}

static int piece_append(struct column_packer *packer, enum piece_method method, size_t value,
                        struct slu_bytes stored)
{
    unsigned char header[PIECE_HEADER_BYTES];
    put_32(header, (uint32_t)method << PIECE_METHOD_SHIFT | (uint32_t)value);
    int err = pack_bytes(packer, header, sizeof(header));
    return err == 0 ? pack_bytes(packer, stored.data, stored.len) : err;
}

static bool is_one_byte(struct slu_bytes plain)
{
    const unsigned char *at = plain.data;
    return memcmp(at, at + 1, plain.len - 1) == 0;
}

int pack_piece(struct column_packer *packer, struct slu_bytes plain)
{
    const struct slu_bytes none = {"", 0};
    if (plain.len == 0 || is_one_byte(plain)) {
        unsigned value = plain.len == 0 ? 0 : *(const unsigned char *)plain.data;
        return piece_append(packer, PIECE_ONE_BYTE, value, none);
    }
    if (plain.len >= TRY_FROM_BYTES) {
        size_t len = ZSTD_compress2(packer->context, packer->packed, packer->packed_bytes,
                                    plain.data, plain.len);
        SLU_ASSERT(!ZSTD_isError(len)); /* it has all the memory and room it can ask for */
        if (len < plain.len - (plain.len >> GAIN_SHIFT)) {
            return piece_append(packer, PIECE_ZSTD, len, (struct slu_bytes){packer->packed, len});
        }
    }
    return piece_append(packer, PIECE_AS_IT_IS, plain.len, plain);
}

int pack_numbers(struct column_packer *packer, size_t count)
{
    uint64_t *numbers = packer->numbers;
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= numbers[i];
    }
    unsigned char width = 0;
    for (; all != 0; all >>= 8) {
        width++;
    }
    int err = pack_bytes(packer, &width, 1);
    for (; err == 0 && width > 0; width--) {
        for (size_t i = 0; i < count; i++) {
            packer->plane[i] = (unsigned char)numbers[i];
            numbers[i] >>= 8;
        }
        err = pack_piece(packer, (struct slu_bytes){packer->plane, count});
    }
    return err;
}

#include "store/row_block_column.h"

#include <errno.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY /* for a decompressor in memory of ours */
#include <zstd.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/layout.h"
#include "store/little_endian.h"

int memory_room(struct slu_budget *budget, size_t size_bytes, struct block *memory)
{
    if (memory->size_bytes >= size_bytes) {
        return 0;
    }
    block_free(budget, memory);
    return block_begin(budget, size_bytes, memory);
}

int column_unpacker_begin(struct column_unpacker *unpacker, size_t row_count)
{
    struct layout layout = {0};
    size_t context_bytes = ZSTD_estimateDCtxSize();
    size_t context_at = layout_add(&layout, context_bytes, 1, 64);
    size_t numbers_at = layout_add(&layout, row_count, 2 * sizeof(uint32_t), 64);
    size_t plane_at = layout_add(&layout, row_count, 1, 64);
    size_t size_bytes = 0;
    int err = layout_size(&layout, &size_bytes);
    err = err == 0 ? memory_room(unpacker->budget, size_bytes, &unpacker->memory) : err;
    if (err != 0) {
        return err;
    }
    unsigned char *at = unpacker->memory.data;
    unpacker->context = ZSTD_initStaticDCtx(at + context_at, context_bytes);
    SLU_ASSERT(unpacker->context != NULL); /* the size is what it has asked for */
    unpacker->numbers = (uint32_t *)(void *)(at + numbers_at);
    unpacker->plane = at + plane_at;
    return 0;
}

void column_unpacker_deinit(struct column_unpacker *unpacker)
{
    block_free(unpacker->budget, &unpacker->memory);
    block_free(unpacker->budget, &unpacker->column);
}

/* What is read next; NULL if there is not so much. */
static const unsigned char *take(struct column_unpacker *unpacker, size_t len)
{
    const unsigned char *at = unpacker->at;
    if ((size_t)(unpacker->end - at) < len) {
        return NULL;
    }
    unpacker->at += len;
    return at;
}

int unpack_bytes(struct column_unpacker *unpacker, void *bytes, size_t len)
{
    const unsigned char *at = take(unpacker, len);
    if (at == NULL) {
        return -EBADMSG;
    }
    memcpy(bytes, at, len);
    return 0;
}

static int stored_read(struct column_unpacker *unpacker, enum piece_method method, size_t stored,
                       void *plain, size_t plain_bytes)
{
    const unsigned char *at = take(unpacker, stored);
    if (at == NULL) {
        return -EBADMSG;
    }
    if (method == PIECE_AS_IT_IS) {
        if (stored != plain_bytes) {
            return -EBADMSG;
        }
        memcpy(plain, at, stored);
        return 0;
    }
    size_t got = ZSTD_decompressDCtx(unpacker->context, plain, plain_bytes, at, stored);
    return ZSTD_isError(got) || got != plain_bytes ? -EBADMSG : 0;
}

int unpack_piece(struct column_unpacker *unpacker, void *plain, size_t plain_bytes)
{
    const unsigned char *at = take(unpacker, PIECE_HEADER_BYTES);
    if (at == NULL) {
        return -EBADMSG;
    }
    uint32_t header = get_32(at);
    uint32_t method = header >> PIECE_METHOD_SHIFT;
    uint32_t value = header & ((1u << PIECE_METHOD_SHIFT) - 1);
    if (method == PIECE_AS_IT_IS || method == PIECE_ZSTD) {
        return stored_read(unpacker, (enum piece_method)method, value, plain, plain_bytes);
    }
    if (method != PIECE_ONE_BYTE || value > UINT8_MAX) {
        return -EBADMSG;
    }
    memset(plain, (int)value, plain_bytes);
    return 0;
}

static int width_read(struct column_unpacker *unpacker, size_t most, unsigned char *width)
{
    int err = unpack_bytes(unpacker, width, 1);
    return err == 0 && *width > most ? -EBADMSG : err;
}

int unpack_numbers_64(struct column_unpacker *unpacker, uint64_t *numbers, size_t count)
{
    unsigned char width = 0;
    int err = width_read(unpacker, sizeof(*numbers), &width);
    memset(numbers, 0, count * sizeof(*numbers));
    for (unsigned i = 0; err == 0 && i < width; i++) {
        err = unpack_piece(unpacker, unpacker->plane, count);
        for (size_t k = 0; err == 0 && k < count; k++) {
            numbers[k] |= (uint64_t)unpacker->plane[k] << (8 * i);
        }
    }
    return err;
}

int unpack_numbers_32(struct column_unpacker *unpacker, uint32_t *numbers, size_t count)
{
    unsigned char width = 0;
    int err = width_read(unpacker, sizeof(*numbers), &width);
    memset(numbers, 0, count * sizeof(*numbers));
    for (unsigned i = 0; err == 0 && i < width; i++) {
        err = unpack_piece(unpacker, unpacker->plane, count);
        for (size_t k = 0; err == 0 && k < count; k++) {
            numbers[k] |= (uint32_t)unpacker->plane[k] << (8 * i);
        }
    }
    return err;
}

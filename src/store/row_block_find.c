/*
 * The texts are searched as one, since most rows do not have what is looked for: where something is
 * found, the row is looked up. What begins in one row and ends in the next is no match, and neither
 * is whatever begins behind it in the same row.
 */
#include "store/row_block.h"

#include <string.h>

/* The row that has the byte at `offset`: the first from `from` on that ends behind it. */
static uint32_t row_at(const struct row_block *block, uint32_t from, size_t offset)
{
    const uint32_t *ends = block->ends[ROW_TEXT];
    uint32_t low = from;
    uint32_t step = 1;
    while (block->row_count - low > step && ends[low + step] <= offset) {
        low += step;
        step *= 2;
    }
    uint32_t high = block->row_count - low > step ? low + step : block->row_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ends[middle] <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t row_block_find(const struct row_block *block, struct slu_bytes needle, uint32_t from)
{
    const uint32_t *ends = block->ends[ROW_TEXT];
    if (from >= block->row_count || needle.len == 0) {
        return from < block->row_count ? from : block->row_count;
    }
    if (ends == NULL) {
        return block->row_count;
    }
    const unsigned char *texts = block->bytes[ROW_TEXT];
    size_t len = ends[block->row_count - 1];
    size_t at = from == 0 ? 0 : ends[from - 1];
    while (needle.len <= len - at) {
        const unsigned char *found = memmem(texts + at, len - at, needle.data, needle.len);
        if (found == NULL) {
            break;
        }
        size_t offset = (size_t)(found - texts);
        from = row_at(block, from, offset);
        if (needle.len <= ends[from] - offset) {
            return from;
        }
        at = ends[from];
    }
    return block->row_count;
}

#include "base/block.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"

int block_begin(struct slu_budget *budget, size_t size_bytes, struct block *block)
{
    void *data = NULL;
    int err = slu_budget_alloc(budget, size_bytes, &data);
    if (err == 0) {
        *block = (struct block){.data = data, .size_bytes = size_bytes};
    }
    return err;
}

int block_grow(struct slu_budget *budget, struct block *block, size_t most_bytes)
{
    SLU_ASSERT(block->size_bytes < most_bytes);
    struct block larger;
    size_t wanted = block->size_bytes > most_bytes / 2 ? most_bytes : 2 * block->size_bytes;
    int err = block_begin(budget, wanted, &larger);
    if (err != 0) {
        return err;
    }
    memcpy(larger.data, block->data, block->len);
    larger.len = block->len;
    slu_budget_free(budget, block->data, block->size_bytes);
    *block = larger;
    return 0;
}

int block_append(struct slu_budget *budget, struct block *block, const void *bytes, size_t len)
{
    if (len > SIZE_MAX / 2 - block->len) {
        return -EOVERFLOW;
    }
    while (len > block->size_bytes - block->len) {
        int err = block_grow(budget, block, SIZE_MAX / 2);
        if (err != 0) {
            return err;
        }
    }
    memcpy((unsigned char *)block->data + block->len, bytes, len);
    block->len += len;
    return 0;
}

void block_free(struct slu_budget *budget, struct block *block)
{
    slu_budget_free(budget, block->data, block->size_bytes);
    *block = (struct block){0};
}

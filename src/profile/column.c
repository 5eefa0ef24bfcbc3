#include "profile/column.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"

#define CHUNK_ROOM_FIRST 16

void column_init(struct column *column, struct slu_budget *budget, size_t item_bytes,
                 uint32_t chunk_shift)
{
    SLU_ASSERT(chunk_shift >= COLUMN_SHIFT_MIN && chunk_shift <= COLUMN_SHIFT_MAX);
    *column = (struct column){
        .budget = budget,
        .item_bytes = (uint32_t)item_bytes,
        .chunk_shift = chunk_shift,
    };
}

static size_t chunk_bytes(const struct column *column)
{
    return (size_t)column->item_bytes << column->chunk_shift;
}

void column_drop_before(struct column *column, uint32_t index)
{
    for (uint32_t i = 0; i < index >> column->chunk_shift && i < column->chunk_count; i++) {
        slu_budget_free(column->budget, column->chunks[i], chunk_bytes(column));
        column->chunks[i] = NULL;
    }
}

void column_deinit(struct column *column)
{
    for (uint32_t i = 0; i < column->chunk_count; i++) {
        slu_budget_free(column->budget, column->chunks[i], chunk_bytes(column));
    }
    slu_budget_free(column->budget, column->chunks, column->chunk_room * sizeof(void *));
    *column = (struct column){0};
}

static int chunks_widen(struct column *column)
{
    uint32_t room = column->chunk_room == 0 ? CHUNK_ROOM_FIRST : 2 * column->chunk_room;
    void *block = NULL;
    int err = slu_budget_alloc(column->budget, room * sizeof(void *), &block);
    if (err != 0) {
        return err;
    }
    if (column->chunk_count > 0) {
        memcpy(block, column->chunks, column->chunk_count * sizeof(void *));
    }
    slu_budget_free(column->budget, column->chunks, column->chunk_room * sizeof(void *));
    column->chunks = block;
    column->chunk_room = room;
    return 0;
}

static int chunk_add(struct column *column)
{
    if (((uint64_t)column->chunk_count + 1) << column->chunk_shift > UINT32_MAX) {
        return -EOVERFLOW;
    }
    int err = column->chunk_count == column->chunk_room ? chunks_widen(column) : 0;
    void *chunk = NULL;
    if (err == 0) {
        err = slu_budget_alloc(column->budget, chunk_bytes(column), &chunk);
    }
    if (err == 0) {
        column->chunks[column->chunk_count++] = chunk;
    }
    return err;
}

int column_add_run(struct column *column, uint32_t item_count, uint32_t *index, void **items)
{
    uint32_t chunk_items = UINT32_C(1) << column->chunk_shift;
    SLU_ASSERT(item_count > 0 && item_count <= chunk_items);
    uint64_t room = ((uint64_t)column->chunk_count << column->chunk_shift) - column->count;
    uint32_t first = column->count;
    if (item_count > room) {
        int err = chunk_add(column);
        if (err != 0) {
            return err;
        }
        first = (column->chunk_count - 1) << column->chunk_shift;
    }
    column->count = first + item_count;
    *index = first;
    *items = column_at(column, first);
    return 0;
}

int column_add(struct column *column, const void *item, uint32_t *index)
{
    void *place = NULL;
    int err = column_add_run(column, 1, index, &place);
    if (err == 0) {
        memcpy(place, item, column->item_bytes);
    }
    return err;
}

void column_shorten(struct column *column, uint32_t count)
{
    SLU_ASSERT(count <= column->count);
    column->count = count;
}

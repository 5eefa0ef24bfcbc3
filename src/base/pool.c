#include "base/pool.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/poison.h"

#define ALIGN_BYTES_DEFAULT 8
#define ALIGN_BYTES_MAX     64

static size_t pool_align(const struct slu_pool_options *options)
{
    return options->align_bytes == 0 ? ALIGN_BYTES_DEFAULT : options->align_bytes;
}

static size_t pool_stride(const struct slu_pool_options *options)
{
    size_t align = pool_align(options);
    return (options->record_bytes + align - 1) & ~(align - 1);
}

static int options_check(const struct slu_pool_options *options, struct slu_diag *diag)
{
    if (options->record_bytes == 0 || options->record_bytes > SLU_POOL_RECORD_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "record_bytes is %u; it must be 1 to %u",
                         options->record_bytes, SLU_POOL_RECORD_BYTES_MAX);
    }
    size_t align = pool_align(options);
    if (align > ALIGN_BYTES_MAX || (align & (align - 1)) != 0) {
        return diag_fail(diag, -EINVAL, "align_bytes is %u; it must be a power of two up to %d",
                         options->align_bytes, ALIGN_BYTES_MAX);
    }
    if (options->capacity == 0 || options->capacity > SLU_POOL_CAPACITY_MAX) {
        return diag_fail(diag, -EINVAL, "capacity is %u; it must be 1 to %u", options->capacity,
                         SLU_POOL_CAPACITY_MAX);
    }
    return 0;
}

struct pool_parts pool_plan(struct layout *layout, const struct slu_pool_options *options)
{
    struct pool_parts parts = {
        .states_at = layout_add(layout, options->capacity, sizeof(uint64_t), sizeof(uint64_t)),
    };
    /* A record that fills lines begins on one. */
    size_t align =
        pool_stride(options) % GOLDEN_LINE_BYTES == 0 ? GOLDEN_LINE_BYTES : pool_align(options);
    parts.records_at = layout_add(layout, options->capacity, pool_stride(options), align);
    return parts;
}

static size_t records_bytes(const struct slu_pool *pool)
{
    return pool->capacity * pool->stride_bytes;
}

void pool_init(struct slu_pool *pool, void *block, struct pool_parts parts,
               const struct slu_pool_options *options)
{
    unsigned char *bytes = block;
    unsigned index_bits = 32 - (unsigned)__builtin_clz(options->capacity);
    void *states = bytes + parts.states_at;
    *pool = (struct slu_pool){
        .states = states,
        .records = bytes + parts.records_at,
        .index_mask = (UINT64_C(1) << index_bits) - 1,
        .stride_bytes = pool_stride(options),
        .record_bytes = options->record_bytes,
        .capacity = options->capacity,
        .free_first = options->capacity,
        .zeroed = options->zeroed,
    };
    poison(pool->records, records_bytes(pool));
}

void pool_deinit(struct slu_pool *pool)
{
    unpoison(pool->records, records_bytes(pool));
}

int slu_pool_create(struct slu_budget *budget, const struct slu_pool_options *options,
                    struct slu_diag *diag, struct slu_pool **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    struct layout layout = {0};
    (void)layout_add(&layout, 1, sizeof(struct slu_pool), GOLDEN_LINE_BYTES); /* at the front */
    struct pool_parts parts = pool_plan(&layout, options);
    size_t block_bytes = 0;
    void *block = NULL;
    err = layout_alloc(&layout, budget, &block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "%u records of %u bytes do not fit budget '%s'",
                         options->capacity, options->record_bytes, slu_budget_name(budget));
    }
    struct slu_pool *pool = block;
    pool_init(pool, block, parts, options);
    pool->budget = budget;
    pool->block_bytes = block_bytes;
    *out = pool;
    return 0;
}

void slu_pool_destroy(struct slu_pool **pool)
{
    struct slu_pool *gone = pool == NULL ? NULL : *pool;
    if (gone == NULL) {
        return;
    }
    SLU_ASSERT(gone->budget != NULL);
    pool_deinit(gone);
    slu_budget_free(gone->budget, gone, gone->block_bytes);
    *pool = NULL;
}

int slu_pool_take(struct slu_pool *pool, slu_pool_handle *handle, void **record)
{
    uint32_t slot = pool->free_first;
    uint64_t generation = 0;
    if (slot != pool->capacity) {
        uint64_t state = pool->states[slot];
        pool->free_first = (uint32_t)(state & pool->index_mask);
        generation = state & ~pool->index_mask;
    } else if (pool->fresh_count < pool->capacity) {
        slot = pool->fresh_count++;
        generation = pool->index_mask + 1;
    } else {
        pool->refused_count++;
        return -EDQUOT;
    }
    pool->states[slot] = generation | slot;
    pool->taken_count++;
    *handle = generation | slot;
    *record = pool_record(pool, slot);
    unpoison(*record, pool->record_bytes);
    return 0;
}

int slu_pool_give(struct slu_pool *pool, slu_pool_handle handle)
{
    uint32_t slot = 0;
    if (!pool_find(pool, handle, &slot)) {
        return -ESTALE;
    }
    void *record = pool_record(pool, slot);
    if (pool->zeroed) {
        memset(record, 0, pool->record_bytes);
    }
    poison(record, pool->stride_bytes);
    uint64_t first_generation = pool->index_mask + 1;
    uint64_t generation = (handle & ~pool->index_mask) + first_generation;
    if (generation == 0) {
        generation = first_generation; /* wrapped; generation 0 would let a handle be 0 */
    }
    pool->states[slot] = generation | pool->free_first;
    pool->free_first = slot;
    pool->taken_count--;
    return 0;
}

void *slu_pool_resolve(const struct slu_pool *pool, slu_pool_handle handle)
{
    uint32_t slot = 0;
    return pool_find(pool, handle, &slot) ? pool_record(pool, slot) : NULL;
}

uint32_t slu_pool_slot(const struct slu_pool *pool, slu_pool_handle handle)
{
    return (uint32_t)(handle & pool->index_mask);
}

bool slu_pool_next(const struct slu_pool *pool, uint32_t *position, slu_pool_handle *handle,
                   void **record)
{
    for (uint32_t slot = *position; slot < pool->fresh_count; slot++) {
        uint64_t state = pool->states[slot];
        if ((state & pool->index_mask) == slot) {
            *position = slot + 1;
            *handle = state;
            *record = pool_record(pool, slot);
            return true;
        }
    }
    return false;
}

void slu_pool_stats(const struct slu_pool *pool, struct slu_pool_stats *out)
{
    *out = (struct slu_pool_stats){
        .capacity = pool->capacity,
        .taken_count = pool->taken_count,
        /* A slot is taken for the first time only when no other is free. */
        .high_water_count = pool->fresh_count,
        .refused_count = pool->refused_count,
    };
}

void pool_validate(const struct slu_pool *pool)
{
    SLU_ASSERT(pool->fresh_count <= pool->capacity);
    uint32_t free_count = 0;
    for (uint32_t slot = pool->free_first; slot != pool->capacity;
         slot = (uint32_t)(pool->states[slot] & pool->index_mask)) {
        SLU_ASSERT(slot < pool->fresh_count);
        SLU_ASSERT((pool->states[slot] & pool->index_mask) != slot);
        free_count++;
        SLU_ASSERT(free_count <= pool->fresh_count);
    }
    uint32_t taken_count = 0;
    for (uint32_t slot = 0; slot < pool->fresh_count; slot++) {
        SLU_ASSERT(pool->states[slot] > pool->index_mask);
        taken_count += (pool->states[slot] & pool->index_mask) == slot;
    }
    SLU_ASSERT(taken_count == pool->taken_count);
    SLU_ASSERT(free_count + taken_count == pool->fresh_count);
}

#include <sluice/budget.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"

#define BLOCK_ALIGN ((size_t)64)
#define PAGE_BYTES  ((size_t)4096)

struct slu_budget {
    struct slu_budget *parent;
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t limit_bytes;
    _Atomic uint64_t soft_bytes;
    _Atomic uint64_t high_water_bytes;
    _Atomic uint64_t refused_count;
    _Atomic uint64_t refused_bytes;
    _Atomic uint32_t child_count;
    uint32_t depth;
    char name[SLU_BUDGET_NAME_MAX];
};

/*
 * Counters are relaxed throughout: each is a number of its own, and no other memory is published
 * by a charge.
 */
static uint64_t counter_load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void counter_raise(_Atomic uint64_t *counter, uint64_t value)
{
    uint64_t seen = counter_load(counter);
    while (seen < value && !atomic_compare_exchange_weak_explicit(
                               counter, &seen, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

static int level_charge(struct slu_budget *level, uint64_t bytes, uint64_t *used_after)
{
    uint64_t used = counter_load(&level->used_bytes);
    uint64_t sum = 0;
    do {
        if (__builtin_add_overflow(used, bytes, &sum) || sum > counter_load(&level->limit_bytes)) {
            atomic_fetch_add_explicit(&level->refused_count, 1, memory_order_relaxed);
            atomic_fetch_add_explicit(&level->refused_bytes, bytes, memory_order_relaxed);
            return -EDQUOT;
        }
    } while (!atomic_compare_exchange_weak_explicit(&level->used_bytes, &used, sum,
                                                    memory_order_relaxed, memory_order_relaxed));
    *used_after = sum;
    return 0;
}

static void level_release(struct slu_budget *level, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&level->used_bytes, bytes, memory_order_relaxed);
    SLU_ASSERT(before >= bytes);
}

int slu_budget_charge(struct slu_budget *budget, uint64_t bytes)
{
    uint64_t used_after[SLU_BUDGET_DEPTH_MAX];
    uint32_t charged = 0;
    for (struct slu_budget *level = budget; level != NULL; level = level->parent) {
        if (level_charge(level, bytes, &used_after[charged]) != 0) {
            for (struct slu_budget *undo = budget; undo != level; undo = undo->parent) {
                level_release(undo, bytes);
            }
            return -EDQUOT;
        }
        charged++;
    }
    charged = 0;
    for (struct slu_budget *level = budget; level != NULL; level = level->parent) {
        counter_raise(&level->high_water_bytes, used_after[charged++]);
    }
    return 0;
}

void slu_budget_release(struct slu_budget *budget, uint64_t bytes)
{
    for (struct slu_budget *level = budget; level != NULL; level = level->parent) {
        level_release(level, bytes);
    }
}

int slu_budget_create(struct slu_budget *parent, const char *name, uint64_t limit_bytes,
                      struct slu_budget **out)
{
    uint32_t depth = parent == NULL ? 1 : parent->depth + 1;
    if (name == NULL || depth > SLU_BUDGET_DEPTH_MAX) {
        return -EINVAL;
    }
    uint64_t own_bytes = slu_budget_block_bytes(sizeof(struct slu_budget));
    if (own_bytes > limit_bytes) {
        return -EDQUOT;
    }
    if (parent != NULL && slu_budget_charge(parent, own_bytes) != 0) {
        return -EDQUOT;
    }
    struct slu_budget *budget = aligned_alloc(BLOCK_ALIGN, own_bytes);
    if (budget == NULL) {
        if (parent != NULL) {
            slu_budget_release(parent, own_bytes);
        }
        return -ENOMEM;
    }
    *budget = (struct slu_budget){.parent = parent, .depth = depth};
    strncat(budget->name, name, sizeof(budget->name) - 1);
    atomic_init(&budget->used_bytes, own_bytes);
    atomic_init(&budget->high_water_bytes, own_bytes);
    slu_budget_set_limit(budget, limit_bytes);
    if (parent != NULL) {
        atomic_fetch_add_explicit(&parent->child_count, 1, memory_order_relaxed);
    }
    *out = budget;
    return 0;
}

void slu_budget_destroy(struct slu_budget **budget)
{
    struct slu_budget *gone = budget == NULL ? NULL : *budget;
    if (gone == NULL) {
        return;
    }
    uint64_t own_bytes = slu_budget_block_bytes(sizeof(struct slu_budget));
    SLU_ASSERT(counter_load(&gone->used_bytes) == own_bytes);
    SLU_ASSERT(atomic_load_explicit(&gone->child_count, memory_order_relaxed) == 0);
    if (gone->parent != NULL) {
        atomic_fetch_sub_explicit(&gone->parent->child_count, 1, memory_order_relaxed);
        slu_budget_release(gone->parent, own_bytes);
    }
    free(gone);
    *budget = NULL;
}

void slu_budget_set_limit(struct slu_budget *budget, uint64_t limit_bytes)
{
    atomic_store_explicit(&budget->limit_bytes, limit_bytes, memory_order_relaxed);
    atomic_store_explicit(&budget->soft_bytes, limit_bytes - limit_bytes / 4, memory_order_relaxed);
}

int slu_budget_set_soft_limit(struct slu_budget *budget, uint64_t soft_bytes)
{
    if (soft_bytes > counter_load(&budget->limit_bytes)) {
        return -EINVAL;
    }
    atomic_store_explicit(&budget->soft_bytes, soft_bytes, memory_order_relaxed);
    return 0;
}

static enum slu_pressure level_pressure(const struct slu_budget *level)
{
    uint64_t used = counter_load(&level->used_bytes);
    uint64_t soft = counter_load(&level->soft_bytes);
    uint64_t limit = counter_load(&level->limit_bytes);
    if (used < soft) {
        return SLU_PRESSURE_LOW;
    }
    /* The limit may have fallen between the two loads. */
    uint64_t critical = limit > soft ? soft + (limit - soft) / 2 : limit;
    return used < critical ? SLU_PRESSURE_HIGH : SLU_PRESSURE_CRITICAL;
}

enum slu_pressure slu_budget_pressure(const struct slu_budget *budget)
{
    enum slu_pressure highest = SLU_PRESSURE_LOW;
    for (const struct slu_budget *level = budget; level != NULL; level = level->parent) {
        enum slu_pressure pressure = level_pressure(level);
        highest = pressure > highest ? pressure : highest;
    }
    return highest;
}

void slu_budget_stats(const struct slu_budget *budget, struct slu_budget_stats *out)
{
    *out = (struct slu_budget_stats){
        .limit_bytes = counter_load(&budget->limit_bytes),
        .used_bytes = counter_load(&budget->used_bytes),
        .high_water_bytes = counter_load(&budget->high_water_bytes),
        .refused_count = counter_load(&budget->refused_count),
        .refused_bytes = counter_load(&budget->refused_bytes),
    };
}

const char *slu_budget_name(const struct slu_budget *budget)
{
    return budget->name;
}

size_t slu_budget_block_bytes(size_t size_bytes)
{
    size_t unit = size_bytes >= SLU_BUDGET_MAP_MIN ? PAGE_BYTES : BLOCK_ALIGN;
    size_t padded = 0;
    if (__builtin_add_overflow(size_bytes, unit - 1, &padded)) {
        return SIZE_MAX;
    }
    return padded & ~(unit - 1);
}

static void *block_obtain(size_t size_bytes, size_t block_bytes)
{
    if (size_bytes >= SLU_BUDGET_MAP_MIN) {
        void *block =
            mmap(NULL, block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return block == MAP_FAILED ? NULL : block;
    }
    void *block = aligned_alloc(BLOCK_ALIGN, block_bytes);
    return block == NULL ? NULL : memset(block, 0, block_bytes);
}

int slu_budget_alloc(struct slu_budget *budget, size_t size_bytes, void **out)
{
    if (size_bytes == 0) {
        return -EINVAL;
    }
    size_t block_bytes = slu_budget_block_bytes(size_bytes);
    if (block_bytes == SIZE_MAX) {
        return -EOVERFLOW;
    }
    if (slu_budget_charge(budget, block_bytes) != 0) {
        return -EDQUOT;
    }
    void *block = block_obtain(size_bytes, block_bytes);
    if (block == NULL) {
        slu_budget_release(budget, block_bytes);
        return -ENOMEM;
    }
    *out = block;
    return 0;
}

void slu_budget_free(struct slu_budget *budget, void *block, size_t size_bytes)
{
    if (block == NULL) {
        return;
    }
    size_t block_bytes = slu_budget_block_bytes(size_bytes);
    if (size_bytes >= SLU_BUDGET_MAP_MIN) {
        int unmapped = munmap(block, block_bytes);
        SLU_ASSERT(unmapped == 0);
    } else {
        free(block);
    }
    slu_budget_release(budget, block_bytes);
}

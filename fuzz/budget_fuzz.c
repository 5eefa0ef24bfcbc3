/*
 * Property: whatever is charged, released and limited in a chain of budgets, each budget's use is
 * what a sum over the charges says, a charge succeeds exactly when every level has room for it, and
 * a refusal changes nothing but the count of the level that refused.
 *
 * Input: steps of three bytes: what and where, then an amount.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <sluice/budget.h>

#define LEVELS 4
#define LIMIT  ((uint64_t)1 << 14)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
    struct slu_budget *budgets[LEVELS]; /* each the child of the one before */
    uint64_t base[LEVELS];              /* used when nothing is charged by us */
    uint64_t charged[LEVELS];           /* at this level itself, not by its children */
    uint64_t limits[LEVELS];
    uint64_t refused[LEVELS];
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct slu_budget_stats stats_of(const struct model *model, size_t level)
{
    struct slu_budget_stats stats;
    slu_budget_stats(model->budgets[level], &stats);
    return stats;
}

static uint64_t used_at(const struct model *model, size_t level)
{
    uint64_t used = model->base[level];
    for (size_t below = level; below < LEVELS; below++) {
        used += model->charged[below];
    }
    return used;
}

static void check(const struct model *model)
{
    for (size_t level = 0; level < LEVELS; level++) {
        struct slu_budget_stats stats = stats_of(model, level);
        require(stats.used_bytes == used_at(model, level));
        require(stats.refused_count == model->refused[level]);
        require(stats.high_water_bytes >= stats.used_bytes);
        require(stats.limit_bytes == model->limits[level]);
    }
}

/* The level that refuses, the nearest first; LEVELS if none does. */
static size_t refusing_level(const struct model *model, size_t level, uint64_t bytes)
{
    for (size_t at = level + 1; at-- > 0;) {
        if (used_at(model, at) + bytes > model->limits[at]) {
            return at;
        }
    }
    return LEVELS;
}

static void charge(struct model *model, size_t level, uint64_t bytes)
{
    size_t refusing = refusing_level(model, level, bytes);
    int err = slu_budget_charge(model->budgets[level], bytes);
    require((err == 0) == (refusing == LEVELS));
    if (err == 0) {
        model->charged[level] += bytes;
    } else {
        model->refused[refusing]++;
    }
}

static void release(struct model *model, size_t level, uint64_t bytes)
{
    uint64_t held = model->charged[level];
    uint64_t back = bytes < held ? bytes : held;
    slu_budget_release(model->budgets[level], back);
    model->charged[level] -= back;
}

static void step(struct model *model, const uint8_t *bytes)
{
    size_t level = bytes[0] % LEVELS;
    uint64_t amount = (uint64_t)bytes[1] << 8 | bytes[2];
    switch (bytes[0] / LEVELS % 3) {
    case 0:
        charge(model, level, amount);
        break;
    case 1:
        release(model, level, amount);
        break;
    default:
        slu_budget_set_limit(model->budgets[level], amount);
        model->limits[level] = amount;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model = {0};
    struct slu_budget *parent = NULL;
    for (size_t level = 0; level < LEVELS; level++) {
        require(slu_budget_create(parent, "level", LIMIT, &model.budgets[level]) == 0);
        parent = model.budgets[level];
        model.limits[level] = LIMIT;
    }
    for (size_t level = 0; level < LEVELS; level++) {
        model.base[level] = stats_of(&model, level).used_bytes;
    }
    for (size_t at = 0; at + 3 <= size; at += 3) {
        step(&model, data + at);
        check(&model);
    }
    for (size_t level = LEVELS; level-- > 0;) {
        release(&model, level, UINT64_MAX);
        slu_budget_destroy(&model.budgets[level]);
    }
    return 0;
}

#include "profile/profile.h"

#include <errno.h>
#include <inttypes.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/layout.h"

#include "profile/profile_state.h"

struct profile_plan {
    struct stack_table_plan stacks;
    size_t live;
    size_t bytes;
};

void profile_options_default(struct profile_options *options)
{
    *options = (struct profile_options){
        .rate_bytes = SAMPLING_RATE_DEFAULT,
        .samples_per_second_max = 1000,
        .samples_max = 1 << 17,
        .stacks_max = 1 << 15,
        .pcs_max = 24 << 15,
    };
}

/* One row an option: its value and its bounds. */
static int check_range(struct slu_diag *diag, const char *name, uint64_t value, uint64_t min,
                       uint64_t max)
{
    if (value >= min && value <= max) {
        return 0;
    }
    return diag_fail(diag, -EINVAL, "%s is %" PRIu64 "; it must be from %" PRIu64 " to %" PRIu64,
                     name, value, min, max);
}

static int check_options(const struct profile_options *options, struct slu_diag *diag)
{
    int err = check_range(diag, "rate_bytes", options->rate_bytes, 1, SAMPLING_RATE_MAX);
    if (err == 0) {
        err = check_range(diag, "samples_per_second_max", options->samples_per_second_max, 0,
                          UINT32_MAX);
    }
    if (err == 0) {
        err = check_range(diag, "samples_max", options->samples_max, 1, PROFILE_SAMPLES_MAX);
    }
    if (err == 0) {
        err = check_range(diag, "stacks_max", options->stacks_max, 1, PROFILE_STACKS_MAX);
    }
    if (err == 0) {
        err = check_range(diag, "pcs_max", options->pcs_max, 1, PROFILE_PCS_MAX);
    }
    return err;
}

/* The bounds of the options keep the sum below 2^40. */
static struct profile_plan plan_of(const struct profile_options *options)
{
    struct layout layout = {0};
    struct profile_plan plan;
    (void)layout_add(&layout, 1, sizeof(struct profile), 64);
    stack_table_plan(&layout, options->stacks_max, options->pcs_max, &plan.stacks);
    plan.live = live_table_plan(&layout, options->samples_max);
    int err = layout_size(&layout, &plan.bytes);
    SLU_ASSERT(err == 0);
    return plan;
}

int profile_bytes(const struct profile_options *options, struct slu_diag *diag, size_t *bytes)
{
    int err = check_options(options, diag);
    if (err == 0) {
        *bytes = plan_of(options).bytes;
    }
    return err;
}

struct profile *profile_init(void *block, const struct profile_options *options, uint64_t now_ns)
{
    SLU_ASSERT(check_options(options, NULL) == 0 && (uintptr_t)block % 64 == 0);
    struct profile_plan plan = plan_of(options);
    struct profile *profile = block;
    stack_table_init(&profile->stacks, block, &plan.stacks, options->stacks_max, options->pcs_max);
    live_table_init(&profile->live, (char *)block + plan.live, options->samples_max);
    rate_ceiling_init(&profile->ceiling, options->rate_bytes, options->samples_per_second_max,
                      now_ns);
    profile->block_bytes = plan.bytes;
    profile->table_bytes = plan.stacks.stacks;
    return profile;
}

void profile_after_fork_child(struct profile *profile, uint64_t now_ns)
{
    rate_ceiling_restart(&profile->ceiling, now_ns);
}

uint64_t profile_rate(const struct profile *profile)
{
    return atomic_load_explicit(&profile->ceiling.rate_bytes, memory_order_relaxed);
}

int profile_set_rate(struct profile *profile, uint64_t rate_bytes)
{
    if (rate_bytes < 1 || rate_bytes > SAMPLING_RATE_MAX) {
        return -EINVAL;
    }
    rate_ceiling_set(&profile->ceiling, rate_bytes);
    return 0;
}

static uint32_t stack_of(struct profile *profile, const struct profile_allocation *allocation)
{
    uint32_t count = allocation->frame_count;
    uint32_t stack =
        stack_table_find_or_add(&profile->stacks, allocation->return_pcs,
                                count < PROFILE_FRAMES_MAX ? count : PROFILE_FRAMES_MAX);
    if (stack == STACK_TABLE_FULL) {
        atomic_fetch_add_explicit(&profile->stacks_dropped, 1, memory_order_relaxed);
    }
    return stack;
}

int profile_record(struct profile *profile, const struct profile_allocation *allocation,
                   uint64_t now_ns, uint32_t *index)
{
    uint64_t rate =
        allocation->rate_bytes < SAMPLING_RATE_MAX ? allocation->rate_bytes : SAMPLING_RATE_MAX;
    uint64_t weight = sampling_weight(allocation->size_bytes, rate);
    uint64_t bytes = sampling_weighted_bytes(allocation->size_bytes, weight);
    struct profile_sample sample = {
        .address = allocation->address,
        .size_bytes = allocation->size_bytes,
        .birth_ns = now_ns,
        .rate_bytes = (uint32_t)rate,
        .thread_id = allocation->thread_id,
        .stack = stack_of(profile, allocation),
    };
    struct stack *stack = &profile->stacks.stacks[sample.stack];
    rate_ceiling_count(&profile->ceiling, now_ns);
    atomic_fetch_add_explicit(&profile->samples_recorded, 1, memory_order_relaxed);
    stack_count_alloc(stack, stack_objects_of(weight), bytes);
    int err = live_table_add(&profile->live, &sample, index);
    if (err != 0) {
        stack_count_free(stack, stack_objects_of(weight), bytes);
        atomic_fetch_add_explicit(&profile->samples_dropped, 1, memory_order_relaxed);
    }
    return err;
}

int profile_forget(struct profile *profile, uint32_t index, uint64_t address)
{
    struct profile_sample sample;
    int err = live_table_remove(&profile->live, index, address, &sample);
    if (err == 0) {
        uint64_t weight = sampling_weight(sample.size_bytes, sample.rate_bytes);
        stack_count_free(&profile->stacks.stacks[sample.stack], stack_objects_of(weight),
                         sampling_weighted_bytes(sample.size_bytes, weight));
    }
    return err;
}

uint32_t profile_sample_end(const struct profile *profile)
{
    return atomic_load_explicit(&profile->live.end, memory_order_relaxed);
}

bool profile_sample_at(const struct profile *profile, uint32_t index, struct profile_sample *sample)
{
    struct profile_sample found;
    if (!live_table_at(&profile->live, index, &found)) {
        return false;
    }
    found.weight = sampling_weight(found.size_bytes, found.rate_bytes);
    *sample = found;
    return true;
}

uint32_t profile_stack(const struct profile *profile, uint32_t stack, const uint64_t **return_pcs)
{
    SLU_ASSERT(stack < profile->stacks.stacks_max);
    *return_pcs = stack_table_pcs(&profile->stacks, stack);
    return profile->stacks.stacks[stack].frame_count;
}

uint32_t profile_stack_end(const struct profile *profile)
{
    return atomic_load_explicit(&profile->stacks.stack_count, memory_order_relaxed);
}

void profile_move_code(struct profile *profile, uint64_t start, uint64_t limit, uint64_t to,
                       uint32_t stack_end)
{
    struct stack_code_move move = {start, limit, to, stack_end};
    stack_table_move_code(&profile->stacks, &move);
}

static size_t used_bytes(const struct profile *profile)
{
    const struct stack_table *stacks = &profile->stacks;
    return profile->table_bytes +
           atomic_load_explicit(&stacks->stack_count, memory_order_relaxed) * sizeof(struct stack) +
           atomic_load_explicit(&stacks->pcs_used, memory_order_relaxed) * sizeof(uint64_t) +
           profile_sample_end(profile) * sizeof(struct live_sample);
}

void profile_stats(const struct profile *profile, struct profile_stats *stats)
{
    struct stack_counts sums = {0};
    *stats = (struct profile_stats){0};
    for (uint32_t slot = 0; slot < profile_slot_end(profile); slot++) {
        uint32_t number = profile_stack_in_slot(profile, slot);
        if (number != PROFILE_NONE) {
            struct stack_counts counts = stack_counts_read(&profile->stacks.stacks[number]);
            sums.alloc_objects += counts.alloc_objects;
            sums.alloc_bytes += counts.alloc_bytes;
            sums.free_objects += counts.free_objects;
            sums.free_bytes += counts.free_bytes;
            stats->stack_count += number != STACK_TABLE_FULL;
        }
    }
    struct profile_values values = profile_values_of(&sums, NULL);
    stats->alloc_objects = (uint64_t)values.alloc_objects;
    stats->alloc_bytes = (uint64_t)values.alloc_bytes;
    stats->inuse_objects = (uint64_t)values.inuse_objects;
    stats->inuse_bytes = (uint64_t)values.inuse_bytes;
    stats->samples_recorded =
        atomic_load_explicit(&profile->samples_recorded, memory_order_relaxed);
    stats->samples_dropped = atomic_load_explicit(&profile->samples_dropped, memory_order_relaxed);
    stats->stacks_dropped = atomic_load_explicit(&profile->stacks_dropped, memory_order_relaxed);
    stats->samples_live = live_table_count(&profile->live);
    stats->rate_bytes = profile_rate(profile);
    stats->block_bytes = profile->block_bytes;
    stats->used_bytes = used_bytes(profile);
}

/* Counted objects to the nearest whole one. */
static int64_t whole_objects(uint64_t objects)
{
    int64_t half = INT64_C(1) << (STACK_OBJECTS_SHIFT - 1);
    return ((int64_t)objects + half) / (2 * half) - (((int64_t)objects + half) % (2 * half) < 0);
}

struct profile_values profile_values_of(const struct stack_counts *counts,
                                        const struct stack_counts *since)
{
    static const struct stack_counts nothing = {0};
    since = since == NULL ? &nothing : since;
    uint64_t alloc_objects = counts->alloc_objects - since->alloc_objects;
    uint64_t alloc_bytes = counts->alloc_bytes - since->alloc_bytes;
    uint64_t free_objects = counts->free_objects - since->free_objects;
    uint64_t free_bytes = counts->free_bytes - since->free_bytes;
    return (struct profile_values){
        .alloc_objects = whole_objects(alloc_objects),
        .alloc_bytes = (int64_t)alloc_bytes,
        .inuse_objects = whole_objects(alloc_objects - free_objects),
        .inuse_bytes = (int64_t)(alloc_bytes - free_bytes),
    };
}

struct profile_values profile_stack_values(const struct profile *profile, uint32_t number,
                                           const struct profile_write_options *options)
{
    const struct profile_snapshot *since = options->since;
    const struct profile_snapshot *at = options->at;
    struct stack_counts counts = {0};
    if (at == NULL) {
        counts = stack_counts_read(&profile->stacks.stacks[number]);
    } else if (number < at->stack_end) {
        counts = at->counts[number];
    }
    bool is_newer = since == NULL || number >= since->stack_end;
    return profile_values_of(&counts, is_newer ? NULL : &since->counts[number]);
}

size_t profile_snapshot_bytes(const struct profile *profile)
{
    return sizeof(struct profile_snapshot) +
           profile->stacks.stacks_max * sizeof(struct stack_counts);
}

struct profile_snapshot *profile_snapshot_take(const struct profile *profile, void *block)
{
    struct profile_snapshot *snapshot = block;
    snapshot->stack_end = atomic_load_explicit(&profile->stacks.stack_count, memory_order_relaxed);
    for (uint32_t slot = 0; slot < profile_slot_end(profile); slot++) {
        uint32_t number = profile_stack_in_slot(profile, slot);
        if (number < snapshot->stack_end) { /* PROFILE_NONE is not */
            snapshot->counts[number] = stack_counts_read(&profile->stacks.stacks[number]);
        }
    }
    return snapshot;
}

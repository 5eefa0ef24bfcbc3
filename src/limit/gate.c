#include <sluice/gate.h>

#include <errno.h>
#include <inttypes.h>

#include <sluice/budget.h>
#include <sluice/random.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/layout.h"
#include "limit/gate_state.h"
#include "sys/pages.h"

/* Of the 1,024 places of a group: the more are held, the oftener a new key finds none. */
#define GROUP_KEYS 614u

struct gate_parts {
    size_t slots_at;
    size_t shared_at;
    size_t stripes_at;
    size_t lines_at;
};

static int options_check(const struct slu_gate_options *options, struct slu_diag *diag)
{
    if (options->keys_max == 0 || options->keys_max > SLU_GATE_KEYS_MAX) {
        return diag_fail(diag, -EINVAL, "keys_max %" PRIu64 " is not within 1 .. %" PRIu64,
                         options->keys_max, SLU_GATE_KEYS_MAX);
    }
    if (options->class_count == 0 || options->class_count > SLU_GATE_CLASSES_MAX) {
        return diag_fail(diag, -EINVAL, "class_count %" PRIu32 " is not within 1 .. %d",
                         options->class_count, SLU_GATE_CLASSES_MAX);
    }
    if (options->policy > SLU_GATE_SHARE) {
        return diag_fail(diag, -EINVAL, "policy %u is none of the three",
                         (unsigned)options->policy);
    }
    return 0;
}

static int class_init(const struct slu_gate_class *options, struct gate_slot *slot,
                      struct gate_shared *shared, struct slu_diag *diag)
{
    const struct slu_limit *common = &options->shared;
    bool own = common->count != 0 || common->period_ns != 0 || common->burst != 0;
    int err = rate_init(&slot->rate, &options->limit, diag);
    err = err != 0 ? err : rate_init(&shared->rate, own ? common : &options->limit, diag);
    if (err == 0 && options->keep_ns > SLU_LIMIT_PERIOD_NS_MAX) {
        err = diag_fail(diag, -EINVAL, "keep_ns %" PRIu64 " is above %" PRIu64, options->keep_ns,
                        SLU_LIMIT_PERIOD_NS_MAX);
    }
    if (err == 0 && slot->rate.kind == RATE_FINITE) {
        slot->keep_units = rate_units(&slot->rate, options->keep_ns);
        slot->event_ns = rate_time_ns(&slot->rate, UINT64_C(1) << slot->rate.shift);
    }
    return err;
}

/* Each class as it would be, so that nothing is allocated for options that are refused. */
static int classes_check(const struct slu_gate_options *options, struct slu_diag *diag)
{
    for (uint32_t i = 0; i < options->class_count; i++) {
        struct gate_slot slot;
        struct gate_shared shared;
        struct slu_diag why;
        int err = class_init(&options->classes[i], &slot, &shared, &why);
        if (err != 0) {
            return diag_fail(diag, err, "class %" PRIu32 ": %s", i, why.message);
        }
    }
    return 0;
}

static struct gate_parts gate_plan(struct layout *layout, const struct slu_gate_options *options,
                                   uint64_t group_count)
{
    (void)layout_add(layout, 1, sizeof(struct slu_gate), 64); /* always at 0 */
    return (struct gate_parts){
        .slots_at = layout_add(layout, options->class_count, sizeof(struct gate_slot), 64),
        .shared_at = layout_add(layout, options->class_count, sizeof(struct gate_shared), 64),
        .stripes_at = layout_add(layout, GATE_STRIPES, sizeof(struct gate_stripe), 64),
        .lines_at = layout_add(layout, group_count * GROUP_LINES, sizeof(struct gate_line), 64),
    };
}

static void gate_init(struct slu_gate *gate, const struct slu_gate_options *options)
{
    for (uint32_t i = 0; i < options->class_count; i++) {
        struct gate_slot *slot = &gate->slots[i];
        (void)class_init(&options->classes[i], slot, &gate->shared[i], NULL); /* checked before */
        struct hash_wide salt = hash_bytes_wide((struct slu_bytes){&i, sizeof(i)}, gate->seed);
        slot->salt_place = salt.high;
        slot->salt_print = salt.low;
    }
    gate->class_count = options->class_count;
    gate->policy = options->policy;
    gate->keys_max = options->keys_max;
}

int slu_gate_create(struct slu_budget *budget, const struct slu_gate_options *options,
                    struct slu_diag *diag, struct slu_gate **out)
{
    uint64_t seed = 0;
    int err = options_check(options, diag);
    err = err != 0 ? err : classes_check(options, diag);
    if (err != 0) {
        return err;
    }
    err = slu_random_seed(&seed);
    if (err != 0) {
        return diag_fail(diag, err, "the kernel gave no seed for the gate's hash");
    }
    uint64_t group_count = (options->keys_max + GROUP_KEYS - 1) / GROUP_KEYS;
    struct layout layout = {0};
    struct gate_parts parts = gate_plan(&layout, options, group_count);
    size_t bytes = 0;
    void *block = NULL;
    err = layout_alloc(&layout, budget, &bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err,
                         "no room for a gate of %" PRIu64 " keys, %zu bytes, in budget \"%s\"",
                         options->keys_max, bytes, slu_budget_name(budget));
    }
    pages_want_huge(block, bytes);
    struct slu_gate *gate = block;
    char *base = block;
    *gate = (struct slu_gate){.lines = (struct gate_line *)(base + parts.lines_at),
                              .group_count = group_count,
                              .slots = (struct gate_slot *)(base + parts.slots_at),
                              .shared = (struct gate_shared *)(base + parts.shared_at),
                              .stripes = (struct gate_stripe *)(base + parts.stripes_at),
                              .number_seed = hash_number_seed(seed),
                              .seed = seed,
                              .budget = budget,
                              .block_bytes = bytes};
    gate_init(gate, options);
    *out = gate;
    return 0;
}

void slu_gate_destroy(struct slu_gate **gate)
{
    if (gate == NULL || *gate == NULL) {
        return;
    }
    slu_budget_free((*gate)->budget, *gate, (*gate)->block_bytes);
    *gate = NULL;
}

void slu_gate_stats(const struct slu_gate *gate, struct slu_gate_stats *out)
{
    *out = (struct slu_gate_stats){.keys_max = gate->keys_max,
                                   .place_count = gate->group_count * GROUP_LINES * LINE_WAYS};
    for (uint32_t i = 0; i < GATE_STRIPES; i++) {
        const struct gate_stripe *stripe = &gate->stripes[i];
        out->full_count += atomic_load_explicit(&stripe->full_count, memory_order_relaxed);
        out->full_refused_count +=
            atomic_load_explicit(&stripe->full_refused_count, memory_order_relaxed);
        out->moved_count += atomic_load_explicit(&stripe->moved_count, memory_order_relaxed);
    }
}

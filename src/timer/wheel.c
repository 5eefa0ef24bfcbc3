/*
 * Timers and their slots: creation, addition, stop and reset. What happens as time passes is in
 * advance.c.
 *
 * Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7; a word
 * of bits for each level finds the next slot without walking over empty ones.
 */
#include "timer/wheel.h"

#include <errno.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/layout.h"

static int options_check(const struct slu_wheel_options *options, struct slu_diag *diag)
{
    if (options->tick_ns == 0 || options->tick_ns > SLU_WHEEL_TICK_NS_MAX) {
        return diag_fail(diag, -EINVAL, "tick_ns is %llu; it must be 1 to %llu",
                         (unsigned long long)options->tick_ns,
                         (unsigned long long)SLU_WHEEL_TICK_NS_MAX);
    }
    if (options->attached_max > options->timers_max) {
        return diag_fail(diag, -EINVAL,
                         "attached_max is %u; it must be 0 to timers_max, which is %u",
                         options->attached_max, options->timers_max);
    }
    if (options->timers_max == 0 || options->timers_max > SLU_WHEEL_TIMERS_MAX) {
        return diag_fail(diag, -EINVAL, "timers_max is %u; it must be 1 to %u", options->timers_max,
                         SLU_WHEEL_TIMERS_MAX);
    }
    return 0;
}

/* Where everything lies in the block, with the structure itself in front. */
struct plan {
    struct layout layout;
    struct slu_pool_options pool_options;
    struct pool_parts pool;
    size_t attachments_at;
    uint32_t tick_bits;
    uint32_t level_count;
    uint32_t chain_bits;
    uint32_t head_count;
};

static struct plan plan_of(const struct slu_wheel_options *options)
{
    struct plan plan = {
        .pool_options = {.record_bytes = sizeof(struct timer),
                         .align_bytes = sizeof(struct timer),
                         .capacity = options->timers_max},
        .tick_bits = 63 - (uint32_t)__builtin_clzll(options->tick_ns),
        .chain_bits = options->timers_max < CHAIN_TIMERS_MIN ? 0 : CHAIN_BITS_LARGE,
    };
    plan.level_count = (64 - plan.tick_bits + LEVEL_BITS - 1) / LEVEL_BITS;
    plan.head_count = (plan.level_count * LEVEL_SLOT_COUNT + LIST_COUNT) << plan.chain_bits;
    (void)layout_add(&plan.layout, 1, sizeof(struct slu_wheel), GOLDEN_LINE_BYTES);
    plan.pool = pool_plan(&plan.layout, &plan.pool_options);
    /* Behind the records without a gap, since these are a multiple of its alignment. */
    (void)layout_add(&plan.layout, plan.head_count, sizeof(struct timer_node),
                     sizeof(struct timer_node));
    plan.attachments_at = layout_add(&plan.layout, options->attached_max, sizeof(struct attachment),
                                     _Alignof(struct attachment));
    return plan;
}

static void wheel_init(struct slu_wheel *wheel, const struct plan *plan,
                       const struct slu_wheel_options *options)
{
    unsigned char *block = (unsigned char *)wheel;
    wheel->nodes = (void *)(block + plan->pool.records_at);
    wheel->tick = options->start_ns >> plan->tick_bits;
    wheel->tick_mask = UINT64_MAX >> plan->tick_bits;
    wheel->tick_bits = plan->tick_bits;
    wheel->level_count = plan->level_count;
    wheel->heads_at = timer_node(options->timers_max);
    wheel->chain_bits = plan->chain_bits;
    pool_init(&wheel->pool, wheel, plan->pool, &plan->pool_options);
    attachments_init(wheel, (void *)(block + plan->attachments_at), options->attached_max);
    for (uint32_t head = wheel->heads_at; head < wheel->heads_at + plan->head_count; head++) {
        wheel->nodes[head].next = head;
        wheel->nodes[head].previous = head;
    }
}

int slu_wheel_create(struct slu_budget *budget, const struct slu_wheel_options *options,
                     struct slu_diag *diag, struct slu_wheel **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    struct plan plan = plan_of(options);
    size_t block_bytes = 0;
    void *block = NULL;
    err = layout_alloc(&plan.layout, budget, &block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err,
                         "%llu bytes for timers_max %u and attached_max %u do not fit budget '%s'",
                         (unsigned long long)block_bytes, options->timers_max,
                         options->attached_max, slu_budget_name(budget));
    }
    struct slu_wheel *wheel = block;
    wheel->budget = budget;
    wheel->block_bytes = block_bytes;
    wheel_init(wheel, &plan, options);
    *out = wheel;
    return 0;
}

void slu_wheel_destroy(struct slu_wheel **wheel)
{
    struct slu_wheel *gone = wheel == NULL ? NULL : *wheel;
    if (gone == NULL) {
        return;
    }
    SLU_ASSERT(!gone->advancing);
    attachments_deinit(gone);
    pool_deinit(&gone->pool);
    slu_budget_free(gone->budget, gone, gone->block_bytes);
    *wheel = NULL;
}

void timer_file(struct slu_wheel *wheel, uint32_t timer, enum wheel_list due)
{
    uint64_t tick = wheel->nodes[timer_node(timer)].tick;
    uint64_t differing = tick ^ wheel->tick;
    if (differing == 0) {
        timer_append(wheel, list_slot(wheel, due), timer);
        return;
    }
    uint32_t level = (63 - (uint32_t)__builtin_clzll(differing)) / LEVEL_BITS;
    uint32_t slot = (uint32_t)(tick >> level * LEVEL_BITS) % LEVEL_SLOT_COUNT;
    timer_append(wheel, level * LEVEL_SLOT_COUNT + slot, timer);
}

/* A timer's tick begins when the delay has passed, or up to one tick later. */
static void timer_arm(struct slu_wheel *wheel, uint32_t timer, uint64_t now_ns, uint64_t delay_ns)
{
    if (delay_ns >= SLU_WHEEL_AHEAD_MAX_NS) {
        timer_append(wheel, list_slot(wheel, LIST_PARKED), timer);
        return;
    }
    uint64_t tick_ns = UINT64_C(1) << wheel->tick_bits;
    uint64_t ahead_ns = wheel_lead_ns(wheel, now_ns) + delay_ns + (tick_ns - 1);
    uint64_t tick = (wheel->tick + (ahead_ns >> wheel->tick_bits)) & wheel->tick_mask;
    wheel->nodes[timer_node(timer)].tick = tick;
    if (wheel->advancing && ticks_until(wheel, tick) <= ticks_until(wheel, wheel->target_tick)) {
        timer_append(wheel, list_slot(wheel, LIST_NEXT), timer);
        return;
    }
    timer_file(wheel, timer, LIST_NEXT);
}

void timer_give(struct slu_wheel *wheel, uint32_t timer)
{
    timer_unlink(wheel, timer);
    int err = slu_pool_give(&wheel->pool, pool_handle(&wheel->pool, timer));
    SLU_ASSERT(err == 0);
}

int slu_wheel_add(struct slu_wheel *wheel, uint64_t now_ns, uint64_t delay_ns, slu_timer_fn *run,
                  void *arg, slu_timer_id *timer)
{
    if (run == NULL) {
        return -EINVAL;
    }
    if (wheel->pool.taken_count == wheel->pool.capacity) {
        (void)attachments_reclaim(wheel); /* full, or one of them is over */
    }
    slu_timer_id id = 0;
    void *record = NULL;
    int err = slu_pool_take(&wheel->pool, &id, &record);
    if (err != 0) {
        return err;
    }
    ((struct timer *)record)->call = (struct timer_call){run, arg};
    timer_arm(wheel, slu_pool_slot(&wheel->pool, id), now_ns, delay_ns);
    *timer = id;
    return 0;
}

int slu_wheel_stop(struct slu_wheel *wheel, slu_timer_id id)
{
    uint32_t timer = 0;
    if (!pool_find(&wheel->pool, id, &timer)) {
        return -ESTALE;
    }
    const struct timer_call *call = timer_call(wheel, timer);
    bool cancelled = call_is_attached(call) && attached_end(wheel, call);
    timer_give(wheel, timer);
    return cancelled ? -ESTALE : 0;
}

int slu_wheel_reset(struct slu_wheel *wheel, slu_timer_id id, uint64_t now_ns, uint64_t delay_ns)
{
    uint32_t timer = 0;
    if (!pool_find(&wheel->pool, id, &timer)) {
        return -ESTALE;
    }
    const struct timer_call *call = timer_call(wheel, timer);
    if (call_is_attached(call) && attached_is_cancelled(wheel, call)) {
        return -ESTALE;
    }
    timer_unlink(wheel, timer);
    timer_arm(wheel, timer, now_ns, delay_ns);
    return 0;
}

void slu_wheel_stats(const struct slu_wheel *wheel, struct slu_wheel_stats *out)
{
    struct slu_pool_stats pool;
    slu_pool_stats(&wheel->pool, &pool);
    *out = (struct slu_wheel_stats){
        .timer_count = pool.taken_count,
        .timer_high = pool.high_water_count,
        .run_count = wheel->run_count,
        .move_count = wheel->move_count,
        .refused_count = pool.refused_count,
        .attach_refused_count = wheel->attachments.refused_count,
    };
}

uint64_t slu_wheel_tick_ns(const struct slu_wheel *wheel)
{
    return UINT64_C(1) << wheel->tick_bits;
}

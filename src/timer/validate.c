/* The whole wheel examined, for tests and fuzz targets. */
#include "timer/wheel.h"

#include "base/assert.h"

static void slot_validate(const struct slu_wheel *wheel, uint32_t slot, uint32_t timer)
{
    uint32_t level = slot / LEVEL_SLOT_COUNT;
    uint64_t tick = wheel->nodes[timer_node(timer)].tick;
    uint64_t differing = tick ^ wheel->tick;
    SLU_ASSERT(differing != 0 && tick <= wheel->tick_mask);
    SLU_ASSERT((63 - (uint32_t)__builtin_clzll(differing)) / LEVEL_BITS == level);
    SLU_ASSERT((tick >> level * LEVEL_BITS) % LEVEL_SLOT_COUNT == slot % LEVEL_SLOT_COUNT);
    SLU_ASSERT(level + 1 == wheel->level_count || tick > wheel->tick);
}

/* How many timers a chain of the slot has. */
static uint32_t chain_validate(const struct slu_wheel *wheel, uint32_t slot, uint32_t chain)
{
    uint32_t head = slot_head(wheel, slot, chain);
    uint32_t count = 0;
    uint32_t before = head;
    for (uint32_t node = wheel->nodes[head].next; node != head; node = wheel->nodes[node].next) {
        uint32_t timer = node / TIMER_NODES;
        SLU_ASSERT(node < wheel->heads_at && node == timer_node(timer));
        SLU_ASSERT(slot_head(wheel, slot, timer) == head);
        SLU_ASSERT(wheel->nodes[node].previous == before);
        uint32_t found = 0;
        SLU_ASSERT(pool_find(&wheel->pool, pool_handle(&wheel->pool, timer), &found));
        SLU_ASSERT(found == timer);
        if (slot < list_slot(wheel, 0)) {
            slot_validate(wheel, slot, timer);
        }
        before = node;
        count++;
        SLU_ASSERT(count <= wheel->heads_at);
    }
    SLU_ASSERT(wheel->nodes[head].previous == before);
    return count;
}

void wheel_validate(const struct slu_wheel *wheel)
{
    pool_validate(&wheel->pool);
    SLU_ASSERT(wheel->tick <= wheel->tick_mask);
    uint32_t linked = 0;
    for (uint32_t slot = 0; slot < list_slot(wheel, LIST_COUNT); slot++) {
        uint32_t count = 0;
        for (uint32_t chain = 0; chain < chain_count(wheel); chain++) {
            count += chain_validate(wheel, slot, chain);
        }
        uint64_t used = wheel->slots_used[slot / LEVEL_SLOT_COUNT];
        SLU_ASSERT((used >> slot % LEVEL_SLOT_COUNT & 1) == (count > 0));
        linked += count;
    }
    for (uint32_t level = 0; level <= LEVELS_MAX; level++) {
        SLU_ASSERT((wheel->levels_used >> level & 1) == (wheel->slots_used[level] != 0));
    }
    /* All but the one whose callback is running. */
    SLU_ASSERT(linked == wheel->pool.taken_count ||
               (wheel->advancing && linked + 1 == wheel->pool.taken_count));
}

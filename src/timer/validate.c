/* The whole wheel examined, for tests and fuzz targets. */
#include "timer/wheel.h"

#include "base/assert.h"

static void slot_validate(const struct slu_wheel *wheel, uint32_t slot, uint32_t timer)
{
    uint32_t level = slot / LEVEL_SLOT_COUNT;
    uint64_t tick = wheel->nodes[timer].tick;
    uint64_t differing = tick ^ wheel->tick;
    SLU_ASSERT(differing != 0 && tick <= wheel->tick_mask);
    SLU_ASSERT((63 - (uint32_t)__builtin_clzll(differing)) / LEVEL_BITS == level);
    SLU_ASSERT((tick >> level * LEVEL_BITS) % LEVEL_SLOT_COUNT == slot % LEVEL_SLOT_COUNT);
    SLU_ASSERT(level + 1 == wheel->level_count || tick > wheel->tick);
}

/* How many timers a list has. */
static uint32_t list_validate(const struct slu_wheel *wheel, uint32_t head)
{
    uint32_t count = 0;
    uint32_t before = head;
    for (uint32_t timer = wheel->nodes[head].next; timer != head;
         timer = wheel->nodes[timer].next) {
        SLU_ASSERT(timer < wheel->slots_at);
        SLU_ASSERT(wheel->nodes[timer].previous == before);
        uint32_t slot = 0;
        SLU_ASSERT(pool_find(&wheel->pool, pool_handle(&wheel->pool, timer), &slot));
        SLU_ASSERT(slot == timer);
        if (head < wheel->lists_at) {
            slot_validate(wheel, head - wheel->slots_at, timer);
        }
        before = timer;
        count++;
        SLU_ASSERT(count <= wheel->slots_at);
    }
    SLU_ASSERT(wheel->nodes[head].previous == before);
    return count;
}

void wheel_validate(const struct slu_wheel *wheel)
{
    pool_validate(&wheel->pool);
    SLU_ASSERT(wheel->tick <= wheel->tick_mask);
    uint32_t linked = 0;
    for (uint32_t head = wheel->slots_at; head < wheel->lists_at + LIST_COUNT; head++) {
        uint32_t count = list_validate(wheel, head);
        linked += count;
        if (head < wheel->lists_at) {
            uint32_t slot = head - wheel->slots_at;
            uint64_t used = wheel->slots_used[slot / LEVEL_SLOT_COUNT];
            SLU_ASSERT((used >> slot % LEVEL_SLOT_COUNT & 1) == (count > 0));
        }
    }
    for (uint32_t level = 0; level < LEVELS_MAX; level++) {
        SLU_ASSERT((wheel->levels_used >> level & 1) == (wheel->slots_used[level] != 0));
    }
    /* All but the one whose callback is running. */
    SLU_ASSERT(linked == wheel->pool.taken_count ||
               (wheel->advancing && linked + 1 == wheel->pool.taken_count));
}

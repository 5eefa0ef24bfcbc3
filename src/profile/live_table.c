#include "profile/live_table.h"

#include <errno.h>

#include "profile/profile.h"

#define LIVE_BIT UINT32_C(1)

size_t live_table_plan(struct layout *layout, uint32_t samples_max)
{
    return layout_add(layout, samples_max, sizeof(struct live_sample), 64);
}

void live_table_init(struct live_table *table, void *samples, uint32_t samples_max)
{
    table->samples = samples;
    table->samples_max = samples_max;
}

/* The count of changes makes a head that went and came back another one. */
static uint64_t list_head(uint64_t before, uint32_t first)
{
    return ((before >> 32) + 1) << 32 | first;
}

static uint32_t pop_free(struct live_table *table)
{
    uint64_t head = atomic_load_explicit(&table->free_list, memory_order_acquire);
    uint64_t after = 0;
    do {
        if ((uint32_t)head == 0) {
            return PROFILE_NONE;
        }
        /* The record may be in use again by now: then the head has changed. */
        const struct live_sample *first = &table->samples[(uint32_t)head - 1];
        after = list_head(head, atomic_load_explicit(&first->next, memory_order_relaxed));
    } while (!atomic_compare_exchange_weak_explicit(&table->free_list, &head, after,
                                                    memory_order_acquire, memory_order_acquire));
    return (uint32_t)head - 1;
}

static void push_free(struct live_table *table, uint32_t index)
{
    uint64_t head = atomic_load_explicit(&table->free_list, memory_order_relaxed);
    uint64_t after = 0;
    do {
        atomic_store_explicit(&table->samples[index].next, (uint32_t)head, memory_order_relaxed);
        after = list_head(head, index + 1);
        /* Release: who pops the record reads `next`. */
    } while (!atomic_compare_exchange_weak_explicit(&table->free_list, &head, after,
                                                    memory_order_release, memory_order_relaxed));
}

static uint32_t take_unused(struct live_table *table)
{
    uint32_t end = atomic_load_explicit(&table->end, memory_order_relaxed);
    do {
        if (end == table->samples_max) {
            return PROFILE_NONE;
        }
    } while (!atomic_compare_exchange_weak_explicit(&table->end, &end, end + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return end;
}

int live_table_add(struct live_table *table, const struct profile_sample *sample, uint32_t *index)
{
    uint32_t taken = pop_free(table);
    if (taken == PROFILE_NONE) {
        taken = take_unused(table);
    }
    if (taken == PROFILE_NONE) {
        return -ENOBUFS;
    }
    struct live_sample *record = &table->samples[taken];
    uint32_t state = atomic_load_explicit(&record->state, memory_order_relaxed);
    /* Pairs with the fence in live_table_at: who reads a new member also sees that state changed,
     * which happened when the record was freed. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&record->address, sample->address, memory_order_relaxed);
    atomic_store_explicit(&record->size_bytes, sample->size_bytes, memory_order_relaxed);
    atomic_store_explicit(&record->birth_ns, sample->birth_ns, memory_order_relaxed);
    atomic_store_explicit(&record->rate_bytes, sample->rate_bytes, memory_order_relaxed);
    atomic_store_explicit(&record->thread_id, sample->thread_id, memory_order_relaxed);
    atomic_store_explicit(&record->stack, sample->stack, memory_order_relaxed);
    atomic_store_explicit(&record->state, state + 1, memory_order_release);
    *index = taken;
    return 0;
}

static void read_members(const struct live_sample *record, struct profile_sample *sample)
{
    sample->address = atomic_load_explicit(&record->address, memory_order_relaxed);
    sample->size_bytes = atomic_load_explicit(&record->size_bytes, memory_order_relaxed);
    sample->birth_ns = atomic_load_explicit(&record->birth_ns, memory_order_relaxed);
    sample->rate_bytes = atomic_load_explicit(&record->rate_bytes, memory_order_relaxed);
    sample->thread_id = atomic_load_explicit(&record->thread_id, memory_order_relaxed);
    sample->stack = atomic_load_explicit(&record->stack, memory_order_relaxed);
}

int live_table_remove(struct live_table *table, uint32_t index, uint64_t address,
                      struct profile_sample *sample)
{
    if (index >= atomic_load_explicit(&table->end, memory_order_relaxed)) {
        return -ESTALE;
    }
    struct live_sample *record = &table->samples[index];
    uint32_t state = atomic_load_explicit(&record->state, memory_order_acquire);
    struct profile_sample found;
    read_members(record, &found);
    if ((state & LIVE_BIT) == 0 || found.address != address) {
        return -ESTALE;
    }
    /* One of two who forget the same sample wins. */
    if (!atomic_compare_exchange_strong_explicit(&record->state, &state, state + 1,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return -ESTALE;
    }
    *sample = found;
    push_free(table, index);
    return 0;
}

bool live_table_at(const struct live_table *table, uint32_t index, struct profile_sample *sample)
{
    if (index >= atomic_load_explicit(&table->end, memory_order_relaxed)) {
        return false;
    }
    const struct live_sample *record = &table->samples[index];
    uint32_t state = atomic_load_explicit(&record->state, memory_order_acquire);
    if ((state & LIVE_BIT) == 0) {
        return false;
    }
    read_members(record, sample);
    /* Members that belong to a later use make the second load see a later state. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&record->state, memory_order_relaxed) == state;
}

uint32_t live_table_count(const struct live_table *table)
{
    uint32_t end = atomic_load_explicit(&table->end, memory_order_relaxed);
    uint32_t count = 0;
    for (uint32_t index = 0; index < end; index++) {
        count +=
            atomic_load_explicit(&table->samples[index].state, memory_order_relaxed) & LIVE_BIT;
    }
    return count;
}

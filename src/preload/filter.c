/*
 * Open addressing with linear probing; what is taken out is filled from behind, so that there are
 * no graves to step over.
 */
#include "preload/filter.h"

#include <errno.h>

#include "preload/blocks.h"
#include "sys/mutex.h"

struct filter_entry {
    uintptr_t address; /* 0: free */
    uint32_t sample;
    uint32_t unused;
};

_Atomic uint8_t filter_counters[(size_t)1 << FILTER_SHIFT];

static struct {
    struct mutex mutex;
    struct filter_entry *entries;
    size_t mask;
    size_t count;
    size_t count_max;
} filter = {.mutex = {PTHREAD_MUTEX_INITIALIZER}};

static size_t capacity_of(uint32_t count)
{
    size_t capacity = 16;
    while (capacity < 2 * (size_t)count) {
        capacity *= 2;
    }
    return capacity;
}

size_t filter_bytes(uint32_t count)
{
    return capacity_of(count) * sizeof(struct filter_entry);
}

void filter_init(void *block, uint32_t count)
{
    filter.entries = block;
    filter.mask = capacity_of(count) - 1;
    filter.count_max = count;
}

static size_t home_of(uintptr_t address)
{
    uint64_t mixed = ((uint64_t)address >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 20) & filter.mask;
}

/* Where the address is, or the free place where it would be. */
static size_t entry_find(uintptr_t address)
{
    size_t at = home_of(address);
    while (filter.entries[at].address != 0 && filter.entries[at].address != address) {
        at = (at + 1) & filter.mask;
    }
    return at;
}

static void counter_add(const void *block)
{
    _Atomic uint8_t *counter = &filter_counters[filter_place(block)];
    uint8_t count = atomic_load_explicit(counter, memory_order_relaxed);
    if (count != UINT8_MAX) {
        atomic_store_explicit(counter, (uint8_t)(count + 1), memory_order_relaxed);
    }
}

static void counter_subtract(const void *block)
{
    _Atomic uint8_t *counter = &filter_counters[filter_place(block)];
    uint8_t count = atomic_load_explicit(counter, memory_order_relaxed);
    if (count != UINT8_MAX) {
        atomic_store_explicit(counter, (uint8_t)(count - 1), memory_order_relaxed);
    }
}

int filter_add(const void *block, uint32_t sample, uint32_t *old_sample)
{
    int err = 0;
    *old_sample = BLOCKS_NO_SAMPLE;
    mutex_lock(&filter.mutex);
    struct filter_entry *entry = &filter.entries[entry_find((uintptr_t)block)];
    if (entry->address != 0) {
        *old_sample = entry->sample;
        entry->sample = sample;
    } else if (filter.count == filter.count_max) {
        err = -ENOBUFS;
    } else {
        *entry = (struct filter_entry){.address = (uintptr_t)block, .sample = sample};
        filter.count++;
        counter_add(block);
    }
    mutex_unlock(&filter.mutex);
    return err;
}

/* Move back what could not be at its place because this one was taken. */
static void entry_remove(size_t hole)
{
    size_t at = (hole + 1) & filter.mask;
    while (filter.entries[at].address != 0) {
        size_t home = home_of(filter.entries[at].address);
        if (((at - home) & filter.mask) >= ((at - hole) & filter.mask)) {
            filter.entries[hole] = filter.entries[at];
            hole = at;
        }
        at = (at + 1) & filter.mask;
    }
    filter.entries[hole] = (struct filter_entry){0};
}

bool filter_take(const void *block, uint32_t *sample)
{
    bool found = false;
    mutex_lock(&filter.mutex);
    size_t at = entry_find((uintptr_t)block);
    if (block != NULL && filter.entries[at].address != 0) {
        *sample = filter.entries[at].sample;
        entry_remove(at);
        filter.count--;
        counter_subtract(block);
        found = true;
    }
    mutex_unlock(&filter.mutex);
    return found;
}

void filter_before_fork(void)
{
    mutex_lock(&filter.mutex);
}

void filter_after_fork_parent(void)
{
    mutex_unlock(&filter.mutex);
}

void filter_after_fork_child(void)
{
    mutex_init(&filter.mutex);
}

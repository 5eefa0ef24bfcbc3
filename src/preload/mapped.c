#include "preload/mapped.h"

#include <stdatomic.h>
#include <stdbool.h>

#define PROBES_MAX   32
#define PAGE_SHIFT   12
#define GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)
#define HASH_SHIFT   52 /* leaves the number of a slot */
#define SLOT_FREE    0
#define SLOT_BUSY    1 /* no mapping begins there: whoever has written it has the slot */

_Static_assert(MAPPED_MAX == 1 << (64 - HASH_SHIFT), "the hash covers the table");

struct slot {
    _Atomic uintptr_t start; /* released after, and acquired before, the other two */
    _Atomic size_t bytes;
    _Atomic uintptr_t caller;
};

static struct slot slots[MAPPED_MAX];
static _Atomic uint64_t lost;

static struct slot *slot_at(uintptr_t start, unsigned probe)
{
    uint64_t home = (uint64_t)(start >> PAGE_SHIFT) * GOLDEN_RATIO >> HASH_SHIFT;
    return &slots[(home + probe) % MAPPED_MAX];
}

/* Take a slot that holds `start`: nobody else changes it until it is stored anew. */
static bool slot_take(struct slot *slot, uintptr_t start)
{
    return atomic_compare_exchange_strong_explicit(&slot->start, &start, SLOT_BUSY,
                                                   memory_order_acquire, memory_order_relaxed);
}

static void slot_leave(struct slot *slot, uintptr_t start)
{
    atomic_store_explicit(&slot->start, start, memory_order_release);
}

static struct slot *slot_take_first(uintptr_t wanted, uintptr_t start)
{
    for (unsigned probe = 0; probe < PROBES_MAX; probe++) {
        struct slot *slot = slot_at(start, probe);
        if (slot_take(slot, wanted)) {
            return slot;
        }
    }
    return NULL;
}

void mapped_add(uintptr_t start, size_t bytes, uintptr_t caller)
{
    struct slot *slot = slot_take_first(start, start);
    if (slot == NULL) {
        slot = slot_take_first(SLOT_FREE, start);
    }
    if (slot == NULL) {
        atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&slot->bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&slot->caller, caller, memory_order_relaxed);
    slot_leave(slot, start);
}

/* What is left of an entry on both sides of the range; the slot is taken. */
static void slot_cut(struct slot *slot, uintptr_t start, uintptr_t cut, uintptr_t cut_end)
{
    uintptr_t end = start + atomic_load_explicit(&slot->bytes, memory_order_relaxed);
    uintptr_t caller = atomic_load_explicit(&slot->caller, memory_order_relaxed);
    if (end <= cut) {
        slot_leave(slot, start); /* it has changed meanwhile */
        return;
    }
    if (start < cut) {
        atomic_store_explicit(&slot->bytes, cut - start, memory_order_relaxed);
    }
    slot_leave(slot, start < cut ? start : SLOT_FREE);
    if (end > cut_end) {
        mapped_add(cut_end, end - cut_end, caller);
    }
}

static void cut_all(uintptr_t cut, uintptr_t cut_end)
{
    for (size_t i = 0; i < MAPPED_MAX; i++) {
        uintptr_t start = atomic_load_explicit(&slots[i].start, memory_order_relaxed);
        size_t bytes = atomic_load_explicit(&slots[i].bytes, memory_order_relaxed);
        if (start > SLOT_BUSY && start < cut_end && start + bytes > cut &&
            slot_take(&slots[i], start)) {
            slot_cut(&slots[i], start, cut, cut_end);
        }
    }
}

void mapped_remove(uintptr_t start, size_t bytes)
{
    struct slot *slot = slot_take_first(start, start);
    bool is_whole =
        slot != NULL && atomic_load_explicit(&slot->bytes, memory_order_relaxed) == bytes;
    if (slot != NULL) {
        slot_leave(slot, is_whole ? SLOT_FREE : start);
    }
    if (!is_whole) {
        cut_all(start, start + bytes);
    }
}

size_t mapped_list(struct mapped entries[MAPPED_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < MAPPED_MAX; i++) {
        uintptr_t start = atomic_load_explicit(&slots[i].start, memory_order_acquire);
        entries[count] =
            (struct mapped){.start = start,
                            .bytes = atomic_load_explicit(&slots[i].bytes, memory_order_relaxed),
                            .caller = atomic_load_explicit(&slots[i].caller, memory_order_relaxed)};
        atomic_thread_fence(memory_order_acquire); /* the three above come before what follows */
        bool is_same = atomic_load_explicit(&slots[i].start, memory_order_relaxed) == start;
        count += start > SLOT_BUSY && is_same ? 1 : 0;
    }
    return count;
}

uint64_t mapped_lost(void)
{
    return atomic_load_explicit(&lost, memory_order_relaxed);
}

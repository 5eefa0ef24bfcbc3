#include "guard/stamp_set.h"

#include <stddef.h>

/*
 * A hash goes to its first bucket, where it is looked for first, unless that is nearly full and the
 * second is emptier. At three quarters of the slots that leaves 15 % of the hashes in their second
 * bucket and 0.07 % without room; always the emptier one, 31 % and 0.01 %.
 */
#define FIRST_KEPT_FREE 2

static uint64_t set_bucket_count(uint32_t capacity)
{
    uint64_t slots = ((uint64_t)capacity * 4 + 2) / 3;
    return (slots + STAMP_SET_SLOTS - 1) / STAMP_SET_SLOTS;
}

size_t stamp_set_plan(struct layout *layout, uint32_t capacity)
{
    return layout_add(layout, set_bucket_count(capacity), sizeof(struct stamp_bucket),
                      GOLDEN_LINE_BYTES);
}

void stamp_set_init(struct stamp_set *set, void *buckets, uint32_t capacity)
{
    *set = (struct stamp_set){.buckets = buckets, .bucket_count = set_bucket_count(capacity)};
}

static uint64_t entry_load(const struct stamp_bucket *bucket, unsigned slot)
{
    return atomic_load_explicit(&bucket->entries[slot], memory_order_relaxed);
}

/* Relaxed: an entry stands for itself, and is judged by the bucket's tick. */
static void entry_store(struct stamp_bucket *bucket, unsigned slot, uint64_t entry)
{
    atomic_store_explicit(&bucket->entries[slot], entry, memory_order_relaxed);
}

static uint64_t bucket_tick(const struct stamp_bucket *bucket)
{
    return atomic_load_explicit(&bucket->tick, memory_order_relaxed);
}

/* Take out what is too old, and move the bucket's tick on. */
static void bucket_renew(struct stamp_bucket *bucket, uint64_t tick)
{
    uint64_t before = bucket_tick(bucket);
    if (before == tick) {
        return;
    }
    for (unsigned slot = 0; slot < STAMP_SET_SLOTS; slot++) {
        uint64_t entry = entry_load(bucket, slot);
        if (entry != 0 && !stamp_set_fresh(stamp_set_entry_tick(before, entry), tick)) {
            /* Pairs with the fence in guard_recall: who sees it gone sees the newer tick. */
            atomic_store_explicit(&bucket->entries[slot], 0, memory_order_release);
        }
    }
    /* Pairs with the acquire in stamp_set_bucket_has. */
    atomic_store_explicit(&bucket->tick, tick, memory_order_release);
}

/* The slot of `print`, or STAMP_SET_SLOTS. */
static unsigned bucket_find(const struct stamp_bucket *bucket, uint64_t print)
{
    unsigned slot = 0;
    while (slot < STAMP_SET_SLOTS && (entry_load(bucket, slot) ^ print) >= (1u << 16)) {
        slot++;
    }
    return slot;
}

static unsigned bucket_free_count(const struct stamp_bucket *bucket)
{
    unsigned count = 0;
    for (unsigned slot = 0; slot < STAMP_SET_SLOTS; slot++) {
        count += entry_load(bucket, slot) == 0;
    }
    return count;
}

/* The slot that was put first, an empty one before all others; of equals, the first from `from`. */
static unsigned bucket_oldest(const struct stamp_bucket *bucket, uint64_t from, uint64_t *tick)
{
    unsigned oldest = 0;
    *tick = UINT64_MAX;
    for (unsigned i = 0; i < STAMP_SET_SLOTS; i++) {
        unsigned slot = (unsigned)((from + i) % STAMP_SET_SLOTS);
        uint64_t entry = entry_load(bucket, slot);
        uint64_t entry_tick = entry == 0 ? 0 : stamp_set_entry_tick(bucket_tick(bucket), entry);
        if (entry_tick < *tick) {
            *tick = entry_tick;
            oldest = slot;
        }
    }
    return oldest;
}

static uint64_t entry_of(uint64_t hash, uint64_t tick)
{
    return stamp_set_print(hash) | (uint16_t)tick;
}

/* True, and the entry renewed, if the bucket has it. */
static bool bucket_refresh(struct stamp_bucket *bucket, uint64_t hash, uint64_t tick)
{
    bucket_renew(bucket, tick);
    unsigned slot = bucket_find(bucket, stamp_set_print(hash));
    if (slot == STAMP_SET_SLOTS) {
        return false;
    }
    entry_store(bucket, slot, entry_of(hash, tick));
    return true;
}

bool stamp_set_put(struct stamp_set *set, uint64_t hash, uint64_t tick)
{
    struct stamp_bucket *first = stamp_set_first(set, hash);
    struct stamp_bucket *second = stamp_set_second(set, hash);
    if (bucket_refresh(first, hash, tick) || bucket_refresh(second, hash, tick)) {
        return true;
    }
    unsigned first_free = bucket_free_count(first);
    bool in_first = first_free > FIRST_KEPT_FREE || first_free >= bucket_free_count(second);
    struct stamp_bucket *bucket = in_first ? first : second;
    unsigned slot = 0;
    while (slot < STAMP_SET_SLOTS && entry_load(bucket, slot) != 0) {
        slot++;
    }
    if (slot == STAMP_SET_SLOTS) {
        return false;
    }
    entry_store(bucket, slot, entry_of(hash, tick));
    return true;
}

void stamp_set_replace(struct stamp_set *set, uint64_t hash, uint64_t tick)
{
    struct stamp_bucket *first = stamp_set_first(set, hash);
    struct stamp_bucket *second = stamp_set_second(set, hash);
    uint64_t from = set->replaced_count++;
    uint64_t first_tick = 0;
    uint64_t second_tick = 0;
    unsigned first_slot = bucket_oldest(first, from, &first_tick);
    unsigned second_slot = bucket_oldest(second, from, &second_tick);
    if (first_tick < second_tick || (first_tick == second_tick && from % 2 == 0)) {
        entry_store(first, first_slot, entry_of(hash, tick));
    } else {
        entry_store(second, second_slot, entry_of(hash, tick));
    }
}

static void bucket_remove(struct stamp_bucket *bucket, uint64_t print)
{
    unsigned slot = bucket_find(bucket, print);
    if (slot < STAMP_SET_SLOTS) {
        entry_store(bucket, slot, 0);
    }
}

void stamp_set_remove(struct stamp_set *set, uint64_t hash)
{
    uint64_t print = stamp_set_print(hash);
    bucket_remove(stamp_set_first(set, hash), print);
    bucket_remove(stamp_set_second(set, hash), print);
}

void stamp_set_clear(struct stamp_set *set)
{
    for (uint64_t i = 0; i < set->bucket_count; i++) {
        for (unsigned slot = 0; slot < STAMP_SET_SLOTS; slot++) {
            entry_store(&set->buckets[i], slot, 0);
        }
        /* Pairs with the acquire in stamp_set_bucket_has. */
        atomic_store_explicit(&set->buckets[i].tick, 0, memory_order_release);
    }
}

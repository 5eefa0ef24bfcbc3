/*
 * The bucket window with a shard for each writer.
 *
 * A slot is a sequence lock of one cache line: odd while its writer is inside. All members are
 * atomics, so that a torn read is a repetition and never a data race. The writer's stores after the
 * odd sequence are releases and the reader's loads before its second look are acquires: that keeps
 * them inside without fences, and costs nothing on x86.
 */
#include <sluice/window.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/diag.h"
#include "base/golden.h"
#include "base/layout.h"
#include "window/rescale.h"
#include "window/slot.h"

struct shared_slot {
    _Alignas(64) _Atomic uint64_t sequence;
    _Atomic uint64_t
        epoch; /* which slot of time the figures are of; meaningless while count is 0 */
    _Atomic uint64_t count;
    _Atomic uint64_t sum;
    _Atomic uint64_t min_complement;
    _Atomic uint64_t max;
    uint64_t reserved[2];
};

GOLDEN_LAYOUT(struct shared_slot, 64, 0, 0, sequence, epoch, count, sum, min_complement, max,
              reserved);

/* Written by the shard's writer alone. */
struct shard {
    _Alignas(64) uint64_t slot_end_ns; /* 0 until the first event */
    uint64_t sum;
    struct shared_slot *current;
    struct shared_slot *slots;
    _Atomic uint64_t slot_ns;  /* the width in force here; the window's is what it should be */
    _Atomic uint64_t epoch;    /* of the newest slot */
    _Atomic uint64_t begin_ns; /* of the first event; WINDOW_UNBEGUN until then */
    _Atomic uint64_t kept_ns;  /* a rescaling has dropped what was before */
    _Alignas(64) _Atomic uint64_t sequence; /* odd while the writer rearranges the slots */
};

GOLDEN_LAYOUT(struct shard, 128, 56, 0, slot_end_ns, sum, current, slots, slot_ns, epoch, begin_ns,
              kept_ns, sequence);

struct slu_shared_window {
    struct slu_budget *budget;
    _Atomic uint64_t slot_ns;
    uint64_t shard_sum_max;
    uint64_t block_bytes;
    uint32_t slot_count;
    uint32_t shard_count;
    uint64_t reserved[3];
    struct shard shards[];
};

GOLDEN_LAYOUT(struct slu_shared_window, 64, 0, 0, budget, slot_ns, shard_sum_max, block_bytes,
              slot_count, shard_count, reserved);

int slu_shared_window_create(struct slu_budget *budget,
                             const struct slu_shared_window_options *options, struct slu_diag *diag,
                             struct slu_shared_window **out)
{
    uint64_t slot_ns = 0;
    int err = slot_width(options->span_ns, options->slot_count, diag, &slot_ns);
    if (err != 0) {
        return err;
    }
    if (options->shard_count == 0 || options->shard_count > SLU_SHARED_WINDOW_SHARDS_MAX) {
        return diag_fail(diag, -EINVAL, "shard_count is %" PRIu32 "; it must be 1 to %d",
                         options->shard_count, SLU_SHARED_WINDOW_SHARDS_MAX);
    }
    struct layout layout = {0};
    (void)layout_add(&layout, 1, sizeof(struct slu_shared_window), 64);        /* at the start */
    (void)layout_add(&layout, options->shard_count, sizeof(struct shard), 64); /* its shards[] */
    size_t slots_at = layout_add(&layout, (size_t)options->shard_count * options->slot_count,
                                 sizeof(struct shared_slot), 64);
    size_t bytes = SIZE_MAX;
    void *block = NULL;
    err = layout_alloc(&layout, budget, &bytes, &block);
    if (err != 0) {
        return slot_refuse_bytes(budget, bytes, err, diag);
    }
    struct slu_shared_window *window = block;
    window->budget = budget;
    atomic_init(&window->slot_ns, slot_ns);
    window->shard_sum_max = UINT64_MAX / options->shard_count;
    window->block_bytes = bytes;
    window->slot_count = options->slot_count;
    window->shard_count = options->shard_count;
    struct shared_slot *slots = (struct shared_slot *)(void *)((char *)block + slots_at);
    for (uint32_t i = 0; i < window->shard_count; i++) {
        window->shards[i].slots = slots + (size_t)i * window->slot_count;
        atomic_init(&window->shards[i].begin_ns, WINDOW_UNBEGUN);
        atomic_init(&window->shards[i].slot_ns, slot_ns);
    }
    *out = window;
    return 0;
}

void slu_shared_window_destroy(struct slu_shared_window **window)
{
    if (window == NULL || *window == NULL) {
        return;
    }
    slu_budget_free((*window)->budget, *window, (*window)->block_bytes);
    *window = NULL;
}

/* The only writer of a value reads it back without order. */
static uint64_t own_load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* Pairs with the acquire loads in slot_copy: seen by a reader, it has seen the odd sequence too. */
static void guarded_store(_Atomic uint64_t *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_release);
}

static void slot_write(struct shared_slot *slot, uint64_t epoch, const struct slot *figures)
{
    uint64_t sequence = own_load(&slot->sequence);
    atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_relaxed);
    guarded_store(&slot->epoch, epoch);
    guarded_store(&slot->count, figures->count);
    guarded_store(&slot->sum, figures->sum);
    guarded_store(&slot->min_complement, figures->min_complement);
    guarded_store(&slot->max, figures->max);
    guarded_store(&slot->sequence, sequence + 2);
}

static struct slot slot_own(const struct shared_slot *slot)
{
    return (struct slot){
        .count = own_load(&slot->count),
        .sum = own_load(&slot->sum),
        .min_complement = own_load(&slot->min_complement),
        .max = own_load(&slot->max),
    };
}

/* A consistent copy; repeats while the writer is inside. */
static uint64_t slot_copy(const struct shared_slot *slot, struct slot *figures)
{
    for (;;) {
        uint64_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
        uint64_t epoch = atomic_load_explicit(&slot->epoch, memory_order_acquire);
        figures->count = atomic_load_explicit(&slot->count, memory_order_acquire);
        figures->sum = atomic_load_explicit(&slot->sum, memory_order_acquire);
        figures->min_complement = atomic_load_explicit(&slot->min_complement, memory_order_acquire);
        figures->max = atomic_load_explicit(&slot->max, memory_order_acquire);
        uint64_t after = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
        if (before == after && before % 2 == 0) {
            return epoch;
        }
    }
}

static void shard_enter(const struct slu_shared_window *window, struct shard *shard, uint64_t epoch)
{
    shard->current = &shard->slots[epoch % window->slot_count];
    shard->slot_end_ns = slot_end(epoch, own_load(&shard->slot_ns));
    guarded_store(&shard->epoch, epoch);
}

static void shard_roll(const struct slu_shared_window *window, struct shard *shard, uint64_t now_ns)
{
    uint64_t epoch = now_ns / own_load(&shard->slot_ns);
    uint64_t newest = own_load(&shard->epoch);
    bool begun = own_load(&shard->begin_ns) != WINDOW_UNBEGUN;
    uint64_t passed = begun ? epoch - newest : 0;
    passed = passed < window->slot_count ? passed : window->slot_count;
    for (uint64_t i = 1; i <= passed; i++) {
        struct shared_slot *slot = &shard->slots[(newest + i) % window->slot_count];
        shard->sum -= own_load(&slot->sum);
        slot_write(slot, newest + i, &(struct slot){0});
    }
    shard_enter(window, shard, epoch);
    if (!begun) {
        /* Pairs with the acquire load in shards_extent: who sees the beginning sees its epoch. */
        guarded_store(&shard->begin_ns, now_ns);
    }
}

static struct slot shared_get(const void *slots, uint32_t at)
{
    return slot_own(&((const struct shared_slot *)slots)[at]);
}

/* The epochs are numbered when all slots stand: shard->sequence keeps readers away until then. */
static void shared_set(void *slots, uint32_t at, const struct slot *slot)
{
    slot_write(&((struct shared_slot *)slots)[at], 0, slot);
}

/* The time from which a ring standing at `epoch` holds events. */
static uint64_t ring_start_ns(uint64_t epoch, uint64_t slot_ns, uint32_t slot_count)
{
    return epoch >= slot_count ? (epoch - slot_count + 1) * slot_ns : 0;
}

static void shard_renumber(const struct slu_shared_window *window, struct shard *shard,
                           uint64_t newest)
{
    for (uint64_t back = 0; back < window->slot_count && back <= newest; back++) {
        struct shared_slot *slot = &shard->slots[(newest - back) % window->slot_count];
        guarded_store(&slot->epoch, newest - back);
    }
}

/* Give the shard the window's new slot width; the same steps as slu_window_rescale. */
static void shard_rescale(const struct slu_shared_window *window, struct shard *shard,
                          uint64_t now_ns, uint64_t slot_ns)
{
    uint64_t old_ns = own_load(&shard->slot_ns);
    if (own_load(&shard->begin_ns) == WINDOW_UNBEGUN) {
        guarded_store(&shard->slot_ns, slot_ns);
        return;
    }
    uint64_t sequence = own_load(&shard->sequence);
    atomic_store_explicit(&shard->sequence, sequence + 1, memory_order_relaxed);
    if (now_ns >= shard->slot_end_ns) {
        shard_roll(window, shard, now_ns);
    }
    uint64_t epoch = own_load(&shard->epoch);
    now_ns = now_ns > epoch * old_ns ? now_ns : epoch * old_ns;
    uint64_t kept_ns = ring_start_ns(epoch, old_ns, window->slot_count);
    guarded_store(&shard->kept_ns,
                  kept_ns > own_load(&shard->kept_ns) ? kept_ns : own_load(&shard->kept_ns));
    struct slot newest = slot_own(shard->current);
    slot_write(shard->current, epoch, &(struct slot){0});
    struct slot_ring ring = {shard->slots, window->slot_count, shared_get, shared_set};
    shard->sum -= ring_rescale(&ring, &epoch, old_ns, slot_ns) + newest.sum;
    guarded_store(&shard->slot_ns, slot_ns);
    shard_renumber(window, shard, epoch);
    shard_enter(window, shard, epoch);
    shard_roll(window, shard, now_ns);
    struct slot current = slot_own(shard->current);
    slot_merge(&current, &newest);
    slot_write(shard->current, own_load(&shard->epoch), &current);
    shard->sum += newest.sum;
    guarded_store(&shard->sequence, sequence + 2);
}

int slu_shared_window_rescale(struct slu_shared_window *window, uint64_t span_ns,
                              struct slu_diag *diag)
{
    uint64_t slot_ns = 0;
    int err = slot_width(span_ns, window->slot_count, diag, &slot_ns);
    if (err != 0) {
        return err;
    }
    /* Relaxed: the width is all that is handed over. */
    atomic_store_explicit(&window->slot_ns, slot_ns, memory_order_relaxed);
    return 0;
}

int slu_shared_window_add(struct slu_shared_window *window, uint32_t shard_index, uint64_t now_ns,
                          uint64_t value)
{
    if (__builtin_expect(shard_index >= window->shard_count, 0)) {
        return -EINVAL;
    }
    struct shard *shard = &window->shards[shard_index];
    uint64_t slot_ns = atomic_load_explicit(&window->slot_ns, memory_order_relaxed);
    if (__builtin_expect(slot_ns != own_load(&shard->slot_ns), 0)) {
        shard_rescale(window, shard, now_ns, slot_ns);
    }
    if (__builtin_expect(now_ns >= shard->slot_end_ns, 0)) {
        shard_roll(window, shard, now_ns);
    }
    if (__builtin_expect(value > window->shard_sum_max - shard->sum, 0)) {
        return -EOVERFLOW;
    }
    shard->sum += value;
    struct slot figures = slot_own(shard->current);
    slot_add(&figures, value);
    slot_write(shard->current, own_load(&shard->epoch), &figures);
    return 0;
}

/* What a snapshot looks at: the slots of slot_ns from `oldest` on. */
struct extent {
    uint64_t now_ns;
    uint64_t slot_ns;
    uint64_t oldest;
    uint64_t start_ns;
};

/* A shard's places in time, read as one: they change together only when it is rescaled. */
struct shard_times {
    uint64_t slot_ns;
    uint64_t epoch;
    uint64_t begin_ns;
    uint64_t kept_ns;
};

static uint64_t sequence_begin(const struct shard *shard)
{
    for (;;) {
        uint64_t sequence = atomic_load_explicit(&shard->sequence, memory_order_acquire);
        if (sequence % 2 == 0) {
            return sequence;
        }
    }
}

/* All loads since sequence_begin were acquires, so this one comes after them. */
static bool sequence_unchanged(const struct shard *shard, uint64_t sequence)
{
    return atomic_load_explicit(&shard->sequence, memory_order_relaxed) == sequence;
}

static struct shard_times shard_times_copy(const struct shard *shard)
{
    for (;;) {
        uint64_t sequence = sequence_begin(shard);
        struct shard_times times = {
            .begin_ns = atomic_load_explicit(&shard->begin_ns, memory_order_acquire),
            .slot_ns = atomic_load_explicit(&shard->slot_ns, memory_order_acquire),
            .epoch = atomic_load_explicit(&shard->epoch, memory_order_acquire),
            .kept_ns = atomic_load_explicit(&shard->kept_ns, memory_order_acquire),
        };
        if (sequence_unchanged(shard, sequence)) {
            return times;
        }
    }
}

/* Where a shard's ring stands once it is rolled to `now_ns`. */
static uint64_t epoch_standing(uint64_t newest, uint64_t slot_ns, uint64_t now_ns)
{
    uint64_t epoch = now_ns / slot_ns;
    return epoch > newest ? epoch : newest;
}

/* The window ends with the newest slot of any shard, or with `now_ns`. */
static struct extent shards_extent(const struct slu_shared_window *window, uint64_t now_ns)
{
    uint64_t slot_ns = atomic_load_explicit(&window->slot_ns, memory_order_relaxed);
    uint64_t newest = now_ns / slot_ns;
    uint64_t begin_ns = WINDOW_UNBEGUN;
    uint64_t kept_ns = 0;
    for (uint32_t i = 0; i < window->shard_count; i++) {
        struct shard_times times = shard_times_copy(&window->shards[i]);
        if (times.begin_ns == WINDOW_UNBEGUN) {
            continue;
        }
        uint64_t shard_newest = times.epoch * times.slot_ns / slot_ns;
        newest = shard_newest > newest ? shard_newest : newest;
        begin_ns = times.begin_ns < begin_ns ? times.begin_ns : begin_ns;
        kept_ns = times.kept_ns > kept_ns ? times.kept_ns : kept_ns;
        if (times.slot_ns != slot_ns) {
            uint64_t standing = epoch_standing(times.epoch, times.slot_ns, now_ns);
            uint64_t ring_ns = ring_start_ns(standing, times.slot_ns, window->slot_count);
            kept_ns = ring_ns > kept_ns ? ring_ns : kept_ns;
        }
    }
    struct extent extent = {.now_ns = now_ns, .slot_ns = slot_ns};
    extent.start_ns = ring_start_ns(newest, slot_ns, window->slot_count);
    extent.oldest = extent.start_ns / slot_ns;
    begin_ns = begin_ns == WINDOW_UNBEGUN ? now_ns : begin_ns;
    begin_ns = begin_ns > kept_ns ? begin_ns : kept_ns;
    extent.start_ns = begin_ns > extent.start_ns ? begin_ns : extent.start_ns;
    return extent;
}

static struct slot shard_sum(const struct slu_shared_window *window, const struct shard *shard,
                             const struct extent *extent)
{
    for (;;) {
        struct slot total = {0};
        uint64_t sequence = sequence_begin(shard);
        uint64_t slot_ns = atomic_load_explicit(&shard->slot_ns, memory_order_acquire);
        bool rescaled = slot_ns == extent->slot_ns;
        uint64_t newest = atomic_load_explicit(&shard->epoch, memory_order_acquire);
        uint64_t standing = epoch_standing(newest, slot_ns, extent->now_ns);
        for (uint32_t at = 0; at < window->slot_count; at++) {
            struct slot figures;
            uint64_t epoch = slot_copy(&shard->slots[at], &figures);
            bool inside =
                rescaled ? epoch >= extent->oldest
                         : epoch + window->slot_count > standing &&
                               (slot_end(epoch, slot_ns) - 1) / extent->slot_ns >= extent->oldest;
            if (inside) {
                slot_merge(&total, &figures);
            }
        }
        if (sequence_unchanged(shard, sequence)) {
            return total;
        }
    }
}

void slu_shared_window_snapshot(const struct slu_shared_window *window, uint64_t now_ns,
                                struct slu_window_snapshot *out)
{
    struct extent extent = shards_extent(window, now_ns);
    struct slot total = {0};
    for (uint32_t i = 0; i < window->shard_count; i++) {
        struct slot figures = shard_sum(window, &window->shards[i], &extent);
        slot_merge(&total, &figures);
    }
    uint64_t covered_ns = now_ns > extent.start_ns ? now_ns - extent.start_ns : 0;
    slot_report(&total, covered_ns, extent.slot_ns, out);
}

/*
 * The bucket window with one writer.
 *
 * Invariants: slots[epoch % slot_count] is the newest slot and covers the times from
 * epoch * slot_ns to slot_end_ns; the slot k places before it (modulo slot_count) covers the times
 * k slots earlier; sum is the sum over all slots, so no slot's sum can overflow when it does not.
 */
#include <sluice/window.h>

#include <errno.h>

#include "base/golden.h"
#include "window/rescale.h"
#include "window/slot.h"

struct slu_window {
    uint64_t slot_end_ns; /* 0 until the first event: every time is then past it */
    uint64_t sum;
    struct slot *current;
    uint64_t slot_ns;
    uint64_t epoch;
    uint64_t begin_ns; /* nothing before it was seen; WINDOW_UNBEGUN until the first event */
    struct slu_budget *budget;
    uint32_t slot_count;
    uint32_t current_index;
    struct slot slots[];
};

GOLDEN_LAYOUT(struct slu_window, 64, 0, 0, slot_end_ns, sum, current, slot_ns, epoch, begin_ns,
              budget, slot_count, current_index);

static size_t window_bytes(uint32_t slot_count)
{
    return sizeof(struct slu_window) + slot_count * sizeof(struct slot);
}

int slu_window_create(struct slu_budget *budget, const struct slu_window_options *options,
                      struct slu_diag *diag, struct slu_window **out)
{
    uint64_t slot_ns = 0;
    int err = slot_width(options->span_ns, options->slot_count, diag, &slot_ns);
    if (err != 0) {
        return err;
    }
    size_t bytes = window_bytes(options->slot_count);
    void *block = NULL;
    err = slu_budget_alloc(budget, bytes, &block);
    if (err != 0) {
        return slot_refuse_bytes(budget, bytes, err, diag);
    }
    struct slu_window *window = block;
    window->budget = budget;
    window->slot_ns = slot_ns;
    window->slot_count = options->slot_count;
    window->begin_ns = WINDOW_UNBEGUN;
    *out = window;
    return 0;
}

void slu_window_destroy(struct slu_window **window)
{
    if (window == NULL || *window == NULL) {
        return;
    }
    struct slu_budget *budget = (*window)->budget;
    slu_budget_free(budget, *window, window_bytes((*window)->slot_count));
    *window = NULL;
}

static void window_enter(struct slu_window *window, uint64_t epoch)
{
    window->epoch = epoch;
    window->current_index = (uint32_t)(epoch % window->slot_count);
    window->current = &window->slots[window->current_index];
    window->slot_end_ns = slot_end(epoch, window->slot_ns);
}

/* Let the ring stand at `now_ns`, which is not before the newest slot. */
static void window_roll(struct slu_window *window, uint64_t now_ns)
{
    uint64_t epoch = now_ns / window->slot_ns;
    if (window->begin_ns == WINDOW_UNBEGUN) {
        window->begin_ns = now_ns;
        window_enter(window, epoch);
        return;
    }
    uint64_t passed = epoch - window->epoch;
    uint32_t index = window->current_index;
    for (uint64_t left = passed < window->slot_count ? passed : window->slot_count; left > 0;
         left--) {
        index = index + 1 == window->slot_count ? 0 : index + 1;
        window->sum -= window->slots[index].sum;
        window->slots[index] = (struct slot){0};
    }
    window_enter(window, epoch);
}

int slu_window_add(struct slu_window *window, uint64_t now_ns, uint64_t value)
{
    if (__builtin_expect(now_ns >= window->slot_end_ns, 0)) {
        window_roll(window, now_ns);
    }
    uint64_t sum = 0;
    if (__builtin_expect(__builtin_add_overflow(window->sum, value, &sum), 0)) {
        return -EOVERFLOW;
    }
    window->sum = sum;
    slot_add(window->current, value);
    return 0;
}

uint64_t slu_window_span_ns(const struct slu_window *window)
{
    return window->slot_ns * window->slot_count;
}

/* The time from which a ring standing at `epoch` holds events. */
static uint64_t ring_start_ns(const struct slu_window *window, uint64_t epoch)
{
    uint64_t before = window->slot_count - 1;
    uint64_t start = epoch > before ? (epoch - before) * window->slot_ns : 0;
    return start > window->begin_ns ? start : window->begin_ns;
}

void slu_window_snapshot(const struct slu_window *window, uint64_t now_ns,
                         struct slu_window_snapshot *out)
{
    struct slot total = {0};
    if (window->begin_ns == WINDOW_UNBEGUN) {
        slot_report(&total, window->slot_ns, window->slot_ns, out);
        return;
    }
    uint64_t epoch = now_ns < window->slot_end_ns ? window->epoch : now_ns / window->slot_ns;
    uint64_t passed = epoch - window->epoch;
    if (passed < window->slot_count) {
        uint32_t alive = window->slot_count - (uint32_t)passed;
        uint32_t tail = window->current_index + 1 < alive ? window->current_index + 1 : alive;
        slots_sum(window->current + 1 - tail, tail, &total);
        slots_sum(window->slots + window->slot_count - (alive - tail), alive - tail, &total);
    }
    uint64_t start_ns = ring_start_ns(window, epoch);
    uint64_t covered_ns = now_ns > start_ns ? now_ns - start_ns : 0;
    slot_report(&total, covered_ns, window->slot_ns, out);
}

static struct slot plain_get(const void *slots, uint32_t at)
{
    return ((const struct slot *)slots)[at];
}

static void plain_set(void *slots, uint32_t at, const struct slot *slot)
{
    ((struct slot *)slots)[at] = *slot;
}

int slu_window_rescale(struct slu_window *window, uint64_t now_ns, uint64_t span_ns,
                       struct slu_diag *diag)
{
    uint64_t slot_ns = 0;
    int err = slot_width(span_ns, window->slot_count, diag, &slot_ns);
    if (err != 0) {
        return err;
    }
    if (window->begin_ns == WINDOW_UNBEGUN) {
        window->slot_ns = slot_ns;
        return 0;
    }
    if (now_ns >= window->slot_end_ns) {
        window_roll(window, now_ns);
    }
    uint64_t slot_start_ns = window->epoch * window->slot_ns;
    now_ns = now_ns > slot_start_ns ? now_ns : slot_start_ns;
    window->begin_ns = ring_start_ns(window, window->epoch);
    struct slot newest = *window->current;
    *window->current = (struct slot){0};
    struct slot_ring ring = {window->slots, window->slot_count, plain_get, plain_set};
    uint64_t epoch = window->epoch;
    uint64_t dropped = ring_rescale(&ring, &epoch, window->slot_ns, slot_ns);
    window->sum -= dropped + newest.sum;
    window->slot_ns = slot_ns;
    window_enter(window, epoch);
    window_roll(window, now_ns);
    window->sum += newest.sum;
    slot_merge(window->current, &newest);
    return 0;
}

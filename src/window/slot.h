/* One slot of a bucket window, and what the windows with one and with many writers share. */
#ifndef WINDOW_SLOT_H
#define WINDOW_SLOT_H

#include <stdint.h>

#include <sluice/window.h>

/* All zero is empty: the minimum is kept as its complement, so that both extremes are maxima. */
struct slot {
    uint64_t count;
    uint64_t sum;
    uint64_t min_complement;
    uint64_t max;
};

#define WINDOW_UNBEGUN UINT64_MAX

static inline void slot_add(struct slot *slot, uint64_t value)
{
    slot->count++;
    slot->sum += value;
    slot->min_complement = ~value > slot->min_complement ? ~value : slot->min_complement;
    slot->max = value > slot->max ? value : slot->max;
}

static inline void slot_merge(struct slot *into, const struct slot *from)
{
    into->count += from->count;
    into->sum += from->sum;
    into->min_complement =
        from->min_complement > into->min_complement ? from->min_complement : into->min_complement;
    into->max = from->max > into->max ? from->max : into->max;
}

/* The end of slot `epoch`, the last nanosecond there is when it would lie beyond. */
static inline uint64_t slot_end(uint64_t epoch, uint64_t slot_ns)
{
    uint64_t start_ns = epoch * slot_ns;
    uint64_t end_ns = 0;
    return __builtin_add_overflow(start_ns, slot_ns, &end_ns) ? UINT64_MAX : end_ns;
}

/* The width of a slot of the options; refused as slu_window_create documents. */
int slot_width(uint64_t span_ns, uint32_t slot_count, struct slu_diag *diag, uint64_t *slot_ns);

/* Say that a budget does not hold `bytes`; returns err. */
int slot_refuse_bytes(const struct slu_budget *budget, size_t bytes, int err,
                      struct slu_diag *diag);

/* Merge `count` neighbouring slots into `total`. */
void slots_sum(const struct slot *slots, uint32_t count, struct slot *total);

/* Derive a snapshot's figures. */
void slot_report(const struct slot *total, uint64_t covered_ns, uint64_t slot_ns,
                 struct slu_window_snapshot *out);

#endif

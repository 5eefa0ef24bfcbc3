#include "window/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

#include <sluice/error.h>

#include "base/diag.h"
#include "base/golden.h"

GOLDEN_LAYOUT(struct slot, 32, 0, 0, count, sum, min_complement, max);

#define NS_PER_SECOND 1e9

int slot_width(uint64_t span_ns, uint32_t slot_count, struct slu_diag *diag, uint64_t *slot_ns)
{
    if (slot_count == 0 || slot_count > SLU_WINDOW_SLOTS_MAX) {
        return diag_fail(diag, -EINVAL, "slot_count is %" PRIu32 "; it must be 1 to %" PRIu32,
                         slot_count, SLU_WINDOW_SLOTS_MAX);
    }
    if (span_ns < slot_count) {
        return diag_fail(diag, -EINVAL,
                         "span_ns is %" PRIu64 "; %" PRIu32
                         " slots need at least a nanosecond each",
                         span_ns, slot_count);
    }
    uint64_t width_ns = span_ns / slot_count + (span_ns % slot_count != 0);
    uint64_t whole_ns = 0;
    if (__builtin_mul_overflow(width_ns, slot_count, &whole_ns)) {
        return diag_fail(diag, -EINVAL,
                         "span_ns is %" PRIu64 "; in %" PRIu32 " slots it passes the range of time",
                         span_ns, slot_count);
    }
    *slot_ns = width_ns;
    return 0;
}

int slot_refuse_bytes(const struct slu_budget *budget, size_t bytes, int err, struct slu_diag *diag)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return diag_fail(
        diag, err,
        "the window needs %zu bytes: %s (budget '%s', %" PRIu64 " of %" PRIu64 " in use)", bytes,
        slu_error_text(err), slu_budget_name(budget), stats.used_bytes, stats.limit_bytes);
}

void slots_sum(const struct slot *slots, uint32_t count, struct slot *total)
{
    struct slot sum = *total;
    for (uint32_t i = 0; i < count; i++) {
        slot_merge(&sum, &slots[i]);
    }
    *total = sum;
}

void slot_report(const struct slot *total, uint64_t covered_ns, uint64_t slot_ns,
                 struct slu_window_snapshot *out)
{
    covered_ns = covered_ns > slot_ns ? covered_ns : slot_ns;
    *out = (struct slu_window_snapshot){
        .count = total->count,
        .sum = total->sum,
        .min = ~total->min_complement,
        .max = total->max,
        .covered_ns = covered_ns,
        .mean = total->count == 0 ? NAN : (double)total->sum / (double)total->count,
        .rate = (double)total->count * NS_PER_SECOND / (double)covered_ns,
    };
}

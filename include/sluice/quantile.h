/*
 * Quantiles with a stated relative error, in memory fixed at creation: a mergeable sketch of
 * everything recorded, and a window of the last span.
 *
 * Values are doubles. The answer for a quantile is within `relative_error` of the value that stands
 * at its place in the sorted list of all values. Defined for every value: zero is exact, a
 * magnitude below the smallest normal double (2.3e-308) counts as zero, negative values have the
 * same error, the infinities are the lowest and the highest values and are reported as such, NaN is
 * refused.
 *
 * The layout adapts to what was seen: counters exist for the ranges in which values lie, as narrow
 * as the counts allow. When the block does not hold what comes, the sketch joins neighbouring
 * buckets instead of refusing: the error about doubles each time, and stats tell the one in force.
 */
#ifndef SLUICE_QUANTILE_H
#define SLUICE_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

#define SLU_QUANTILE_ERROR_DEFAULT 0.01
#define SLU_QUANTILE_ERROR_MIN     0.002
#define SLU_QUANTILE_ERROR_MAX     0.25

/*
 * A sketch of all values recorded since it was made or cleared.
 */
struct slu_quantile_sketch;

#define SLU_QUANTILE_SKETCH_BYTES_MIN ((size_t)1024)
#define SLU_QUANTILE_SKETCH_BYTES_MAX ((size_t)1 << 20)

/* Meant for the stack. */
struct slu_quantile_sketch_options {
    double relative_error; /* SLU_QUANTILE_ERROR_MIN .. _MAX; 0 means SLU_QUANTILE_ERROR_DEFAULT */
    size_t size_bytes;     /* of the block, SLU_QUANTILE_SKETCH_BYTES_MIN .. _MAX; e.g. 4096 */
};

struct slu_quantile_sketch_stats {
    uint64_t count;
    double relative_error; /* in force: the option, or more after buckets were joined */
    size_t size_bytes;
};

/*
 * Make a sketch. At 1 %, 4 KiB hold values over 14 decades while no bucket counts more than 65,535,
 * and over 7 decades beyond.
 *
 * diag     NULL, or filled when the options are refused
 * Returns  0; -EINVAL for an option outside its range; -EDQUOT if the budget does not hold it;
 *          -ENOMEM
 * Owner    the caller, until slu_quantile_sketch_destroy; the budget must outlive it
 * Cost     one allocation of size_bytes; none afterwards
 * Source   Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
 *          relative-error guarantees", PVLDB 12(12), 2019; Epicoco, Melle, Cafaro, Pulimeno and
 *          Morleo, "UDDSketch", IEEE Access 8, 2020, for joining all buckets evenly
 */
SLU_API SLU_MUST_USE int
slu_quantile_sketch_create(struct slu_budget *budget,
                           const struct slu_quantile_sketch_options *options, struct slu_diag *diag,
                           struct slu_quantile_sketch **out);

/* Destroy a sketch; NULL is accepted, and `*sketch` becomes NULL. */
SLU_API void slu_quantile_sketch_destroy(struct slu_quantile_sketch **sketch);

/*
 * Record one value.
 *
 * Returns  0; -EINVAL for NaN: nothing is recorded; -EOVERFLOW after UINT64_MAX values
 * Cost     constant; O(size_bytes) when the layout changes, at most some 400 times in all
 * Threads  one at a time; distinct sketches are independent
 */
SLU_API SLU_MUST_USE int slu_quantile_sketch_add(struct slu_quantile_sketch *sketch, double value);

/*
 * Add all that `from` has recorded to `into`, exactly: the result is that of recording everything
 * in `into`.
 *
 * Returns  0; -EINVAL unless both were made with the same relative error, and when both are the
 *          same sketch; -EOVERFLOW if the count would pass UINT64_MAX. On error nothing has
 *          changed.
 * Cost     O(size_bytes of both)
 * Threads  one at a time for `into`; nobody changes `from` meanwhile
 */
SLU_API SLU_MUST_USE int slu_quantile_sketch_merge(struct slu_quantile_sketch *into,
                                                   const struct slu_quantile_sketch *from);

/*
 * The values at `quantile_count` quantiles, in one pass.
 *
 * quantiles  each 0 to 1, in any order: the answer is for the smallest value that has at least
 *            quantile x count values up to it; 0 asks for the smallest of all
 * values     as many; NaN when nothing was recorded
 * Returns    0; -EINVAL for a quantile outside 0 to 1: no value is written
 * Cost       O(size_bytes), as a rule well below; allocates and changes nothing
 * Threads    any, while nobody changes the sketch
 */
SLU_API SLU_MUST_USE int slu_quantile_sketch_get(const struct slu_quantile_sketch *sketch,
                                                 const double *quantiles, size_t quantile_count,
                                                 double *values);

/* Forget everything, also that buckets were joined. */
SLU_API void slu_quantile_sketch_clear(struct slu_quantile_sketch *sketch);

SLU_API void slu_quantile_sketch_stats(const struct slu_quantile_sketch *sketch,
                                       struct slu_quantile_sketch_stats *out);

/*
 * A window: quantiles of the values of the last span.
 *
 * The span is split into slots. A running total holds the closed slots; one that leaves the span is
 * subtracted from it, so that a query is one pass over one sketch, whatever the number of slots.
 * Time is any monotonic nanosecond count; an older time than the newest one recorded counts in the
 * newest slot, and a jump over the whole span empties the window. Counts are exact.
 *
 * When the block does not hold all slots, in this order: a record is kept for several slots
 * together, so that events leave up to that much later; the oldest slots leave early; buckets are
 * joined, until there is room for them apart. No event is refused; stats tell each of the three.
 */
struct slu_quantile_window;

#define SLU_QUANTILE_WINDOW_BYTES_MIN ((size_t)2048)
#define SLU_QUANTILE_WINDOW_BYTES_MAX ((size_t)1 << 24)

/* Meant for the stack. */
struct slu_quantile_window_options {
    uint64_t span_ns;      /* at least slot_count; a slot is span / slot_count, rounded up */
    uint32_t slot_count;   /* 1 .. SLU_WINDOW_SLOTS_MAX (window.h) */
    double relative_error; /* as for the sketch */
    size_t size_bytes;     /* of the block, SLU_QUANTILE_WINDOW_BYTES_MIN .. _MAX */
};

struct slu_quantile_window_stats {
    uint64_t count;
    uint64_t covered_ns;   /* the time that the window stands for, at least one slot */
    uint64_t slot_ns;      /* no event stays longer than this beyond the span */
    uint64_t early_count;  /* events that left before their time, since the beginning */
    double relative_error; /* in force: the option, or more after buckets were joined */
    size_t size_bytes;
    size_t used_bytes; /* of size_bytes */
};

/*
 * Make a window. For 60 s in 240 slots at 1 %, 64 KiB are enough for 10,000 lognormal events a
 * second (sigma 1), 2 KiB for one a second; for 60 slots, 16 KiB for 10,000 (docs/quantiles.md).
 *
 * diag     NULL, or filled when the options are refused
 * Returns  0; -EINVAL for an option outside its range; -EDQUOT if the budget does not hold it;
 *          -ENOMEM
 * Owner    the caller, until slu_quantile_window_destroy; the budget must outlive it
 * Cost     one allocation of size_bytes; none afterwards
 */
SLU_API SLU_MUST_USE int
slu_quantile_window_create(struct slu_budget *budget,
                           const struct slu_quantile_window_options *options, struct slu_diag *diag,
                           struct slu_quantile_window **out);

/* Destroy a window; NULL is accepted, and `*window` becomes NULL. */
SLU_API void slu_quantile_window_destroy(struct slu_quantile_window **window);

/*
 * Record one value at `now_ns`.
 *
 * Returns  0; -EINVAL for NaN: nothing is recorded
 * Cost     constant; O(pages of the slot) when one begins, and as much for each slot that leaves
 *          then, at most O(size_bytes); as much when the layout changes, and four times a span
 *          while buckets are joined
 * Threads  one at a time; distinct windows are independent
 */
SLU_API SLU_MUST_USE int slu_quantile_window_add(struct slu_quantile_window *window,
                                                 uint64_t now_ns, double value);

/*
 * The values at `quantile_count` quantiles of what is within the span at `now_ns`; see
 * slu_quantile_sketch_get.
 *
 * now_ns   older than the newest event: that event's slot is taken; what has left the span at a
 *          time asked for does not come back for an older one
 * Returns  0; -EINVAL for a quantile outside 0 to 1: no value is written
 * Cost     one pass over one sketch, and O(pages) for each slot that leaves; allocates nothing
 * Threads  as slu_quantile_window_add
 */
SLU_API SLU_MUST_USE int slu_quantile_window_get(struct slu_quantile_window *window,
                                                 uint64_t now_ns, const double *quantiles,
                                                 size_t quantile_count, double *values);

/*
 * Add what is within the span at `now_ns` to a sketch, e.g. to look at many windows as one.
 *
 * Returns  as slu_quantile_sketch_merge
 * Cost     O(size_bytes of both)
 * Threads  as slu_quantile_window_add, and one at a time for `into`
 */
SLU_API SLU_MUST_USE int slu_quantile_window_collect(struct slu_quantile_window *window,
                                                     uint64_t now_ns,
                                                     struct slu_quantile_sketch *into);

/* Figures of what is within the span at `now_ns`; cost and threads as slu_quantile_window_get. */
SLU_API void slu_quantile_window_stats(struct slu_quantile_window *window, uint64_t now_ns,
                                       struct slu_quantile_window_stats *out);

SLU_END_DECLS

#endif

/*
 * Bucket window: count, sum, min, max, mean and rate over a sliding span, in memory fixed at
 * creation.
 *
 * The span is split into slots, a ring indexed by (time / slot width) modulo the number of slots.
 * An event is recorded in the newest slot; time passing over a slot zeroes it. What a snapshot
 * covers is therefore between span - one slot and span, and it says how much. Values are unsigned
 * integers in a unit of the caller's choice (nanoseconds, bytes, cents), so that sums are exact and
 * do not drift.
 *
 * Time is any monotonic nanosecond count that the caller passes in. A time older than the newest
 * one seen counts in the newest slot; a jump over the whole span empties the window.
 */
#ifndef SLUICE_WINDOW_H
#define SLUICE_WINDOW_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_window;

#define SLU_WINDOW_SLOTS_MAX (UINT32_C(1) << 24)

struct slu_window_options {
    uint64_t span_ns; /* at least slot_count; a slot is span / slot_count, rounded up to whole ns */
    uint32_t slot_count; /* 1 .. SLU_WINDOW_SLOTS_MAX */
};

struct slu_window_snapshot {
    uint64_t count;
    uint64_t sum;
    uint64_t min;        /* UINT64_MAX when count is 0 */
    uint64_t max;        /* 0 when count is 0 */
    uint64_t covered_ns; /* the time that the figures stand for, at least one slot */
    double mean;         /* NaN when count is 0 */
    double rate;         /* events a second: count / covered */
};

/*
 * Make a window.
 *
 * diag     NULL, or filled when the options are refused
 * Returns  0; -EINVAL for a slot_count or span_ns outside its range; -EDQUOT if the budget does not
 *          hold it; -ENOMEM
 * Owner    the caller, until slu_window_destroy; the budget must outlive it
 * Cost     one allocation of 64 + 32 x slot_count bytes
 */
SLU_API SLU_MUST_USE int slu_window_create(struct slu_budget *budget,
                                           const struct slu_window_options *options,
                                           struct slu_diag *diag, struct slu_window **out);

/* Destroy a window; NULL is accepted, and `*window` becomes NULL. */
SLU_API void slu_window_destroy(struct slu_window **window);

/*
 * Record one event of `value` at `now_ns`.
 *
 * Returns  0; -EOVERFLOW if the sum over the window would pass UINT64_MAX: nothing is recorded
 * Cost     O(slots passed since the last call), at most slot_count; allocates nothing
 * Threads  one at a time; distinct windows are independent
 */
SLU_API SLU_MUST_USE int slu_window_add(struct slu_window *window, uint64_t now_ns, uint64_t value);

/*
 * Figures of the events that are within the span at `now_ns`.
 *
 * now_ns   older than the newest event: the newest event's time is taken
 * Cost     O(slot_count); allocates and changes nothing
 * Threads  not while another thread adds (slu_shared_window is for that)
 */
SLU_API void slu_window_snapshot(const struct slu_window *window, uint64_t now_ns,
                                 struct slu_window_snapshot *out);

/*
 * Change the span, keeping the slots and what they hold. Counts and sums stay exact; the time of an
 * event is known to its old slot, and it is taken as late as that allows, so that no event leaves
 * before its time and none stays longer than one old slot beyond it.
 *
 * span_ns  as in the options
 * Returns  0; -EINVAL for a span outside its range
 * Cost     O(slot_count), within the window's own memory
 * Threads  as slu_window_add
 */
SLU_API SLU_MUST_USE int slu_window_rescale(struct slu_window *window, uint64_t now_ns,
                                            uint64_t span_ns, struct slu_diag *diag);

/* The span in force: slot width x number of slots. */
SLU_API uint64_t slu_window_span_ns(const struct slu_window *window);

/*
 * The same window for many writers: each writes its own shard, so that nobody waits.
 *
 * A writer never blocks, takes no lock and does no read-modify-write on shared memory. A reader
 * never blocks a writer; it copies each slot under a sequence count and repeats the copy of a slot
 * that was written meanwhile, so a snapshot holds each event wholly or not at all.
 */
struct slu_shared_window;

#define SLU_SHARED_WINDOW_SHARDS_MAX 4096

struct slu_shared_window_options {
    uint64_t span_ns;     /* as in struct slu_window_options */
    uint32_t slot_count;  /* as in struct slu_window_options */
    uint32_t shard_count; /* 1 .. SLU_SHARED_WINDOW_SHARDS_MAX, e.g. one a thread */
};

/*
 * Make a window with shards.
 *
 * Returns  as slu_window_create; -EINVAL also for shard_count
 * Cost     one allocation of 64 + shard_count x (128 + 64 x slot_count) bytes
 */
SLU_API SLU_MUST_USE int slu_shared_window_create(struct slu_budget *budget,
                                                  const struct slu_shared_window_options *options,
                                                  struct slu_diag *diag,
                                                  struct slu_shared_window **out);

/* Destroy it when no thread uses it any more; NULL is accepted, and `*window` becomes NULL. */
SLU_API void slu_shared_window_destroy(struct slu_shared_window **window);

/*
 * Record one event of `value` at `now_ns` in a shard.
 *
 * shard    0 .. shard_count - 1
 * Returns  0; -EINVAL for a shard that is not there; -EOVERFLOW if the shard's sum over the window
 *          would pass UINT64_MAX / shard_count: nothing is recorded
 * Cost     O(slots passed since the shard's last call), at most slot_count; wait-free
 * Threads  one at a time a shard, any number of shards and readers
 */
SLU_API SLU_MUST_USE int slu_shared_window_add(struct slu_shared_window *window, uint32_t shard,
                                               uint64_t now_ns, uint64_t value);

/*
 * Change the span, as slu_window_rescale does. Each shard follows at its next event; snapshots show
 * the new span from now on.
 *
 * Returns  0; -EINVAL for a span outside its range
 * Cost     one store; a writer's next event costs O(slot_count) once
 * Threads  any, at any time
 */
SLU_API SLU_MUST_USE int slu_shared_window_rescale(struct slu_shared_window *window,
                                                   uint64_t span_ns, struct slu_diag *diag);

/*
 * Figures over all shards of the events within the span at `now_ns`.
 *
 * now_ns   older than the newest event of any shard: that event's time is taken
 * Cost     O(shard_count x slot_count), plus a repetition for each slot written meanwhile
 * Threads  any number, at any time
 */
SLU_API void slu_shared_window_snapshot(const struct slu_shared_window *window, uint64_t now_ns,
                                        struct slu_window_snapshot *out);

SLU_END_DECLS

#endif

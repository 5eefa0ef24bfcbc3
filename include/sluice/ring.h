/*
 * Bounded rings of fixed-size records between threads: one producer and one consumer (slu_spsc), or
 * many producers and one consumer (slu_mpsc). Records are copied in and copied out.
 *
 * A full ring does what its policy says, and counts it. Of a record that was overwritten nothing
 * stays in the ring; of one that was consumed nothing stays if `clear_consumed` asks for that.
 */
#ifndef SLUICE_RING_H
#define SLUICE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_spsc;
struct slu_mpsc;

#define SLU_RING_CAPACITY_MAX     ((uint32_t)1 << 31)
#define SLU_RING_RECORD_BYTES_MAX ((uint32_t)1 << 20)

/* What a push into a full ring does. */
enum slu_ring_policy {
    SLU_RING_REJECT,    /* it is refused with -EAGAIN: nothing that was pushed is ever lost */
    SLU_RING_OVERWRITE, /* it takes the place of the oldest record: the newest are never refused */
};

/* Meant for the stack. */
struct slu_ring_options {
    uint32_t capacity;     /* records, 2 to SLU_RING_CAPACITY_MAX; rounded up to a power of two */
    uint32_t record_bytes; /* 1 to SLU_RING_RECORD_BYTES_MAX */
    enum slu_ring_policy policy;
    bool clear_consumed; /* wipe a record's slot when it is popped */
};

/*
 * Once all threads rest: pushed_count = popped_count + overwritten_count + length. While they run,
 * the numbers are from slightly different moments.
 */
struct slu_ring_stats {
    uint32_t capacity;
    uint32_t length;
    uint64_t pushed_count;
    uint64_t popped_count;
    uint64_t overwritten_count; /* records lost to the policy SLU_RING_OVERWRITE */
    uint64_t refused_count;     /* records that a push did not take */
};

/*
 * Make a ring for one producer and one consumer; its memory is one block of `budget`.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range, or clear_consumed together with
 *          SLU_RING_OVERWRITE, whose consumer must not write where the producer may be writing;
 *          -EOVERFLOW if the size passes size_t; -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys the ring before the budget
 * Cost     one allocation
 */
SLU_API SLU_MUST_USE int slu_spsc_create(struct slu_budget *budget,
                                         const struct slu_ring_options *options,
                                         struct slu_diag *diag, struct slu_spsc **out);

/*
 * Destroy a ring with what is in it, after its threads are done with it; NULL is accepted, and
 * `*ring` becomes NULL.
 */
SLU_API void slu_spsc_destroy(struct slu_spsc **ring);

/*
 * Push a copy of `record`.
 *
 * Returns  0; -EAGAIN from a full ring with SLU_RING_REJECT (counted)
 * Cost     constant, wait-free; allocates nothing
 * Threads  one producer
 * Source   Lamport, "Specifying Concurrent Program Modules", TOPLAS 1983, each side with a copy of
 *          the other's index as in Lee, Bu and Chandranmenon, "A lock-free, cache-efficient shared
 *          ring buffer for multi-core architectures" (MCRingBuffer), ANCS 2009
 */
SLU_API SLU_MUST_USE int slu_spsc_push(struct slu_spsc *ring, const void *record);

/*
 * Push copies of `count` records that lie one after the other, made visible at once.
 *
 * Returns  how many were taken, from the first on; the others are counted as refused. With
 *          SLU_RING_OVERWRITE always `count`.
 * Cost     O(count), wait-free; allocates nothing
 * Threads  one producer
 */
SLU_API SLU_MUST_USE size_t slu_spsc_push_many(struct slu_spsc *ring, const void *records,
                                               size_t count);

/*
 * Pop the oldest record into `record`.
 *
 * With SLU_RING_OVERWRITE the consumer copies first and then looks whether the producer has begun
 * to overwrite what it copied; if so it skips ahead, at most twice in one call. Records skipped are
 * counted as overwritten. A torn record is never returned, but `record` may have been written to
 * when the result is -EAGAIN.
 *
 * Returns  0; -EAGAIN if there is none, or if the producer overtook three times
 * Cost     constant, wait-free; allocates nothing
 * Threads  one consumer
 * Source   the check after the copy is a seqlock over the whole ring; its memory order follows
 *          Boehm, "Can Seqlocks Get Along with Programming Language Memory Models?", MSPC 2012
 */
SLU_API SLU_MUST_USE int slu_spsc_pop(struct slu_spsc *ring, void *record);

/*
 * Pop up to `count_max` records, oldest first, into `records`.
 *
 * Returns  how many; what lies behind them in `records` may have been written to
 * Cost     O(min(count_max, capacity)), wait-free; allocates nothing
 * Threads  one consumer
 */
SLU_API SLU_MUST_USE size_t slu_spsc_pop_many(struct slu_spsc *ring, void *records,
                                              size_t count_max);

/*
 * Threads  any
 */
SLU_API void slu_spsc_stats(const struct slu_spsc *ring, struct slu_ring_stats *out);

/*
 * Make a ring for many producers and one consumer; its memory is one block of `budget`.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range; -EOVERFLOW if the size passes size_t;
 *          -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys the ring before the budget
 * Cost     one allocation
 */
SLU_API SLU_MUST_USE int slu_mpsc_create(struct slu_budget *budget,
                                         const struct slu_ring_options *options,
                                         struct slu_diag *diag, struct slu_mpsc **out);

/*
 * Destroy a ring with what is in it, after its threads are done with it; NULL is accepted, and
 * `*ring` becomes NULL.
 */
SLU_API void slu_mpsc_destroy(struct slu_mpsc **ring);

/*
 * Push a copy of `record`.
 *
 * A producer that was interrupted in the middle of a push holds up the consumer at its record, and,
 * once the ring has gone round to it, the other producers.
 *
 * Returns  0; -EAGAIN (counted) from a full ring with SLU_RING_REJECT. With SLU_RING_OVERWRITE only
 *          if the oldest slot is still being written or read by a thread that was interrupted.
 * Cost     one compare-and-swap, repeated only if another producer went ahead: lock-free; an
 *          overwrite adds one. Allocates nothing.
 * Threads  any number of producers
 * Source   Vyukov, "Bounded MPMC queue" (1024cores.net, 2010), with turns counted from zero; an
 *          overwriting producer first takes the oldest record as a consumer would
 */
SLU_API SLU_MUST_USE int slu_mpsc_push(struct slu_mpsc *ring, const void *record);

/*
 * Pop the oldest record into `record`. Records of one producer keep their order.
 *
 * Returns  0; -EAGAIN, and `record` untouched, if there is none or the oldest is not yet complete
 * Cost     constant, wait-free; allocates nothing
 * Threads  one consumer
 */
SLU_API SLU_MUST_USE int slu_mpsc_pop(struct slu_mpsc *ring, void *record);

/*
 * Pop up to `count_max` records, oldest first, into `records`.
 *
 * Returns  how many
 * Cost     O(min(count_max, capacity)), wait-free; allocates nothing
 * Threads  one consumer
 */
SLU_API SLU_MUST_USE size_t slu_mpsc_pop_many(struct slu_mpsc *ring, void *records,
                                              size_t count_max);

/*
 * Threads  any
 */
SLU_API void slu_mpsc_stats(const struct slu_mpsc *ring, struct slu_ring_stats *out);

SLU_END_DECLS

#endif

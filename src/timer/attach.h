/*
 * Timers that end with a scope, inside the wheel.
 *
 * A wheel belongs to one thread, and a scope may be cancelled by any. The two meet in the
 * attachment, under the wheel's lock: the cancellation marks it and queues it, the wheel's thread
 * gives the timer back in its next call. A timer that is marked does not run any more.
 *
 * While the lock is held, an attachment that is IN_SCOPE has a scope: a close cannot get past the
 * attachment's callback, which waits for the lock. The lock is taken before a scope tree's.
 *
 * An attached timer's call is attached_run with the attachment, where what it does has moved to.
 */
#ifndef TIMER_ATTACH_H
#define TIMER_ATTACH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/wheel.h>

#include "base/golden.h"
#include "sys/mutex.h"

struct slu_scope;

/* What a timer does: the pool's record of it. */
struct timer_call {
    slu_timer_fn *run;
    void *arg;
};
GOLDEN_LAYOUT(struct timer_call, 16, 0, 0, run, arg);

enum attachment_state {
    ATTACHMENT_BOUND = 1,     /* the timer is there */
    ATTACHMENT_IN_SCOPE = 2,  /* the scope's callback has not run, nor been removed */
    ATTACHMENT_RUNNING = 4,   /* the timer's callback is running */
    ATTACHMENT_CANCELLED = 8, /* the scope was cancelled while the timer was there */
    ATTACHMENT_QUEUED = 16,   /* for the wheel's thread to give the timer back */
};

struct attachment {
    slu_timer_fn *run;
    void *arg;
    struct slu_scope *scope;
    uint64_t callback;
    struct slu_wheel *wheel;
    uint32_t timer;
    uint32_t next; /* while free, or queued */
    uint32_t state;
    uint32_t index;
};
GOLDEN_LAYOUT(struct attachment, 56, 0, 0, run, arg, scope, callback, wheel, timer, next, state,
              index);

struct attachments {
    struct mutex lock;
    struct condition settled; /* count has become 0 */
    struct attachment *slots;
    uint32_t max;
    uint32_t count; /* not free */
    uint32_t first_free;
    uint32_t first_queued;
    _Atomic uint32_t queued_count; /* read without the lock as a hint */
    uint64_t refused_count;
};

/* `slots` are zeroed. */
void attachments_init(struct slu_wheel *wheel, struct attachment *slots, uint32_t max);

/* Detach all timers, and wait for the cancellations that have got hold of one. */
void attachments_deinit(struct slu_wheel *wheel);

/* Give one timer back whose scope was cancelled; false if there is none. */
bool attachments_reclaim(struct slu_wheel *wheel);

/* Whether there is one to give back. A cancellation that is just happening may be missed. */
static inline bool attachments_are_queued(const struct attachments *attachments)
{
    return atomic_load_explicit(&attachments->queued_count, memory_order_relaxed) > 0;
}

bool call_is_attached(const struct timer_call *call);

/* What a timer does, attached or not. */
struct timer_call call_own(const struct timer_call *call);

/* Whether the scope has been cancelled. */
bool attached_is_cancelled(struct slu_wheel *wheel, const struct timer_call *call);

/* The timer is over. Returns whether the scope has been cancelled. */
bool attached_end(struct slu_wheel *wheel, const struct timer_call *call);

#endif

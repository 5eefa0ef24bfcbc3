/*
 * Has things done when their time has come: one task for all of a daemon's pipelines.
 */
#ifndef PIPELINE_FLUSH_CLOCK_H
#define PIPELINE_FLUSH_CLOCK_H

#include <stdint.h>

#include <sluice/api.h>

struct flush_clock;
struct slu_budget;
struct slu_scope;

#define FLUSH_NEVER UINT64_MAX

/* Embedded in what waits for its time; members are private. */
struct flush_timer {
    struct flush_timer *next;
    void (*run)(void *arg, uint64_t now_ns);
    void *arg;
    uint64_t due_ns;
};

/*
 * Start the clock's task in `scope`.
 *
 * Returns  0; as slu_budget_alloc; as slu_go
 * Owner    the caller, until flush_clock_destroy
 */
SLU_MUST_USE int flush_clock_create(struct slu_budget *budget, struct slu_scope *scope,
                                    struct flush_clock **out);

/* After its scope was closed; NULL is accepted, and `*clock` becomes NULL. */
void flush_clock_destroy(struct flush_clock **clock);

/* Have `run` called on the clock's task whenever the timer is due. Before anything sets it. */
void flush_clock_add(struct flush_clock *clock, struct flush_timer *timer,
                     void (*run)(void *arg, uint64_t now_ns), void *arg);

/*
 * Have the timer run at `due_ns`, in place of what was said before; FLUSH_NEVER: not at all.
 *
 * Cost     a lock; a system call if that is earlier than all others
 * Threads  any
 */
void flush_clock_set(struct flush_clock *clock, struct flush_timer *timer, uint64_t due_ns);

#endif

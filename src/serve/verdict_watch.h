/*
 * Judges all targets again and again, and says when a verdict begins, changes or ends: in the
 * daemon's own messages, which its own pipeline may keep.
 */
#ifndef SERVE_VERDICT_WATCH_H
#define SERVE_VERDICT_WATCH_H

#include <stdint.h>

#include <sluice/api.h>

struct graph;
struct slu_budget;
struct slu_scope;
struct store;
struct verdict_watch;

struct verdict_watch_options {
    struct slu_budget *budget;
    struct slu_scope *scope; /* the parent of its own */
    struct store *store;
    struct graph *graph; /* that says it; outlives the watch, as the store does */
    uint64_t period_ns;
};

/*
 * Start the task that watches.
 *
 * Returns  0; -EDQUOT; -ENOMEM; as slu_scope_create and slu_go
 * Owner    the caller, until verdict_watch_stop
 */
SLU_MUST_USE int verdict_watch_create(const struct verdict_watch_options *options,
                                      struct verdict_watch **out);
/* End the task, and wait for it. NULL is accepted, `*watch` becomes NULL. */
void verdict_watch_stop(struct verdict_watch **watch);

#endif

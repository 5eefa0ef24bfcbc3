/*
 * Keeps the process's resident memory below its limit, whatever the budgets do not see: code,
 * stacks, what libraries take and what malloc keeps.
 *
 * The root budget gets the limit less that overhead, which is measured again and again: when it
 * grows, the budget shrinks, and less is taken in.
 */
#ifndef SERVE_MEMORY_WATCH_H
#define SERVE_MEMORY_WATCH_H

#include <stdint.h>

#include <sluice/api.h>

struct memory_watch;
struct slu_budget;
struct slu_scope;

struct memory_watch_options {
    struct slu_budget *root;
    struct slu_budget *payloads; /* below the root; its soft limit is kept at limit less spike */
    struct slu_scope *scope;
    uint64_t limit_bytes; /* of resident memory */
    uint64_t spike_bytes;
};

struct memory_usage {
    uint64_t limit_bytes;
    uint64_t resident_bytes;
    uint64_t budget_bytes;   /* in use of the root */
    uint64_t overhead_bytes; /* resident, and in no budget: what is assumed */
};

/* What a limit must at least be. */
#define MEMORY_LIMIT_MIN (UINT64_C(48) << 20)

/*
 * Set the budgets, and start the task that watches.
 *
 * Returns  0; -EINVAL for a limit below MEMORY_LIMIT_MIN; as slu_go
 * Owner    the caller, until memory_watch_destroy, after its scope was closed
 */
SLU_MUST_USE int memory_watch_create(const struct memory_watch_options *options,
                                     struct memory_watch **out);
void memory_watch_destroy(struct memory_watch **watch);

/* Another limit, of a new configuration. Threads: any */
void memory_watch_set(struct memory_watch *watch, uint64_t limit_bytes, uint64_t spike_bytes);

/* Threads: any */
void memory_watch_usage(struct memory_watch *watch, struct memory_usage *out);

/* What the machine has, or the process's control group allows. */
uint64_t memory_available_bytes(void);

#endif

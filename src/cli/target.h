/*
 * A process that runs, looked at again and again: by the pages that it serves, by what the system
 * says of it, or both.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct diagnosis;
struct slu_diag;

#define TARGET_PAGES    3
#define TARGET_URL_MAX  1024
#define TARGET_PID_NONE 0

/* What is seen goes to `keep` too, as parts of a capsule; `name` says what it is. */
struct target_keeper {
    void (*keep)(void *context, const char *name, double seconds, struct slu_bytes bytes);
    void *context;
};

struct target {
    const char *name;
    bool is_process; /* named by its number: its pages have names alone, and no URL */
    char heap_page[TARGET_URL_MAX];
    char pages[TARGET_PAGES][TARGET_URL_MAX]; /* of tasks and of memory; empty: none */
    uint32_t pid;                             /* TARGET_PID_NONE: not known */
    uint32_t look_count;
    uint32_t missed_count; /* looks in a row without a profile of memory */
    uint32_t stale_count;  /* looks in a row that showed no new collection */
    bool can_collect;      /* the heap's page may be asked for a collection of Go's */
    uint64_t limit_bytes;  /* of the process's control group; 0: none */
};

/*
 * Take a target: an http URL, of a page or of a server alone, or a process's number.
 *
 * name       borrowed as long as the target is used
 * collects   whether Go's collector may be asked to run where nothing new is seen
 * Returns    0; -EINVAL; -ESRCH without such a process; `diag` says it
 */
SLU_MUST_USE int target_open(struct target *target, const char *name, bool collects,
                             struct slu_diag *diag);

/* Also look at what the system says of this process. Returns 0; -ESRCH, and `diag` says it. */
SLU_MUST_USE int target_add_process(struct target *target, uint64_t pid, struct slu_diag *diag);

/*
 * Look at it once.
 *
 * seconds  since 1970
 * keeper   NULL: nothing is kept but the evidence
 * Returns  0; a negative errno if nothing was seen, and `diag` says why
 */
SLU_MUST_USE int target_look(struct target *target, struct diagnosis *diagnosis, double seconds,
                             const struct target_keeper *keeper, struct slu_diag *diag);

struct target_times {
    uint64_t for_ns;   /* 0: one look */
    uint64_t every_ns; /* between two looks */
};

/*
 * Look at it until the time is over, an interrupt comes or nothing is seen any more; with progress
 * on a terminal.
 *
 * Returns  0, also for a process that has ended meanwhile; what target_look returned for the first
 *          look
 */
SLU_MUST_USE int target_observe(struct target *target, struct diagnosis *diagnosis,
                                const struct target_times *times,
                                const struct target_keeper *keeper, struct slu_diag *diag);

#endif

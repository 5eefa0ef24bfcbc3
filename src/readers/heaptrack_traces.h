/*
 * The stacks of a heaptrack recording, a tree whose nodes know their callers, and what was
 * allocated with each of them.
 *
 * A caller stands in the text before what it calls, so that there are no cycles; nodes of the same
 * caller and place are one, so that the work for all stacks is bounded by the memory that the model
 * takes for them.
 */
#ifndef READERS_HEAPTRACK_TRACES_H
#define READERS_HEAPTRACK_TRACES_H

#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"
#include "readers/id_map.h"

struct model;
struct slu_budget;

/* What is known of the allocations of one size with one stack. */
enum heaptrack_value {
    HEAPTRACK_ALLOCATED,
    HEAPTRACK_LIVE,
    HEAPTRACK_PEAK, /* live when all of the program's together were most bytes */
    HEAPTRACK_VALUES,
};

struct heaptrack_traces {
    struct model *model;
    struct column traces;      /* struct trace */
    struct column numbers;     /* uint32_t: the trace by its number in the text, from 1 */
    struct column allocations; /* struct allocation, by number from 0 */
    struct id_map index;       /* traces by caller and location */
    uint64_t live_bytes;
    uint64_t peak_bytes;
    uint32_t peak; /* how many times there was a new one: fewer than bytes in the text */
    uint32_t *frames;
};

/* Returns 0; -EDQUOT; -ENOMEM. heaptrack_traces_deinit follows in any case. */
SLU_MUST_USE int heaptrack_traces_init(struct heaptrack_traces *traces, struct model *model);
void heaptrack_traces_deinit(struct heaptrack_traces *traces);

/*
 * Add the next trace: a location of the model called by an earlier trace; 0: by nobody.
 *
 * Returns  0; -EINVAL if there is no such caller; -EOVERFLOW past MODEL_STACK_MAX; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int heaptrack_trace_add(struct heaptrack_traces *traces, uint32_t location,
                                     uint64_t caller);

/*
 * Add the next kind of allocations. Returns 0; -EINVAL if there is no such trace; -EDQUOT; -ENOMEM.
 */
SLU_MUST_USE int heaptrack_allocation_add(struct heaptrack_traces *traces, uint64_t size_bytes,
                                          uint64_t trace);

/*
 * One of a kind comes, or goes.
 *
 * Returns  0; -EINVAL if there is no such kind, or none of it to go; -ERANGE for more than
 *          INT64_MAX bytes
 */
SLU_MUST_USE int heaptrack_take(struct heaptrack_traces *traces, uint64_t allocation);
SLU_MUST_USE int heaptrack_give(struct heaptrack_traces *traces, uint64_t allocation);

/* Forget all that came: the recording begins only now. */
void heaptrack_restart(struct heaptrack_traces *traces);

/* Add a sample for each kind: objects and bytes of each value in turn. Errors as the model's. */
SLU_MUST_USE int heaptrack_samples_add(struct heaptrack_traces *traces);

#endif

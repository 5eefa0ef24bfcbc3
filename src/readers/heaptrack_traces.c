#include "readers/heaptrack_traces.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model.h"

#define TRACES_SHIFT    10
#define EXPECTED_TRACES 1024
#define FRAMES_BYTES    (MODEL_STACK_MAX * sizeof(uint32_t))

struct trace {
    uint32_t location;
    uint32_t caller; /* trace plus one; 0: none */
    uint32_t depth;
    uint32_t stack; /* of the model; MODEL_NONE: not yet there */
};

struct allocation {
    uint64_t size_bytes;
    uint64_t allocated;
    uint64_t live;
    uint64_t peak;        /* as of `peak_number` */
    uint32_t trace;       /* plus one; 0: not known */
    uint32_t peak_number; /* if it is not the newest, nothing has come or gone since the newest */
};

int heaptrack_traces_init(struct heaptrack_traces *traces, struct model *model)
{
    void *block = NULL;
    *traces = (struct heaptrack_traces){.model = model};
    column_init(&traces->traces, model->budget, sizeof(struct trace), TRACES_SHIFT);
    column_init(&traces->numbers, model->budget, sizeof(uint32_t), TRACES_SHIFT);
    column_init(&traces->allocations, model->budget, sizeof(struct allocation), TRACES_SHIFT);
    int err = id_map_init(&traces->index, model->budget, EXPECTED_TRACES);
    if (err == 0) {
        err = slu_budget_alloc(model->budget, FRAMES_BYTES, &block);
        traces->frames = block;
    }
    return err;
}

void heaptrack_traces_deinit(struct heaptrack_traces *traces)
{
    column_deinit(&traces->traces);
    column_deinit(&traces->numbers);
    column_deinit(&traces->allocations);
    id_map_deinit(&traces->index);
    slu_budget_free(traces->model->budget, traces->frames, FRAMES_BYTES);
    traces->frames = NULL;
}

/* From a number in the text to a trace plus one; 0 stays 0. */
static int trace_numbered(const struct heaptrack_traces *traces, uint64_t number, uint32_t *trace)
{
    if (number > traces->numbers.count) {
        return -EINVAL;
    }
    *trace = number == 0
                 ? 0
                 : *(const uint32_t *)column_at(&traces->numbers, (uint32_t)(number - 1)) + 1;
    return 0;
}

static int trace_intern(struct heaptrack_traces *traces, uint32_t location, uint32_t caller,
                        uint32_t *id)
{
    uint64_t key = (uint64_t)caller << 32 | location;
    *id = id_map_find(&traces->index, key);
    if (*id != ID_MAP_NONE) {
        return 0;
    }
    const struct trace *above = caller == 0 ? NULL : column_at(&traces->traces, caller - 1);
    const struct trace trace = {.location = location,
                                .caller = caller,
                                .depth = above == NULL ? 1 : above->depth + 1,
                                .stack = MODEL_NONE};
    if (trace.depth > MODEL_STACK_MAX) {
        return -EOVERFLOW;
    }
    int err = column_add(&traces->traces, &trace, id);
    return err == 0 ? id_map_add(&traces->index, key, *id) : err;
}

int heaptrack_trace_add(struct heaptrack_traces *traces, uint32_t location, uint64_t caller)
{
    uint32_t above = 0;
    uint32_t id = 0;
    uint32_t number = 0;
    int err = trace_numbered(traces, caller, &above);
    if (err == 0) {
        err = trace_intern(traces, location, above, &id);
    }
    return err == 0 ? column_add(&traces->numbers, &id, &number) : err;
}

int heaptrack_allocation_add(struct heaptrack_traces *traces, uint64_t size_bytes, uint64_t trace)
{
    struct allocation allocation = {.size_bytes = size_bytes};
    uint32_t number = 0;
    int err = trace_numbered(traces, trace, &allocation.trace);
    return err == 0 ? column_add(&traces->allocations, &allocation, &number) : err;
}

/* A kind that is about to change: first it is noted how much of it the newest peak had. */
static struct allocation *allocation_touch(struct heaptrack_traces *traces, uint64_t number)
{
    if (number >= traces->allocations.count) {
        return NULL;
    }
    struct allocation *allocation = column_at(&traces->allocations, (uint32_t)number);
    if (allocation->peak_number != traces->peak) {
        allocation->peak_number = traces->peak;
        allocation->peak = allocation->live;
    }
    return allocation;
}

int heaptrack_take(struct heaptrack_traces *traces, uint64_t number)
{
    struct allocation *allocation = allocation_touch(traces, number);
    uint64_t allocated = 0;
    uint64_t live = 0;
    if (allocation == NULL) {
        return -EINVAL;
    }
    if (__builtin_mul_overflow(allocation->size_bytes, allocation->allocated + 1, &allocated) ||
        __builtin_add_overflow(traces->live_bytes, allocation->size_bytes, &live) ||
        allocated > INT64_MAX || live > INT64_MAX) {
        return -ERANGE;
    }
    allocation->allocated++;
    allocation->live++;
    traces->live_bytes = live;
    if (live > traces->peak_bytes) {
        traces->peak_bytes = live;
        traces->peak++;
    }
    return 0;
}

int heaptrack_give(struct heaptrack_traces *traces, uint64_t number)
{
    struct allocation *allocation = allocation_touch(traces, number);
    if (allocation == NULL || allocation->live == 0) {
        return -EINVAL;
    }
    allocation->live--;
    traces->live_bytes -= allocation->size_bytes;
    return 0;
}

void heaptrack_restart(struct heaptrack_traces *traces)
{
    for (uint32_t i = 0; i < traces->allocations.count; i++) {
        struct allocation *allocation = column_at(&traces->allocations, i);
        allocation->allocated = allocation->live = allocation->peak = 0;
    }
    traces->live_bytes = traces->peak_bytes = 0;
}

static int stack_of(struct heaptrack_traces *traces, uint32_t trace, uint32_t *stack)
{
    uint32_t count = 0;
    struct trace *leaf = trace == 0 ? NULL : column_at(&traces->traces, trace - 1);
    if (leaf != NULL && leaf->stack != MODEL_NONE) {
        *stack = leaf->stack;
        return 0;
    }
    while (trace != 0) {
        const struct trace *at = column_at(&traces->traces, trace - 1);
        traces->frames[count++] = at->location;
        trace = at->caller;
    }
    int err = model_stack(traces->model, traces->frames, count, stack);
    if (err == 0 && leaf != NULL) {
        leaf->stack = *stack;
    }
    return err;
}

/* The size of a block is a label, as in Go's profiles. */
static int sample_add(struct heaptrack_traces *traces, const struct allocation *allocation,
                      struct model_label *label)
{
    uint64_t peak = allocation->peak_number == traces->peak ? allocation->peak : allocation->live;
    const uint64_t counts[HEAPTRACK_VALUES] = {
        [HEAPTRACK_ALLOCATED] = allocation->allocated,
        [HEAPTRACK_LIVE] = allocation->live,
        [HEAPTRACK_PEAK] = peak,
    };
    int64_t values[2 * HEAPTRACK_VALUES];
    uint32_t stack = 0;
    uint32_t labels = 0;
    for (size_t i = 0; i < HEAPTRACK_VALUES; i++) {
        values[2 * i] = (int64_t)counts[i];
        values[2 * i + 1] = (int64_t)(counts[i] * allocation->size_bytes);
    }
    label->number = (int64_t)allocation->size_bytes;
    int err = stack_of(traces, allocation->trace, &stack);
    if (err == 0) {
        err = model_labels(traces->model, label, 1, &labels);
    }
    return err == 0 ? model_sample_add(traces->model, stack, labels, values) : err;
}

int heaptrack_samples_add(struct heaptrack_traces *traces)
{
    struct model_label label = {.is_number = 1};
    int err = model_string(traces->model, (struct slu_bytes){"bytes", 5}, &label.key);
    label.unit = label.key;
    for (uint32_t i = 0; i < traces->allocations.count && err == 0; i++) {
        const struct allocation *allocation = column_at(&traces->allocations, i);
        err = allocation->allocated == 0 ? 0 : sample_add(traces, allocation, &label);
    }
    return err;
}

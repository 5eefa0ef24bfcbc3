/*
 * Span: the two-pointer window of variable length over a sequence.
 *
 * The window [start, end) is extended on the right and shrunk on the left only, so each element
 * enters once and leaves at most once, whatever is searched: n elements cost at most 2 n updates of
 * a state of the caller's, each O(1). The functions are inline; with constant rules the calls
 * through them are too.
 */
#ifndef SLUICE_SPAN_H
#define SLUICE_SPAN_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

/* What the window keeps up to date, and what is asked of it. */
struct slu_span_rules {
    void (*enter)(void *state, size_t index); /* element `index` is now in the window */
    void (*leave)(void *state, size_t index); /* element `index`, the oldest, no longer is */
    bool (*holds)(const void *state);         /* the property searched for */
};

/* A window; start with {.rules = ..., .state = ...}. Meant for the stack. */
struct slu_span {
    const struct slu_span_rules *rules;
    void *state; /* of the empty window at first */
    size_t start;
    size_t end;
};

/* A run of a sequence: the elements [start, end). */
struct slu_span_run {
    size_t start;
    size_t end;
};

/* Let the next element enter on the right. */
static inline void slu_span_extend(struct slu_span *span)
{
    span->rules->enter(span->state, span->end);
    span->end++;
}

/* Let the oldest element leave on the left. The window must not be empty. */
static inline void slu_span_shrink(struct slu_span *span)
{
    span->rules->leave(span->state, span->start);
    span->start++;
}

/*
 * The shortest run of `count` elements for which the rules hold, the first of several.
 *
 * The property must survive extension: a run that contains one for which it holds has it too
 * (covers a set; sum of non-negative numbers at least s).
 *
 * Returns  0 with the run, empty if the property holds of nothing; -ENOENT if no run has it
 * Cost     each element enters once and leaves at most once; allocates nothing
 */
SLU_MUST_USE static inline int slu_span_shortest(const struct slu_span_rules *rules, void *state,
                                                 size_t count, struct slu_span_run *out)
{
    struct slu_span span = {rules, state, 0, 0};
    struct slu_span_run best = {0, 0};
    bool found = rules->holds(state);
    while (!found && span.end < count) {
        slu_span_extend(&span);
        while (span.start < span.end && rules->holds(state)) {
            if (best.end == 0 || span.end - span.start < best.end - best.start) {
                best.start = span.start;
                best.end = span.end;
            }
            slu_span_shrink(&span);
        }
    }
    if (!found && best.end == 0) {
        return -ENOENT;
    }
    *out = best;
    return 0;
}

/*
 * The longest run of `count` elements for which the rules hold, the first of several.
 *
 * The property must survive shrinking: a part of a run for which it holds has it too (at most k
 * distinct values; no value twice; sum of non-negative numbers at most s).
 *
 * Returns  0 with the run, which may be empty; -ENOENT if the property does not even hold of
 * nothing Cost     each element enters once and leaves at most once; allocates nothing
 */
SLU_MUST_USE static inline int slu_span_longest(const struct slu_span_rules *rules, void *state,
                                                size_t count, struct slu_span_run *out)
{
    struct slu_span span = {rules, state, 0, 0};
    struct slu_span_run best = {0, 0};
    if (!rules->holds(state)) {
        return -ENOENT;
    }
    while (span.end < count) {
        slu_span_extend(&span);
        while (span.start < span.end && !rules->holds(state)) {
            slu_span_shrink(&span);
        }
        if (span.end - span.start > best.end - best.start) {
            best.start = span.start;
            best.end = span.end;
        }
    }
    *out = best;
    return 0;
}

SLU_END_DECLS

#endif

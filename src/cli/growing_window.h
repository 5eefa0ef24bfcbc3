/*
 * The fault that Sluice is against, as it is met in services: a sliding window kept in an array
 * that is appended to, and whose start moves forward. What lies before the start is out of the
 * window but stays allocated, because nothing ever moves the rest to the front.
 *
 * For the demonstration alone. Its allocations go through a counter, so that what is shown is
 * measured.
 */
#ifndef CLI_GROWING_WINDOW_H
#define CLI_GROWING_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct growing_event {
    uint64_t time_ns;
    uint64_t value;
};

/* Start with all members zero but the first two. */
struct growing_window {
    uint64_t span_ns;
    uint64_t limit_bytes; /* growth beyond it is refused, so that the machine survives the show */
    struct growing_event *events;
    size_t start; /* the first event that is still in the window */
    size_t end;
    size_t capacity;
    uint64_t allocation_count;
    uint64_t held_bytes;
};

struct growing_answer {
    uint64_t count;
    double mean; /* NaN when count is 0 */
    double rate; /* events a second */
};

/* Returns 0; -EDQUOT at the limit; -ENOMEM. On error nothing is recorded. */
SLU_MUST_USE int growing_window_add(struct growing_window *window, uint64_t now_ns, uint64_t value);

/* Move the start to what is within the span at `now_ns`, and sum up the rest. */
void growing_window_answer(struct growing_window *window, uint64_t now_ns,
                           struct growing_answer *out);

/* Bytes of events that have left the window and are still held. */
uint64_t growing_window_stale_bytes(const struct growing_window *window);

void growing_window_deinit(struct growing_window *window);

#endif

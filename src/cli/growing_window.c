#include "cli/growing_window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define CAPACITY_MIN 16

static int grow(struct growing_window *window)
{
    size_t capacity = window->capacity == 0 ? CAPACITY_MIN : 2 * window->capacity;
    uint64_t bytes = capacity * sizeof(struct growing_event);
    if (bytes > window->limit_bytes) {
        return -EDQUOT;
    }
    struct growing_event *events = realloc(window->events, bytes);
    if (events == NULL) {
        return -ENOMEM;
    }
    window->events = events;
    window->capacity = capacity;
    window->held_bytes = bytes;
    window->allocation_count++;
    return 0;
}

int growing_window_add(struct growing_window *window, uint64_t now_ns, uint64_t value)
{
    if (window->end == window->capacity) {
        int err = grow(window);
        if (err != 0) {
            return err;
        }
    }
    window->events[window->end++] = (struct growing_event){.time_ns = now_ns, .value = value};
    return 0;
}

/* The time that an answer stands for: less than the span while the window is young. */
static uint64_t covered_ns(const struct growing_window *window, uint64_t now_ns)
{
    uint64_t first_ns = window->end == 0 ? now_ns : window->events[0].time_ns;
    uint64_t age_ns = now_ns > first_ns ? now_ns - first_ns : 0;
    uint64_t seen_ns = age_ns < window->span_ns ? age_ns : window->span_ns;
    return seen_ns == 0 ? 1 : seen_ns;
}

void growing_window_answer(struct growing_window *window, uint64_t now_ns,
                           struct growing_answer *out)
{
    uint64_t sum = 0;
    while (window->start < window->end &&
           window->events[window->start].time_ns + window->span_ns < now_ns) {
        window->start++;
    }
    for (size_t at = window->start; at < window->end; at++) {
        sum += window->events[at].value;
    }
    uint64_t count = window->end - window->start;
    *out = (struct growing_answer){
        .count = count,
        .mean = count == 0 ? NAN : (double)sum / (double)count,
        .rate = (double)count * 1e9 / (double)covered_ns(window, now_ns),
    };
}

uint64_t growing_window_stale_bytes(const struct growing_window *window)
{
    return window->start * sizeof(struct growing_event);
}

void growing_window_deinit(struct growing_window *window)
{
    free(window->events);
    *window = (struct growing_window){0};
}

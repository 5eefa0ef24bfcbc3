/* Two sliding windows over the same span under the same load: the growing array and the ring. */
#ifndef CLI_DEMO_RACE_H
#define CLI_DEMO_RACE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "cli/growing_window.h"

struct slu_budget;
struct slu_window;

#define RACE_SPAN_NS    UINT64_C(1000000000)
#define RACE_SLOT_COUNT 50

struct race_options {
    uint64_t rate; /* events a second */
    uint64_t limit_bytes;
};

/* What one window holds and says. */
struct race_side {
    uint64_t held_bytes;
    uint64_t allocation_count;
    uint64_t event_count;
    double rate;      /* its answer: events a second within the span */
    double mean;      /* its answer: mean value; NaN without events */
    double add_ns;    /* time to add one event, mean since the last sample; NaN: too few */
    double answer_ns; /* time that the answer took */
};

struct race_sample {
    uint64_t elapsed_ns;
    struct race_side growing;
    struct race_side ring;
    uint64_t stale_bytes;    /* of the growing array: events out of the window */
    uint64_t resident_bytes; /* the whole process; 0: not known */
    bool growing_is_full;    /* it has reached its limit and takes no more */
};

/* Members are private. */
struct race {
    struct race_options options;
    uint64_t start_ns;
    uint64_t event_count; /* offered to both */
    struct growing_window growing;
    bool growing_is_full;
    uint64_t growing_event_count;
    struct slu_budget *budget; /* all that the ring allocates is charged here */
    struct slu_window *ring;
    uint64_t ring_event_count;
    uint64_t ring_allocation_count;
    uint64_t seen_used_bytes; /* the budget, when it was last looked at */
    uint64_t seen_high_water_bytes;
    uint64_t timed_count; /* adds timed since the last sample, and their time */
    uint64_t growing_add_ns;
    uint64_t ring_add_ns;
};

/* Returns 0, or what slu_window_create returns. */
SLU_MUST_USE int race_init(struct race *race, const struct race_options *options, uint64_t now_ns);
void race_deinit(struct race *race);

/*
 * Offer both windows the events that are due at `now_ns`, evenly spaced; what does not fit before
 * `until_ns` stays due. Returns whether nothing is.
 */
bool race_advance(struct race *race, uint64_t now_ns, uint64_t until_ns);

/* Ask both windows and look at their memory. */
void race_take_sample(struct race *race, uint64_t now_ns, struct race_sample *out);

#endif

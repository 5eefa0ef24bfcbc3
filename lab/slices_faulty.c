/*
 * retained-array: a window of events in an array that is appended to and whose start moves forward.
 * When its end is reached, a larger array takes what is still in the window; the old one is kept
 * alive by the view that the last report has of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

#define SPAN_NS       UINT64_C(250000000)
#define REPORT_NS     UINT64_C(100000000)
#define CAPACITY_MIN  256
#define VIEWS_A_BLOCK 64

struct event {
    uint64_t time_ns;
    uint64_t value;
};

struct view {
    const struct event *first;
    size_t count;
};

struct views {
    struct views *before;
    size_t count;
    struct view views[VIEWS_A_BLOCK];
};

struct slices {
    struct event *events;
    size_t start;
    size_t end;
    size_t capacity;
    struct views *views; /* of all reports: each is shown again when somebody asks for it */
    const struct event *reported;
    uint64_t report_due_ns;
    uint64_t span_ns;
    uint64_t expansion_count;
    uint64_t kept_bytes;
};

static int create(const struct lab_settings *settings, void **state)
{
    struct slices *slices = calloc(1, sizeof(*slices));
    if (slices == NULL) {
        return -ENOMEM;
    }
    slices->span_ns = settings->span_ns == 0 ? SPAN_NS : settings->span_ns;
    *state = slices;
    return 0;
}

/* As append does when there is no room: twice what is in the window. */
static int window_expand(struct slices *slices)
{
    size_t count = slices->end - slices->start;
    size_t capacity = 2 * count < CAPACITY_MIN ? CAPACITY_MIN : 2 * count;
    struct event *events = malloc(capacity * sizeof(*events));
    if (events == NULL) {
        return -ENOMEM;
    }
    if (count > 0) {
        memcpy(events, slices->events + slices->start, count * sizeof(*events));
    }
    if (slices->reported == slices->events && slices->events != NULL) {
        slices->kept_bytes += slices->capacity * sizeof(*events); /* a view looks into it */
    } else {
        free(slices->events);
    }
    *slices = (struct slices){.events = events,
                              .end = count,
                              .capacity = capacity,
                              .views = slices->views,
                              .reported = slices->reported,
                              .report_due_ns = slices->report_due_ns,
                              .span_ns = slices->span_ns,
                              .expansion_count = slices->expansion_count + 1,
                              .kept_bytes = slices->kept_bytes};
    return 0;
}

static int report(struct slices *slices)
{
    if (slices->views == NULL || slices->views->count == VIEWS_A_BLOCK) {
        struct views *block = calloc(1, sizeof(*block));
        if (block == NULL) {
            return -ENOMEM;
        }
        block->before = slices->views;
        slices->views = block;
    }
    slices->views->views[slices->views->count++] =
        (struct view){slices->events + slices->start, slices->end - slices->start};
    slices->reported = slices->events;
    return 0;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct slices *slices = state;
    while (slices->start < slices->end &&
           slices->events[slices->start].time_ns + slices->span_ns < request->now_ns) {
        slices->start++;
    }
    int err = slices->end == slices->capacity ? window_expand(slices) : 0;
    if (err != 0) {
        return 503;
    }
    slices->events[slices->end++] = (struct event){request->now_ns, request->client};
    if (request->now_ns >= slices->report_due_ns) {
        slices->report_due_ns = request->now_ns + REPORT_NS;
        err = report(slices);
    }
    return err == 0 ? 200 : 503;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct slices *slices = state;
    figures[0] = (struct lab_figure){"expansions", (double)slices->expansion_count};
    figures[1] = (struct lab_figure){"kept_bytes", (double)slices->kept_bytes};
    return 2;
}

static void destroy(void *state)
{
    (void)state; /* the views keep it all */
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};

/*
 * coarse-window: the window was made for 100 ms and keeps each point as it came; then it was
 * widened to 60 s, and holds 600 times as many.
 */
#include <errno.h>
#include <stdlib.h>

#include "case.h"

#define SPAN_NS UINT64_C(60000000000)

struct point {
    struct point *next;
    uint64_t time_ns;
    double value;
    char labels[168];
};

struct coarse {
    struct point *oldest;
    struct point *newest;
    uint64_t span_ns;
    uint64_t point_count;
    uint64_t point_high;
};

static int create(const struct lab_settings *settings, void **state)
{
    struct coarse *coarse = calloc(1, sizeof(*coarse));
    if (coarse == NULL) {
        return -ENOMEM;
    }
    coarse->span_ns = settings->span_ns == 0 ? SPAN_NS : settings->span_ns;
    *state = coarse;
    return 0;
}

static void expire(struct coarse *coarse, uint64_t now_ns)
{
    while (coarse->oldest != NULL && coarse->oldest->time_ns + coarse->span_ns < now_ns) {
        struct point *gone = coarse->oldest;
        coarse->oldest = gone->next;
        coarse->newest = coarse->oldest == NULL ? NULL : coarse->newest;
        free(gone);
        coarse->point_count--;
    }
}

static int point_add(struct coarse *coarse, uint64_t now_ns, double value)
{
    struct point *point = calloc(1, sizeof(*point));
    if (point == NULL) {
        return -ENOMEM;
    }
    point->time_ns = now_ns;
    point->value = value;
    *(coarse->newest == NULL ? &coarse->oldest : &coarse->newest->next) = point;
    coarse->newest = point;
    coarse->point_count++;
    coarse->point_high =
        coarse->point_count > coarse->point_high ? coarse->point_count : coarse->point_high;
    return 0;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct coarse *coarse = state;
    expire(coarse, request->now_ns);
    return point_add(coarse, request->now_ns, (double)request->client) == 0 ? 200 : 503;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct coarse *coarse = state;
    figures[0] = (struct lab_figure){"points", (double)coarse->point_high};
    figures[1] =
        (struct lab_figure){"kept_bytes", (double)coarse->point_high * sizeof(struct point)};
    return 2;
}

static void destroy(void *state)
{
    struct coarse *coarse = state;
    expire(coarse, UINT64_MAX);
    free(coarse);
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};

/*
 * timer-pileup: a "window" that waits for the next item or for its end, with a fresh time-out each
 * time. The receiver has gone long since; each item arms another time-out of an hour, and nothing
 * disarms the one before.
 */
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "case.h"

#define WINDOW_SECONDS 3600

struct pseudo {
    struct event_base *loop;
    uint64_t pending;
    uint64_t fired;
};

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    struct pseudo *pseudo = calloc(1, sizeof(*pseudo));
    if (pseudo == NULL) {
        return -ENOMEM;
    }
    pseudo->loop = event_base_new();
    *state = pseudo;
    return pseudo->loop == NULL ? -ENOMEM : 0;
}

static void window_over(evutil_socket_t none, short what, void *arg)
{
    struct pseudo *pseudo = arg;
    (void)none;
    (void)what;
    pseudo->pending--;
    pseudo->fired++;
}

static int wait_for_next(struct pseudo *pseudo)
{
    const struct timeval timeout = {.tv_sec = WINDOW_SECONDS};
    if (event_base_once(pseudo->loop, -1, EV_TIMEOUT, window_over, pseudo, &timeout) != 0) {
        return -ENOMEM;
    }
    pseudo->pending++;
    return 0;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    (void)request;
    return wait_for_next(state) == 0 ? 200 : 503;
}

static void advance(void *state, uint64_t now_ns)
{
    struct pseudo *pseudo = state;
    (void)now_ns;
    (void)event_base_loop(pseudo->loop, EVLOOP_NONBLOCK);
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct pseudo *pseudo = state;
    figures[0] = (struct lab_figure){"timers", (double)pseudo->pending};
    return 1;
}

static void destroy(void *state)
{
    (void)state; /* the time-outs are armed */
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .advance = advance, .figures = figures, .destroy = destroy};

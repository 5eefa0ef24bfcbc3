/*
 * timer-pileup: each beat of a connection starts a new timer that would close it; the timer of the
 * beat before is not stopped. There are as many as beats came within the time-out.
 */
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "case.h"

#define TIMEOUT_SECONDS 600

struct heartbeat {
    struct event_base *loop;
    uint64_t timers;
    uint64_t connections;
};

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    struct heartbeat *heartbeat = calloc(1, sizeof(*heartbeat));
    if (heartbeat == NULL) {
        return -ENOMEM;
    }
    heartbeat->loop = event_base_new();
    *state = heartbeat;
    return heartbeat->loop == NULL ? -ENOMEM : 0;
}

static void silent(evutil_socket_t none, short what, void *arg)
{
    struct heartbeat *heartbeat = arg;
    (void)none;
    (void)what;
    heartbeat->timers--;
}

static unsigned beat(void *state, const struct lab_request *request)
{
    struct heartbeat *heartbeat = state;
    const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    (void)request;
    struct event *timer = event_new(heartbeat->loop, -1, 0, silent, heartbeat);
    if (timer == NULL || event_add(timer, &timeout) != 0) {
        return 503;
    }
    heartbeat->timers++;
    return 200;
}

static void opened(void *state, const struct lab_request *request)
{
    struct heartbeat *heartbeat = state;
    heartbeat->connections++;
    (void)beat(state, request);
}

static void closed(void *state, const struct lab_request *request)
{
    struct heartbeat *heartbeat = state;
    (void)request;
    heartbeat->connections--;
}

static void advance(void *state, uint64_t now_ns)
{
    struct heartbeat *heartbeat = state;
    (void)now_ns;
    (void)event_base_loop(heartbeat->loop, EVLOOP_NONBLOCK);
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct heartbeat *heartbeat = state;
    figures[0] = (struct lab_figure){"timers", (double)heartbeat->timers};
    figures[1] = (struct lab_figure){"connections", (double)heartbeat->connections};
    return 2;
}

static void destroy(void *state)
{
    (void)state; /* the timers run on */
}

const struct lab_case lab_case = {.create = create,
                                  .serve = beat,
                                  .open = opened,
                                  .close = closed,
                                  .advance = advance,
                                  .figures = figures,
                                  .destroy = destroy};

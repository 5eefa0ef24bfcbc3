/*
 * timer-pileup: each request has a ticker that refills its client's bucket while it is handled; the
 * handler returns without stopping it. The tickers and what they point to stay, and all of them
 * fire for ever.
 */
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "case.h"
#include "gateway.h"

#define TICK_SECONDS 30

struct gateway {
    struct event_base *loop;
    uint64_t tokens[GATEWAY_CLIENTS_MAX];
    uint64_t ticker_count;
};

struct ticker {
    struct event *timer;
    uint64_t *tokens;
    char request_id[40];
};

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL) {
        return -ENOMEM;
    }
    gateway->loop = event_base_new();
    for (uint32_t i = 0; i < GATEWAY_CLIENTS_MAX; i++) {
        gateway->tokens[i] = GATEWAY_CLIENT_BURST;
    }
    *state = gateway;
    return gateway->loop == NULL ? -ENOMEM : 0;
}

static void refill(evutil_socket_t none, short what, void *arg)
{
    struct ticker *ticker = arg;
    (void)none;
    (void)what;
    *ticker->tokens = GATEWAY_CLIENT_BURST;
}

static int ticker_start(struct gateway *gateway, uint64_t *tokens)
{
    const struct timeval period = {.tv_sec = TICK_SECONDS};
    struct ticker *ticker = calloc(1, sizeof(*ticker));
    if (ticker == NULL) {
        return -ENOMEM;
    }
    ticker->tokens = tokens;
    ticker->timer = event_new(gateway->loop, -1, EV_PERSIST, refill, ticker);
    if (ticker->timer == NULL || event_add(ticker->timer, &period) != 0) {
        return -ENOMEM;
    }
    gateway->ticker_count++;
    return 0;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct gateway *gateway = state;
    uint64_t *tokens = &gateway->tokens[request->client % GATEWAY_CLIENTS_MAX];
    if (ticker_start(gateway, tokens) != 0) {
        return 503;
    }
    *tokens = *tokens > 1 ? *tokens - 1 : GATEWAY_CLIENT_BURST;
    return 200;
}

static void advance(void *state, uint64_t now_ns)
{
    struct gateway *gateway = state;
    (void)now_ns;
    (void)event_base_loop(gateway->loop, EVLOOP_NONBLOCK);
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct gateway *gateway = state;
    figures[0] = (struct lab_figure){"timers", (double)gateway->ticker_count};
    return 1;
}

static void destroy(void *state)
{
    (void)state; /* the tickers are nobody's */
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .advance = advance, .figures = figures, .destroy = destroy};

/* A pulse for each connection: a beat is one store, and there are as many timers as connections. */
#include <sluice/budget.h>
#include <sluice/pulse.h>

#include "case.h"

#define TIMEOUT_NS UINT64_C(600000000000)

struct heartbeat {
    struct slu_budget *budget;
    struct slu_wheel *wheel;
    uint64_t connections;
    uint32_t connections_max;
    struct slu_pulse pulses[];
};

static size_t bytes_of(uint32_t connections_max)
{
    return sizeof(struct heartbeat) + connections_max * sizeof(struct slu_pulse);
}

static void silent(struct slu_wheel *wheel, struct slu_pulse *pulse, uint64_t now_ns, void *arg)
{
    (void)wheel;
    (void)pulse;
    (void)now_ns;
    (void)arg;
}

static int create(const struct lab_settings *settings, void **state)
{
    const struct slu_wheel_options options = {.tick_ns = 1000000,
                                              .timers_max = settings->connections_max};
    void *block = NULL;
    int err = slu_budget_alloc(settings->budget, bytes_of(settings->connections_max), &block);
    if (err == 0) {
        struct heartbeat *heartbeat = block;
        heartbeat->budget = settings->budget;
        heartbeat->connections_max = settings->connections_max;
        *state = heartbeat;
        err = slu_wheel_create(settings->budget, &options, NULL, &heartbeat->wheel);
    }
    return err;
}

static unsigned beat(void *state, const struct lab_request *request)
{
    struct heartbeat *heartbeat = state;
    slu_pulse_beat(&heartbeat->pulses[request->connection], request->now_ns);
    return 200;
}

static void opened(void *state, const struct lab_request *request)
{
    struct heartbeat *heartbeat = state;
    struct slu_pulse *pulse = &heartbeat->pulses[request->connection];
    if (slu_pulse_start(pulse, heartbeat->wheel, request->now_ns, TIMEOUT_NS, silent, NULL) == 0) {
        heartbeat->connections++;
    }
}

static void closed(void *state, const struct lab_request *request)
{
    struct heartbeat *heartbeat = state;
    if (slu_pulse_stop(&heartbeat->pulses[request->connection], heartbeat->wheel) == 0) {
        heartbeat->connections--;
    }
}

static void advance(void *state, uint64_t now_ns)
{
    struct heartbeat *heartbeat = state;
    (void)slu_wheel_advance(heartbeat->wheel, now_ns, UINT32_MAX); /* all that is due is done */
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct heartbeat *heartbeat = state;
    struct slu_wheel_stats stats;
    slu_wheel_stats(heartbeat->wheel, &stats);
    figures[0] = (struct lab_figure){"timers", stats.timer_high};
    figures[1] = (struct lab_figure){"connections", (double)heartbeat->connections};
    return 2;
}

static void destroy(void *state)
{
    struct heartbeat *heartbeat = state;
    slu_wheel_destroy(&heartbeat->wheel);
    slu_budget_free(heartbeat->budget, heartbeat, bytes_of(heartbeat->connections_max));
}

const struct lab_case lab_case = {.create = create,
                                  .serve = beat,
                                  .open = opened,
                                  .close = closed,
                                  .advance = advance,
                                  .figures = figures,
                                  .destroy = destroy};

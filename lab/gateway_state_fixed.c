/*
 * The record belongs to the request: it is given back when the request is over, and by a timer when
 * nobody says that it is. There is room for as many as may be under way.
 */
#include <stdlib.h>

#include <sluice/budget.h>
#include <sluice/pool.h>
#include <sluice/wheel.h>

#include "case.h"

#define ATTEMPTS  16
#define EXPIRY_NS UINT64_C(1000000000)

struct gateway;

struct record {
    struct gateway *gateway;
    slu_pool_handle handle;
    slu_timer_id timer;
    uint64_t attempts_ns[ATTEMPTS];
    uint32_t attempt_count;
};

struct gateway {
    struct slu_budget *budget;
    struct slu_pool *pool;
    struct slu_wheel *wheel;
};

static int create(const struct lab_settings *settings, void **state)
{
    const struct slu_pool_options pool_options = {.record_bytes = sizeof(struct record),
                                                  .capacity = 2 * settings->connections_max,
                                                  .zeroed = true};
    const struct slu_wheel_options wheel_options = {.tick_ns = 1000000,
                                                    .timers_max = 2 * settings->connections_max};
    void *block = NULL;
    int err = slu_budget_alloc(settings->budget, sizeof(struct gateway), &block);
    if (err == 0) {
        struct gateway *gateway = block;
        gateway->budget = settings->budget;
        *state = gateway;
        err = slu_pool_create(settings->budget, &pool_options, NULL, &gateway->pool);
        err = err != 0 ? err
                       : slu_wheel_create(settings->budget, &wheel_options, NULL, &gateway->wheel);
    }
    return err;
}

static void record_give(const struct gateway *gateway, slu_pool_handle handle)
{
    if (slu_pool_give(gateway->pool, handle) != 0) {
        abort(); /* given back twice */
    }
}

static void record_end(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct record *record = arg;
    (void)wheel;
    (void)timer;
    (void)now_ns;
    record_give(record->gateway, record->handle);
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct gateway *gateway = state;
    slu_pool_handle handle = 0;
    void *block = NULL;
    if (slu_pool_take(gateway->pool, &handle, &block) != 0) {
        return 503;
    }
    struct record *record = block;
    *record = (struct record){.gateway = gateway, .handle = handle};
    if (slu_wheel_add(gateway->wheel, request->now_ns, EXPIRY_NS, record_end, record,
                      &record->timer) != 0) {
        record_give(gateway, handle);
        return 503;
    }
    record->attempts_ns[record->attempt_count++ % ATTEMPTS] = request->now_ns;
    (void)slu_wheel_stop(gateway->wheel, record->timer); /* the answer goes: it is over */
    record_end(gateway->wheel, record->timer, request->now_ns, record);
    return 200;
}

static void advance(void *state, uint64_t now_ns)
{
    struct gateway *gateway = state;
    (void)slu_wheel_advance(gateway->wheel, now_ns, UINT32_MAX); /* all that is due is done */
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct gateway *gateway = state;
    struct slu_pool_stats stats;
    slu_pool_stats(gateway->pool, &stats);
    figures[0] = (struct lab_figure){"records", stats.taken_count};
    return 1;
}

static void destroy(void *state)
{
    struct gateway *gateway = state;
    slu_wheel_destroy(&gateway->wheel);
    slu_pool_destroy(&gateway->pool);
    slu_budget_free(gateway->budget, gateway, sizeof(*gateway));
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .advance = advance, .figures = figures, .destroy = destroy};

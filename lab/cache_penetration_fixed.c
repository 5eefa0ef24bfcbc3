/*
 * A guard stands before both: it knows the keys that are missing, and of those who want one key at
 * once, one asks.
 */
#include <errno.h>
#include <stdio.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/guard.h>

#include "cache_penetration.h"
#include "case.h"

#define SPAN_NS    UINT64_C(60000000000)
#define LEASE_NS   UINT64_C(5000000000)
#define TIMEOUT_NS UINT64_C(2000000000)

struct guarded {
    struct slu_budget *budget;
    struct slu_scope *scope;
    struct slu_guard *guard;
    struct backend backend;
};

static int create(const struct lab_settings *settings, void **state)
{
    const struct slu_guard_options options = {.seed = settings->seed,
                                              .span_ns = SPAN_NS,
                                              .lease_ns = LEASE_NS,
                                              .missing_max = 10000,
                                              .flight_max = 64,
                                              .waiter_max = 64};
    void *block = NULL;
    if (settings->behind == NULL) {
        return -EINVAL;
    }
    int err = slu_budget_alloc(settings->budget, sizeof(struct guarded), &block);
    if (err == 0) {
        struct guarded *guarded = block;
        guarded->budget = settings->budget;
        guarded->scope = settings->scope;
        *state = guarded;
        err = slu_guard_create(settings->budget, &options, NULL, &guarded->guard);
        err = err == 0 ? backend_open(&guarded->backend, settings->behind, settings->scope) : err;
    }
    return err;
}

static int ask(void *arg, struct slu_scope *scope, struct slu_bytes key, uint64_t *value)
{
    struct guarded *guarded = arg;
    unsigned long long item = 0;
    (void)scope;
    if (sscanf(key.data, "item:%llu", &item) != 1) {
        return -EINVAL;
    }
    *value = item;
    return backend_ask(&guarded->backend, item);
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct guarded *guarded = state;
    char text[32];
    uint64_t value = 0;
    int len = snprintf(text, sizeof(text), "item:%llu", (unsigned long long)request->client);
    int err = slu_guard_fetch(guarded->guard, guarded->scope, slu_clock_monotonic_ns() + TIMEOUT_NS,
                              (struct slu_bytes){text, (size_t)len}, ask, guarded, &value);
    return err == 0 || err == -ENOENT ? 200 : 503;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct guarded *guarded = state;
    figures[0] = (struct lab_figure){"store_calls", (double)guarded->backend.store_calls};
    figures[1] = (struct lab_figure){"cache_calls", (double)guarded->backend.cache_calls};
    return 2;
}

static void destroy(void *state)
{
    struct guarded *guarded = state;
    backend_close(&guarded->backend);
    slu_guard_destroy(&guarded->guard);
    slu_budget_free(guarded->budget, guarded, sizeof(*guarded));
}

const struct lab_case lab_case = {.create = create,
                                  .serve = serve,
                                  .figures = figures,
                                  .destroy = destroy,
                                  .is_concurrent = true};

/*
 * A task for each client in a scope of its own, which is closed when the client is silent, or when
 * another one needs its place: there are as many as connections.
 */
#include <stdatomic.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/scope.h>

#include "case.h"

#define TASK_STACK_BYTES ((size_t)32 << 10)
#define SILENCE_NS       UINT64_C(500000000)
#define LOOK_NS          UINT64_C(10000000)

struct session {
    struct slu_scope *scope; /* NULL: the place is free */
    uint64_t client;
    uint64_t heard_ns;
    _Atomic uint64_t line_count;
    uint64_t taken_count;
};

struct aggregator {
    struct slu_budget *budget;
    struct slu_scope *scope;
    uint64_t started;
    uint32_t running;
    uint32_t running_high;
    uint32_t session_count;
    struct session sessions[];
};

static size_t aggregator_bytes(uint32_t session_count)
{
    return sizeof(struct aggregator) + session_count * sizeof(struct session);
}

static int create(const struct lab_settings *settings, void **state)
{
    void *block = NULL;
    size_t bytes = aggregator_bytes(settings->connections_max);
    int err = slu_budget_alloc(settings->budget, bytes, &block);
    if (err == 0) {
        struct aggregator *aggregator = block;
        memset(aggregator, 0, bytes);
        aggregator->session_count = settings->connections_max;
        aggregator->budget = settings->budget;
        aggregator->scope = settings->scope;
        *state = aggregator;
    }
    return err;
}

/* Until its scope is cancelled. */
static void aggregate(struct slu_scope *scope, void *arg)
{
    struct session *session = arg;
    while (slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + LOOK_NS) == 0) {
        session->taken_count = atomic_load(&session->line_count);
    }
}

static int session_start(struct aggregator *aggregator, struct session *session, uint64_t client)
{
    const struct slu_scope_options options = {
        .name = "client", .task_max = 1, .task_stack_bytes = TASK_STACK_BYTES};
    int err = slu_scope_create(aggregator->scope, &options, NULL, &session->scope);
    if (err != 0) {
        return err;
    }
    session->client = client;
    atomic_store(&session->line_count, 0);
    err = slu_go(session->scope, "aggregate", aggregate, session);
    if (err != 0) {
        return slu_scope_close(&session->scope) != 0 ? -1 : err;
    }
    aggregator->started++;
    aggregator->running++;
    aggregator->running_high = aggregator->running > aggregator->running_high
                                   ? aggregator->running
                                   : aggregator->running_high;
    return 0;
}

static void session_end(struct aggregator *aggregator, struct session *session)
{
    if (session->scope != NULL && slu_scope_close(&session->scope) == 0) {
        aggregator->running--;
    }
}

/* The client's place, or a free one, or that of the client who has been silent for longest. */
static struct session *session_find(struct aggregator *aggregator, uint64_t client)
{
    struct session *place = &aggregator->sessions[0];
    for (uint32_t i = 0; i < aggregator->session_count; i++) {
        struct session *session = &aggregator->sessions[i];
        if (session->scope != NULL && session->client == client) {
            return session;
        }
        bool is_freer = session->scope == NULL || session->heard_ns < place->heard_ns;
        place = place->scope != NULL && is_freer ? session : place;
    }
    session_end(aggregator, place);
    return place;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct aggregator *aggregator = state;
    struct session *session = session_find(aggregator, request->client);
    if (session->scope == NULL && session_start(aggregator, session, request->client) != 0) {
        return 503;
    }
    session->heard_ns = request->now_ns;
    atomic_fetch_add(&session->line_count, 1);
    return 200;
}

static void advance(void *state, uint64_t now_ns)
{
    struct aggregator *aggregator = state;
    for (uint32_t i = 0; i < aggregator->session_count; i++) {
        struct session *session = &aggregator->sessions[i];
        if (session->heard_ns + SILENCE_NS < now_ns) {
            session_end(aggregator, session);
        }
    }
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct aggregator *aggregator = state;
    figures[0] = (struct lab_figure){"started", (double)aggregator->started};
    figures[1] = (struct lab_figure){"tasks", (double)aggregator->running_high};
    return 2;
}

static void destroy(void *state)
{
    struct aggregator *aggregator = state;
    advance(aggregator, UINT64_MAX);
    slu_budget_free(aggregator->budget, aggregator, aggregator_bytes(aggregator->session_count));
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .advance = advance, .figures = figures, .destroy = destroy};

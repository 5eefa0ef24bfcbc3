/* A gate: a bucket for each client in a fixed number of bytes, refilled by looking at the time. */
#include <sluice/gate.h>

#include "case.h"
#include "gateway.h"

static int create(const struct lab_settings *settings, void **state)
{
    const struct slu_gate_class limit = {.limit = {.count = GATEWAY_CLIENT_RATE,
                                                   .period_ns = 1000000000,
                                                   .burst = GATEWAY_CLIENT_BURST}};
    struct slu_gate_options options = {
        .keys_max = GATEWAY_CLIENTS_MAX, .classes = &limit, .class_count = 1};
    struct slu_gate *gate = NULL;
    int err = slu_gate_create(settings->budget, &options, NULL, &gate);
    *state = gate;
    return err;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct slu_gate *gate = state;
    struct slu_gate_key key = slu_gate_key_number(gate, request->client);
    return slu_gate_allow(gate, 0, key, request->now_ns) ? 200 : 429;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    (void)state;
    figures[0] = (struct lab_figure){"timers", 0};
    return 1;
}

static void destroy(void *state)
{
    struct slu_gate *gate = state;
    slu_gate_destroy(&gate);
}

const struct lab_case lab_case = {.create = create,
                                  .serve = serve,
                                  .figures = figures,
                                  .destroy = destroy,
                                  .is_concurrent = false};

#include "window_fixed.h"

#include <sluice/budget.h>
#include <sluice/window.h>

#define SLOTS 60

int window_fixed_create(const struct lab_settings *settings, uint64_t span_ns, void **state)
{
    const struct slu_window_options options = {
        .span_ns = settings->span_ns == 0 ? span_ns : settings->span_ns, .slot_count = SLOTS};
    struct slu_window *window = NULL;
    int err = slu_window_create(settings->budget, &options, NULL, &window);
    *state = window;
    return err;
}

unsigned window_fixed_serve(void *state, const struct lab_request *request)
{
    return slu_window_add(state, request->now_ns, request->client) == 0 ? 200 : 503;
}

size_t window_fixed_figures(void *state, struct lab_figure *figures)
{
    (void)state;
    figures[0] = (struct lab_figure){"expansions", 0};
    figures[1] = (struct lab_figure){"kept_bytes", 64 + 32.0 * SLOTS};
    return 2;
}

void window_fixed_destroy(void *state)
{
    struct slu_window *window = state;
    slu_window_destroy(&window);
}

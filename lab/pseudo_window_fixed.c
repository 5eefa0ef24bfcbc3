/* One timer, moved by each item; it ends with the receiver's scope. */
#include <sluice/budget.h>
#include <sluice/scope.h>
#include <sluice/wheel.h>

#include "case.h"

#define WINDOW_NS UINT64_C(3600000000000)

struct pseudo {
    struct slu_budget *budget;
    struct slu_scope *receiver;
    struct slu_wheel *wheel;
    slu_timer_id timer;
    uint64_t fired;
};

static void window_over(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct pseudo *pseudo = arg;
    (void)wheel;
    (void)timer;
    (void)now_ns;
    pseudo->timer = 0;
    pseudo->fired++;
}

static int create(const struct lab_settings *settings, void **state)
{
    const struct slu_wheel_options options = {.tick_ns = 1000000, .timers_max = 1};
    void *block = NULL;
    int err = slu_budget_alloc(settings->budget, sizeof(struct pseudo), &block);
    if (err == 0) {
        struct pseudo *pseudo = block;
        *pseudo = (struct pseudo){.budget = settings->budget, .receiver = settings->scope};
        *state = pseudo;
        err = slu_wheel_create(settings->budget, &options, NULL, &pseudo->wheel);
    }
    return err;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct pseudo *pseudo = state;
    if (slu_scope_check(pseudo->receiver, request->now_ns) != 0) {
        return 503; /* nobody is there to receive */
    }
    int err = pseudo->timer != 0
                  ? slu_wheel_reset(pseudo->wheel, pseudo->timer, request->now_ns, WINDOW_NS)
                  : slu_wheel_add(pseudo->wheel, request->now_ns, WINDOW_NS, window_over, pseudo,
                                  &pseudo->timer);
    return err == 0 ? 200 : 503;
}

static void advance(void *state, uint64_t now_ns)
{
    struct pseudo *pseudo = state;
    (void)slu_wheel_advance(pseudo->wheel, now_ns, UINT32_MAX); /* all that is due is done */
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct pseudo *pseudo = state;
    figures[0] = (struct lab_figure){"timers", pseudo->timer != 0 ? 1 : 0};
    return 1;
}

static void destroy(void *state)
{
    struct pseudo *pseudo = state;
    slu_wheel_destroy(&pseudo->wheel);
    slu_budget_free(pseudo->budget, pseudo, sizeof(*pseudo));
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .advance = advance, .figures = figures, .destroy = destroy};

/* Each kind of limiter against a model too simple to be wrong. */
#include <sluice/limiter.h>

#include <errno.h>
#include <string.h>

#include "fixture.h"

#define RESERVED_MAX 64
#define HORIZON_MAX  4096 /* ns, and events of a model */

/* What the models have in common; each answers two questions. */
struct model {
    struct slu_limit limit;
    uint64_t latest_ns;
    uint64_t capacity;           /* of a log */
    int64_t tokens;              /* of a bucket, in ns; negative: reserved ahead */
    uint64_t times[HORIZON_MAX]; /* of a counter and a log: one for each event */
    size_t count;
};

struct kind {
    enum slu_limiter_kind kind;
    void (*advance)(struct model *model, uint64_t now_ns);
    /* When `events` may happen at the earliest; UINT64_MAX: not within what is kept book of. */
    uint64_t (*earliest_ns)(struct model *model, uint64_t events);
    void (*take)(struct model *model, uint64_t at_ns, uint64_t events);
    void (*give_back)(struct model *model, uint64_t at_ns, uint64_t events);
};

static int64_t event_ns(const struct model *model)
{
    return (int64_t)(model->limit.period_ns / model->limit.count);
}

static void bucket_advance(struct model *model, uint64_t now_ns)
{
    int64_t full = event_ns(model) * (int64_t)model->limit.burst;
    model->tokens += (int64_t)(now_ns - model->latest_ns);
    model->tokens = model->tokens < full ? model->tokens : full;
}

static uint64_t bucket_earliest(struct model *model, uint64_t events)
{
    int64_t missing = event_ns(model) * (int64_t)events - model->tokens;
    return model->latest_ns + (missing > 0 ? (uint64_t)missing : 0);
}

static void bucket_take(struct model *model, uint64_t at_ns, uint64_t events)
{
    (void)at_ns;
    model->tokens -= event_ns(model) * (int64_t)events;
}

static void bucket_give_back(struct model *model, uint64_t at_ns, uint64_t events)
{
    (void)at_ns;
    model->tokens += event_ns(model) * (int64_t)events;
    bucket_advance(model, model->latest_ns);
}

static void times_advance(struct model *model, uint64_t now_ns)
{
    (void)model;
    (void)now_ns;
}

static void times_take(struct model *model, uint64_t at_ns, uint64_t events)
{
    for (uint64_t i = 0; i < events; i++) {
        assert_true(model->count < HORIZON_MAX);
        model->times[model->count++] = at_ns;
    }
}

static void times_give_back(struct model *model, uint64_t at_ns, uint64_t events)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->times[i] == at_ns && events > 0) {
            events--;
        } else {
            model->times[kept++] = model->times[i];
        }
    }
    model->count = kept;
}

/* Events of the span that ends with `at_ns`. */
static uint64_t times_between(const struct model *model, uint64_t at_ns, uint64_t span_ns)
{
    uint64_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        count += model->times[i] <= at_ns && model->times[i] + span_ns > at_ns;
    }
    return count;
}

static uint64_t times_last(const struct model *model)
{
    uint64_t last = 0;
    for (size_t i = 0; i < model->count; i++) {
        last = model->times[i] > last ? model->times[i] : last;
    }
    return last;
}

static uint64_t log_earliest(struct model *model, uint64_t events)
{
    uint64_t held = 0;
    for (size_t i = 0; i < model->count; i++) {
        held += model->times[i] + model->limit.period_ns > model->latest_ns;
    }
    if (held + events > model->capacity) {
        return UINT64_MAX;
    }
    uint64_t last_ns = times_last(model);
    uint64_t at_ns = last_ns > model->latest_ns ? last_ns : model->latest_ns;
    while (times_between(model, at_ns, model->limit.period_ns) + events > model->limit.count) {
        at_ns++;
    }
    return at_ns;
}

static uint64_t window_count(const struct model *model, uint64_t window)
{
    uint64_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        count += model->times[i] / model->limit.period_ns == window;
    }
    return count;
}

static uint64_t counter_earliest(struct model *model, uint64_t events)
{
    uint64_t period_ns = model->limit.period_ns;
    uint64_t window = model->latest_ns / period_ns;
    uint64_t last = times_last(model) / period_ns;
    uint64_t at_ns = last > window ? last * period_ns : model->latest_ns;
    for (; at_ns / period_ns <= window + 2; at_ns++) {
        uint64_t into_ns = at_ns % period_ns;
        uint64_t before = at_ns < period_ns ? 0 : window_count(model, at_ns / period_ns - 1);
        uint64_t now = window_count(model, at_ns / period_ns);
        if (before * (period_ns - into_ns) + (now + events) * period_ns <=
            model->limit.count * period_ns) {
            return at_ns;
        }
    }
    return UINT64_MAX;
}

static const struct kind kinds[] = {
    {SLU_LIMITER_BUCKET, bucket_advance, bucket_earliest, bucket_take, bucket_give_back},
    {SLU_LIMITER_COUNTER, times_advance, counter_earliest, times_take, times_give_back},
    {SLU_LIMITER_LOG, times_advance, log_earliest, times_take, times_give_back},
};

struct run {
    const struct kind *kind;
    struct slu_limiter *limiter;
    struct model model;
    struct slu_reservation reserved[RESERVED_MAX];
    size_t reserved_count;
    uint64_t now_ns;
};

static uint64_t events_max(const struct run *run)
{
    return run->kind->kind == SLU_LIMITER_BUCKET ? run->model.limit.burst : run->model.limit.count;
}

static void run_tick(struct run *run, struct test_random *random)
{
    uint64_t period_ns = run->model.limit.period_ns;
    switch (test_random_below(random, 12)) {
    case 0:
        run->now_ns += test_random_below(random, 4 * period_ns);
        break;
    case 1:
        run->now_ns -= test_random_below(random, run->now_ns < period_ns ? run->now_ns : period_ns);
        break;
    default:
        run->now_ns += test_random_below(random, 1 + period_ns / run->model.limit.count);
    }
    if (run->now_ns > run->model.latest_ns) {
        run->kind->advance(&run->model, run->now_ns);
        run->model.latest_ns = run->now_ns;
    }
    /* What no window reaches any more is not needed to be right. */
    size_t kept = 0;
    for (size_t i = 0; i < run->model.count; i++) {
        if (run->model.times[i] + 3 * period_ns > run->model.latest_ns) {
            run->model.times[kept++] = run->model.times[i];
        }
    }
    run->model.count = kept;
}

static void run_ask(struct run *run, struct test_random *random, bool reserve)
{
    uint64_t events = test_random_below(random, events_max(run) + 2);
    bool possible = events <= events_max(run);
    uint64_t at_ns =
        possible && events > 0 ? run->kind->earliest_ns(&run->model, events) : run->model.latest_ns;
    struct slu_reservation got = {0};
    uint64_t delay_max_ns = test_random_below(random, 2 * run->model.limit.period_ns);
    delay_max_ns = !reserve ? 0 : delay_max_ns % 3 == 0 ? SLU_LIMIT_NEVER : delay_max_ns;
    int expected = !possible                                     ? -EINVAL
                   : at_ns == UINT64_MAX                         ? -EAGAIN
                   : at_ns - run->model.latest_ns > delay_max_ns ? -EAGAIN
                                                                 : 0;
    if (reserve && run->reserved_count < RESERVED_MAX) {
        assert_int_equal(slu_limiter_reserve(run->limiter, run->now_ns, events, delay_max_ns, &got),
                         expected);
    } else {
        expected = expected == 0 && at_ns != run->model.latest_ns ? -EAGAIN : expected;
        assert_int_equal(slu_limiter_allow_n(run->limiter, run->now_ns, events), expected == 0);
    }
    if (expected == 0 && events > 0) {
        run->kind->take(&run->model, at_ns, events);
    }
    if (got.events > 0) {
        assert_int_equal(got.at_ns, at_ns);
        assert_int_equal(got.delay_ns, at_ns - run->model.latest_ns);
        run->reserved[run->reserved_count++] = got;
    }
}

static void run_cancel(struct run *run, struct test_random *random)
{
    if (run->reserved_count == 0) {
        return;
    }
    size_t which = test_random_below(random, run->reserved_count);
    struct slu_reservation *reservation = &run->reserved[which];
    uint64_t events = reservation->events;
    int expected = reservation->at_ns < run->model.latest_ns ? -ESTALE : 0;
    assert_int_equal(slu_limiter_cancel(run->limiter, run->now_ns, reservation), expected);
    assert_int_equal(reservation->events, expected == 0 ? 0 : events);
    assert_int_equal(slu_limiter_cancel(run->limiter, run->now_ns, reservation), -ESTALE);
    if (expected == 0) {
        run->kind->give_back(&run->model, reservation->at_ns, events);
    }
    run->reserved[which] = run->reserved[--run->reserved_count];
}

static void run_look(struct run *run)
{
    struct slu_limit_state seen;
    for (uint64_t events = 1; events <= events_max(run); events++) {
        uint64_t at_ns = run->kind->earliest_ns(&run->model, events);
        slu_limiter_state(run->limiter, run->now_ns, events, &seen);
        bool now = at_ns == run->model.latest_ns;
        assert_int_equal(seen.remaining >= events, now);
        if (at_ns != UINT64_MAX) {
            assert_int_equal(seen.retry_ns, at_ns - run->model.latest_ns);
        }
        if (!now) {
            break;
        }
    }
}

static void behave_like_the_model(const struct kind *kind, struct slu_limit limit, uint64_t stream)
{
    struct slu_budget *budget = budget_of(1 << 20);
    struct test_random random = test_random_start(stream);
    static struct run run;
    memset(&run, 0, sizeof(run));
    run.kind = kind;
    run.model.limit = limit;
    run.model.capacity = 2 * limit.count;
    run.model.tokens = event_ns(&run.model) * (int64_t)limit.burst;
    limit.burst = kind->kind == SLU_LIMITER_BUCKET ? limit.burst : 0;
    run.limiter = limiter_of(budget, kind->kind, limit);
    uint64_t allocations = alloc_count();
    for (uint64_t step = 0; step < test_rounds(1500); step++) {
        run_tick(&run, &random);
        switch (test_random_below(&random, 4)) {
        case 0:
            run_cancel(&run, &random);
            break;
        case 1:
            run_ask(&run, &random, true);
            break;
        default:
            run_ask(&run, &random, false);
        }
        run_look(&run);
    }
    assert_int_equal(alloc_count(), allocations);
    slu_limiter_destroy(&run.limiter);
    slu_budget_destroy(&budget);
}

/* Times between events of whole powers of two, so that the bucket's model needs no fractions. */
static const struct slu_limit limits[] = {
    {1, 16, 1}, {1, 64, 3}, {4, 64, 4}, {5, 160, 2}, {8, 64, 3}, {3, 96, 7}, {16, 16, 5},
};

static void each_kind_allows_reserves_and_gives_back_like_its_model(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
            behave_like_the_model(&kinds[k], limits[i], 100 * k + i);
        }
    }
}

/* Whatever the order, once all is cancelled the limiter is as before. */
static void cancelling_all_in_any_order_leaves_nothing_taken(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct test_random random = test_random_start(900);
    for (uint64_t round = 0; round < test_rounds(300); round++) {
        enum slu_limiter_kind kind = (enum slu_limiter_kind)test_random_below(&random, 3);
        struct slu_limit limit = {.count = 1 + test_random_below(&random, 20),
                                  .period_ns = 1000 + test_random_below(&random, 100000)};
        struct slu_limiter *limiter = limiter_of(budget, kind, limit);
        uint64_t now_ns = test_random_below(&random, DAY);
        struct slu_limit_state before;
        struct slu_limit_state after;
        assert_true(slu_limiter_allow_n(limiter, now_ns, test_random_below(&random, limit.count)));
        slu_limiter_state(limiter, now_ns, limit.count, &before);
        struct slu_reservation reserved[RESERVED_MAX];
        size_t count = 0;
        while (count < RESERVED_MAX &&
               slu_limiter_reserve(limiter, now_ns, 1 + test_random_below(&random, limit.count),
                                   SLU_LIMIT_NEVER, &reserved[count]) == 0) {
            count++;
        }
        assert_true(count > 0);
        while (count > 0) {
            size_t which = test_random_below(&random, count);
            assert_int_equal(slu_limiter_cancel(limiter, now_ns, &reserved[which]), 0);
            reserved[which] = reserved[--count];
        }
        slu_limiter_state(limiter, now_ns, limit.count, &after);
        assert_memory_equal(&before, &after, sizeof(before));
        slu_limiter_destroy(&limiter);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_allows_reserves_and_gives_back_like_its_model),
        cmocka_unit_test(cancelling_all_in_any_order_leaves_nothing_taken),
    };
    return TEST_RUN("limiter_model", tests);
}

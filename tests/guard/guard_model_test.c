/*
 * The guard against a model that keeps everything in arrays and looks through them: random calls
 * on few keys, with a clock that also runs backwards and jumps.
 */
#include <errno.h>
#include <string.h>

#include "fixture.h"

#define KEYS        40
#define FLIGHT_MAX  8
#define LEASE_TICKS 20
#define FILTERS_MAX 4096
#define TICKETS     12

/* What one turn of the filters has. */
struct model_filter {
    uint64_t begin_tick;
    bool has[KEYS];
};

enum model_state {
    MODEL_ASKING,
    MODEL_ENDED,
    MODEL_GONE,
};

struct model_flight {
    uint64_t key;
    uint64_t lease_end;
    uint64_t order; /* of the lease while asking, of the end when ended */
    uint32_t turn;
    enum model_state state;
    bool parted;
    struct slu_guard_result result;
};

struct model_ticket {
    struct slu_guard_ticket ticket;
    size_t flight;
    uint32_t turn;
    bool leads;
};

struct model {
    uint64_t tick;
    bool refuses;
    bool missing[KEYS];
    uint64_t missing_tick[KEYS];
    bool exempt[KEYS];
    uint64_t exempt_tick[KEYS];
    struct model_filter filters[FILTERS_MAX];
    size_t filter_count;
    struct model_flight flights[100000];
    size_t flight_count;
    uint64_t order;
    struct model_ticket tickets[TICKETS];
    size_t ticket_count;
};

static bool alive(const struct model *model, uint64_t since)
{
    return model->tick - since < 64;
}

static bool model_window_has(const struct model *model, uint64_t key)
{
    for (size_t i = 0; i < model->filter_count; i++) {
        if (model->filters[i].has[key] && alive(model, model->filters[i].begin_tick)) {
            return true;
        }
    }
    return false;
}

static enum slu_guard_answer model_recall(const struct model *model, uint64_t key)
{
    if (model->missing[key] && alive(model, model->missing_tick[key])) {
        return SLU_GUARD_MISSING;
    }
    bool exempt = model->exempt[key] && alive(model, model->exempt_tick[key]);
    return model->refuses && !exempt && model_window_has(model, key) ? SLU_GUARD_LIKELY_MISSING
                                                                     : SLU_GUARD_UNKNOWN;
}

static void model_remember(struct model *model, uint64_t key)
{
    model->missing[key] = true;
    model->missing_tick[key] = model->tick;
    model->exempt[key] = false;
    if (!model->refuses) {
        return;
    }
    size_t count = model->filter_count;
    if (count == 0 || model->tick - model->filters[count - 1].begin_tick >= 16) {
        assert_true(count < FILTERS_MAX);
        model->filters[count] = (struct model_filter){.begin_tick = model->tick};
        model->filter_count = ++count;
    }
    model->filters[count - 1].has[key] = true;
}

static size_t model_count(const struct model *model, enum model_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < model->flight_count; i++) {
        count += model->flights[i].state == state;
    }
    return count;
}

/* The first in order of those in a state, or NULL. */
static struct model_flight *model_first(struct model *model, enum model_state state)
{
    struct model_flight *first = NULL;
    for (size_t i = 0; i < model->flight_count; i++) {
        struct model_flight *flight = &model->flights[i];
        if (flight->state == state && (first == NULL || flight->order < first->order)) {
            first = flight;
        }
    }
    return first;
}

static void model_end(struct model *model, struct model_flight *flight,
                      struct slu_guard_result result)
{
    flight->state = MODEL_ENDED;
    flight->result = result;
    flight->order = model->order++;
}

static void model_lead(struct model *model, struct model_flight *flight)
{
    flight->lease_end = model->tick + LEASE_TICKS;
    flight->order = model->order++;
    flight->turn++;
}

static size_t model_find(const struct model *model, uint64_t key)
{
    for (size_t i = 0; i < model->flight_count; i++) {
        const struct model_flight *flight = &model->flights[i];
        if (flight->key == key && flight->state == MODEL_ASKING && !flight->parted) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool model_make_room(struct model *model)
{
    if (model_count(model, MODEL_ASKING) == FLIGHT_MAX) {
        struct model_flight *oldest = model_first(model, MODEL_ASKING);
        if (model->tick < oldest->lease_end) {
            return false;
        }
        model_end(model, oldest, (struct slu_guard_result){.answer = SLU_GUARD_UNKNOWN});
    }
    if (model_count(model, MODEL_ASKING) + model_count(model, MODEL_ENDED) == FLIGHT_MAX) {
        model_first(model, MODEL_ENDED)->state = MODEL_GONE;
    }
    return true;
}

static enum slu_guard_answer model_begin(struct model *model, uint64_t key, size_t *at)
{
    enum slu_guard_answer answer = model_recall(model, key);
    if (answer != SLU_GUARD_UNKNOWN) {
        return answer;
    }
    *at = model_find(model, key);
    if (*at != SIZE_MAX && model->tick < model->flights[*at].lease_end) {
        return SLU_GUARD_FOLLOWER;
    }
    if (*at == SIZE_MAX) {
        if (!model_make_room(model)) {
            return SLU_GUARD_BUSY;
        }
        *at = model->flight_count++;
        assert_true(*at < sizeof(model->flights) / sizeof(model->flights[0]));
        model->flights[*at] = (struct model_flight){.key = key};
        model->flights[*at].turn--;
    }
    model_lead(model, &model->flights[*at]);
    return SLU_GUARD_LEADER;
}

static int model_finish(struct model *model, const struct model_ticket *ticket,
                        enum slu_guard_outcome outcome, uint64_t value)
{
    struct model_flight *flight = &model->flights[ticket->flight];
    if (flight->state != MODEL_ASKING || !ticket->leads || ticket->turn != flight->turn) {
        return -ESTALE;
    }
    static const enum slu_guard_answer answers[] = {
        [SLU_GUARD_TELL_FOUND] = SLU_GUARD_FOUND,
        [SLU_GUARD_TELL_MISSING] = SLU_GUARD_MISSING,
        [SLU_GUARD_TELL_FAILED] = SLU_GUARD_FAILED,
        [SLU_GUARD_TELL_NOTHING] = SLU_GUARD_UNKNOWN,
    };
    if (outcome == SLU_GUARD_TELL_MISSING) {
        value = 0;
        if (!flight->parted) {
            model_remember(model, flight->key);
        }
    }
    model_end(model, flight, (struct slu_guard_result){answers[outcome], value});
    return 0;
}

static int model_poll(struct model *model, struct model_ticket *ticket,
                      struct slu_guard_result *result)
{
    struct model_flight *flight = &model->flights[ticket->flight];
    if (ticket->leads) {
        return -EDEADLK;
    }
    if (flight->state == MODEL_GONE) {
        return -ESTALE;
    }
    if (flight->state == MODEL_ENDED) {
        *result = flight->result;
        return flight->result.answer == SLU_GUARD_UNKNOWN ? -ESTALE : 0;
    }
    if (model->tick < flight->lease_end) {
        return -EAGAIN;
    }
    model_lead(model, flight);
    ticket->leads = true;
    ticket->turn = flight->turn;
    *result = (struct slu_guard_result){.answer = SLU_GUARD_LEADER};
    return 0;
}

static void model_forget(struct model *model, uint64_t key)
{
    model->missing[key] = false;
    if (model_window_has(model, key)) {
        model->exempt[key] = true;
        model->exempt_tick[key] = model->tick;
    }
    for (size_t i = 0; i < model->flight_count; i++) {
        if (model->flights[i].key == key) {
            model->flights[i].parted = true;
        }
    }
}

static void model_forget_all(struct model *model, uint64_t tick)
{
    for (uint64_t key = 0; key < KEYS; key++) {
        model->missing[key] = false;
        model->exempt[key] = false;
    }
    model->filter_count = 0;
    model->tick = tick;
    for (size_t i = 0; i < model->flight_count; i++) {
        model->flights[i].parted = true;
        model->flights[i].lease_end = tick + LEASE_TICKS;
    }
}

struct run {
    struct test_random random;
    struct slu_guard *guard;
    struct model *model;
    uint64_t now_ns;
};

static void run_time(struct run *run)
{
    switch (test_random_below(&run->random, 60)) {
    case 0: /* backwards, perhaps far; in whole seconds, as the model counts */
        run->now_ns = run->now_ns / SECOND / (1 + test_random_below(&run->random, 3)) * SECOND;
        break;
    case 1:
        run->now_ns += test_random_below(&run->random, 200) * SECOND;
        break;
    default:
        run->now_ns += test_random_below(&run->random, 2) * SECOND;
    }
    uint64_t tick = run->now_ns / SECOND;
    run->model->tick = tick > run->model->tick ? tick : run->model->tick;
}

static struct model_ticket *run_ticket(struct run *run)
{
    size_t count = run->model->ticket_count < TICKETS ? run->model->ticket_count : TICKETS;
    return count == 0 ? NULL : &run->model->tickets[test_random_below(&run->random, count)];
}

static void run_begin(struct run *run)
{
    struct model *model = run->model;
    uint64_t key = test_random_below(&run->random, KEYS);
    struct slu_guard_ticket ticket = {0};
    size_t at = 0;
    enum slu_guard_answer answer = begin(run->guard, run->now_ns, key, &ticket);
    assert_int_equal(answer, model_begin(model, key, &at));
    if (answer == SLU_GUARD_LEADER || answer == SLU_GUARD_FOLLOWER) {
        model->tickets[model->ticket_count++ % TICKETS] =
            (struct model_ticket){ticket, at, model->flights[at].turn, answer == SLU_GUARD_LEADER};
    }
}

static void run_poll(struct run *run)
{
    struct model_ticket *ticket = run_ticket(run);
    if (ticket == NULL) {
        return;
    }
    struct slu_guard_result got = {0};
    struct slu_guard_result expected = {0};
    int err = slu_guard_poll(run->guard, run->now_ns, &ticket->ticket, &got);
    assert_int_equal(err, model_poll(run->model, ticket, &expected));
    if (err == 0) {
        assert_int_equal(got.answer, expected.answer);
        assert_int_equal(got.value, expected.value);
    }
}

static void run_finish(struct run *run)
{
    struct model_ticket *ticket = run_ticket(run);
    if (ticket == NULL) {
        return;
    }
    static const enum slu_guard_outcome outcomes[] = {
        SLU_GUARD_TELL_MISSING, SLU_GUARD_TELL_MISSING, SLU_GUARD_TELL_MISSING,
        SLU_GUARD_TELL_FOUND,   SLU_GUARD_TELL_FAILED,  SLU_GUARD_TELL_NOTHING};
    enum slu_guard_outcome outcome = outcomes[test_random_below(&run->random, 6)];
    uint64_t value = test_random_next(&run->random);
    int err = slu_guard_finish(run->guard, run->now_ns, &ticket->ticket, outcome, value);
    assert_int_equal(err, model_finish(run->model, ticket, outcome, value));
}

static void run_step(struct run *run)
{
    uint64_t key = test_random_below(&run->random, KEYS);
    run_time(run);
    switch (test_random_below(&run->random, 40)) {
    case 0:
    case 1:
    case 2:
        forget(run->guard, run->now_ns, key);
        model_forget(run->model, key);
        break;
    case 3:
        if (test_random_below(&run->random, 50) == 0) {
            slu_guard_forget_all(run->guard, run->now_ns);
            model_forget_all(run->model, run->now_ns / SECOND);
        }
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        run_poll(run);
        break;
    default:
        if (test_random_below(&run->random, 2) == 0) {
            run_finish(run);
        } else {
            run_begin(run);
        }
    }
    assert_int_equal(check(run->guard, run->now_ns, key), model_recall(run->model, key));
}

static void behave_like_the_model(uint64_t stream, bool refuses)
{
    static struct model model;
    memset(&model, 0, sizeof(model));
    model.refuses = refuses;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard_options options = options_usual();
    options.lease_ns = LEASE_TICKS * SECOND;
    options.flight_max = FLIGHT_MAX;
    options.full = SLU_GUARD_FULL_BUSY;
    options.window_refuses = refuses;
    options.window_key_max = refuses ? 40000 : 0;
    options.window_rate = SLU_GUARD_RATE_MIN;
    options.exempt_max = 1000;
    struct run run = {
        .random = test_random_start(stream),
        .guard = guard_of(budget, options),
        .model = &model,
    };
    uint64_t allocations = alloc_count();
    for (int step = 0; step < 8000; step++) {
        run_step(&run);
        guard_validate(run.guard);
    }
    assert_int_equal(alloc_count(), allocations);
    assert_int_equal(stats_of(run.guard).asking_count, model_count(&model, MODEL_ASKING));
    slu_guard_destroy(&run.guard);
    budget_end(budget);
}

static void a_guard_without_a_window_equals_the_model(void **state)
{
    (void)state;
    uint64_t rounds = test_rounds(10);
    for (uint64_t round = 0; round < rounds; round++) {
        behave_like_the_model(100 + round, false);
    }
}

static void a_guard_whose_window_refuses_equals_the_model(void **state)
{
    (void)state;
    uint64_t rounds = test_rounds(10);
    for (uint64_t round = 0; round < rounds; round++) {
        behave_like_the_model(1000 + round, true);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_without_a_window_equals_the_model),
        cmocka_unit_test(a_guard_whose_window_refuses_equals_the_model),
    };
    return TEST_RUN("guard_model", tests);
}

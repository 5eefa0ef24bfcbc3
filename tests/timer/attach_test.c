/* Timers that end with a scope, also when another thread cancels it. */
#include <sluice/wheel.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include <sluice/pulse.h>
#include <sluice/scope.h>

#include "sys/deadline.h"
#include "sys/futex.h"
#include "wheel_fixture.h"

#define TIMERS 64

static struct slu_wheel *attaching_wheel(struct slu_budget *budget, uint32_t timers_max,
                                         uint32_t attached_max)
{
    struct slu_wheel_options options = {
        .tick_ns = 1, .timers_max = timers_max, .attached_max = attached_max};
    struct slu_wheel *wheel = NULL;
    assert_int_equal(slu_wheel_create(budget, &options, NULL, &wheel), 0);
    return wheel;
}

static struct slu_scope *scope_of(struct slu_scope *parent, struct slu_budget *budget,
                                  uint32_t callback_max)
{
    struct slu_scope_options options = {
        .name = "connection", .budget = budget, .callback_max = callback_max};
    struct slu_scope *scope = NULL;
    assert_int_equal(slu_scope_create(parent, &options, NULL, &scope), 0);
    return scope;
}

static slu_timer_id attached_timer(struct slu_wheel *wheel, struct slu_scope *scope,
                                   uint64_t delay_ns, uint64_t *runs)
{
    slu_timer_id timer = timer_of(wheel, 0, delay_ns, runs);
    assert_int_equal(slu_wheel_attach(wheel, timer, scope), 0);
    return timer;
}

static uint32_t timer_count(const struct slu_wheel *wheel)
{
    struct slu_wheel_stats stats;
    slu_wheel_stats(wheel, &stats);
    return stats.timer_count;
}

static uint32_t callback_count(struct slu_scope *scope)
{
    struct slu_scope_stats stats;
    slu_scope_stats(scope, &stats);
    return stats.callback_count;
}

static void a_cancelled_scope_stops_its_timers_and_no_others(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 4, 3);
    struct slu_scope *server = scope_of(NULL, budget, 0);
    struct slu_scope *scope = scope_of(server, budget, 2);
    struct slu_scope *other = scope_of(server, budget, 2);
    uint64_t runs = 0;
    uint64_t other_runs = 0;
    slu_timer_id soon = attached_timer(wheel, scope, 10, &runs);
    slu_timer_id late = attached_timer(wheel, scope, 1000, &runs);
    (void)attached_timer(wheel, other, 10, &other_runs);
    (void)timer_of(wheel, 0, 10, &other_runs);
    slu_scope_cancel(scope);
    assert_int_equal(slu_wheel_reset(wheel, soon, 0, 1), -ESTALE);
    assert_int_equal(slu_wheel_stop(wheel, late), -ESTALE);
    assert_int_equal(slu_wheel_attach(wheel, soon, other), -ESTALE);
    assert_int_equal(timer_count(wheel), 3);
    assert_false(slu_wheel_advance(wheel, 2000, UINT32_MAX));
    assert_int_equal(runs, 0);
    assert_int_equal(other_runs, 2);
    assert_int_equal(timer_count(wheel), 0);
    assert_int_equal(callback_count(other), 0);
    assert_int_equal(slu_scope_close(&scope), 0);
    assert_int_equal(slu_scope_close(&server), 0);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void what_ends_leaves_its_scope(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 3, 3);
    struct slu_scope *scope = scope_of(NULL, budget, 3);
    uint64_t runs = 0;
    for (int round = 0; round < 100; round++) { /* there is room for three at a time */
        slu_timer_id timer = attached_timer(wheel, scope, 5, &runs);
        (void)attached_timer(wheel, scope, 5, &runs);
        (void)attached_timer(wheel, scope, 1000000, &runs);
        assert_int_equal(callback_count(scope), 3);
        assert_int_equal(slu_wheel_stop(wheel, timer), 0);
        assert_int_equal(callback_count(scope), 2);
        assert_false(slu_wheel_advance(wheel, (uint64_t)(round + 1) * 1000000, UINT32_MAX));
        (void)slu_wheel_advance(wheel, (uint64_t)(round + 1) * 1000000 + 5, UINT32_MAX);
        while (timer_count(wheel) > 0) {
            (void)slu_wheel_advance(wheel, slu_wheel_next_ns(wheel), UINT32_MAX);
        }
        assert_int_equal(callback_count(scope), 0);
    }
    assert_int_equal(runs, 200);
    assert_int_equal(slu_scope_close(&scope), 0);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void attaching_is_refused_as_its_header_says(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 4, 1);
    struct slu_scope *scope = scope_of(NULL, budget, 2);
    struct slu_scope *narrow = scope_of(NULL, budget, 0);
    uint64_t runs = 0;
    slu_timer_id timer = timer_of(wheel, 0, 10, &runs);
    slu_timer_id second = timer_of(wheel, 0, 10, &runs);
    assert_int_equal(slu_wheel_attach(wheel, 0, scope), -ESTALE);
    assert_int_equal(slu_wheel_attach(wheel, timer, narrow), -EDQUOT);
    assert_int_equal(slu_wheel_attach(wheel, timer, scope), 0);
    assert_int_equal(slu_wheel_attach(wheel, timer, scope), -EBUSY);
    assert_int_equal(slu_wheel_attach(wheel, second, scope), -EDQUOT);
    struct slu_wheel_stats stats;
    slu_wheel_stats(wheel, &stats);
    assert_int_equal(stats.attach_refused_count, 1);
    slu_scope_cancel(scope);
    assert_int_equal(slu_wheel_attach(wheel, second, scope), -ECANCELED); /* there is room again */
    assert_false(slu_wheel_advance(wheel, 10, UINT32_MAX));
    assert_int_equal(runs, 1);
    assert_int_equal(slu_scope_close(&scope), 0);
    assert_int_equal(slu_scope_close(&narrow), 0);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_full_wheel_takes_back_what_was_cancelled_before_it_refuses(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 2, 2);
    struct slu_scope *scope = scope_of(NULL, budget, 2);
    uint64_t runs = 0;
    slu_timer_id outdated = attached_timer(wheel, scope, 10, &runs);
    (void)attached_timer(wheel, scope, 10, &runs);
    assert_int_equal(slu_scope_close(&scope), 0);
    slu_timer_id refused = 0;
    (void)timer_of(wheel, 0, 10, &runs);
    (void)timer_of(wheel, 0, 10, &runs);
    assert_int_equal(slu_wheel_add(wheel, 0, 10, count_run, &runs, &refused), -EDQUOT);
    assert_int_equal(slu_wheel_stop(wheel, outdated), -ESTALE);
    assert_false(slu_wheel_advance(wheel, 10, UINT32_MAX));
    assert_int_equal(runs, 2);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void giving_back_counts_as_work(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 10, 10);
    struct slu_scope *scope = scope_of(NULL, budget, 10);
    uint64_t runs = 0;
    for (int i = 0; i < 10; i++) {
        (void)attached_timer(wheel, scope, 1000, &runs);
    }
    assert_int_equal(slu_scope_close(&scope), 0);
    assert_true(slu_wheel_advance(wheel, 1, 4));
    assert_int_equal(timer_count(wheel), 6);
    assert_true(slu_wheel_advance(wheel, 1, 5));
    assert_false(slu_wheel_advance(wheel, 1, 5));
    assert_int_equal(timer_count(wheel), 0);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

/* A connection that is taken down by its own time-out. */
struct connection {
    struct slu_scope *scope;
    struct slu_pulse pulse;
    uint64_t runs;
    bool closes;
    bool rearms;
};

static void end_connection(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct connection *connection = arg;
    connection->runs++;
    if (connection->closes) {
        assert_int_equal(slu_scope_close(&connection->scope), 0);
    } else {
        slu_scope_cancel(connection->scope);
    }
    if (connection->rearms) { /* what is cancelled is over, even before it is given back */
        assert_int_equal(slu_wheel_reset(wheel, timer, now_ns, 1), -ESTALE);
        assert_int_equal(slu_wheel_stop(wheel, timer), -ESTALE);
    }
}

static void a_timer_may_take_down_its_own_scope(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 2, 2);
    for (unsigned shape = 0; shape < 4; shape++) {
        struct connection connection = {.closes = (shape & 1) != 0, .rearms = (shape & 2) != 0};
        connection.scope = scope_of(NULL, budget, 2);
        slu_timer_id timer = 0;
        assert_int_equal(slu_wheel_add(wheel, 0, 1, end_connection, &connection, &timer), 0);
        assert_int_equal(slu_wheel_attach(wheel, timer, connection.scope), 0);
        (void)attached_timer(wheel, connection.scope, 1, &connection.runs);
        uint64_t next_ns = slu_wheel_next_ns(wheel);
        assert_false(slu_wheel_advance(wheel, next_ns, UINT32_MAX));
        assert_int_equal(connection.runs, 1);
        assert_int_equal(timer_count(wheel), 0);
        assert_int_equal(slu_scope_close(&connection.scope), 0);
    }
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void unexpected_silence(struct slu_wheel *wheel, struct slu_pulse *pulse, uint64_t now_ns,
                               void *arg)
{
    (void)wheel;
    (void)pulse;
    (void)now_ns;
    (void)arg;
    fail();
}

static void a_pulse_ends_with_its_scope(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 1, 1);
    struct connection connection = {.scope = scope_of(NULL, budget, 1)};
    struct slu_pulse *pulse = &connection.pulse;
    assert_int_equal(slu_pulse_attach(pulse, wheel, connection.scope), -ESTALE);
    assert_int_equal(slu_pulse_start(pulse, wheel, 0, 100, unexpected_silence, NULL), 0);
    assert_int_equal(slu_pulse_attach(pulse, wheel, connection.scope), 0);
    assert_int_equal(slu_pulse_start(pulse, wheel, 0, 100, unexpected_silence, NULL), -EALREADY);
    for (uint64_t now_ns = 0; now_ns < 1000; now_ns += 10) {
        slu_pulse_beat(pulse, now_ns);
        assert_false(slu_wheel_advance(wheel, now_ns, UINT32_MAX));
    }
    assert_int_equal(slu_scope_close(&connection.scope), 0);
    assert_int_equal(slu_pulse_restart(pulse, wheel, 1000, 100), -ESTALE);
    assert_false(slu_wheel_advance(wheel, 5000, UINT32_MAX));
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_destroyed_wheel_leaves_its_scopes(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = attaching_wheel(budget, 3, 3);
    struct slu_scope *scope = scope_of(NULL, budget, 3);
    struct slu_scope *cancelled = scope_of(NULL, budget, 3);
    uint64_t runs = 0;
    (void)attached_timer(wheel, scope, 10, &runs);
    (void)attached_timer(wheel, cancelled, 10, &runs);
    (void)attached_timer(wheel, cancelled, 10, &runs);
    slu_scope_cancel(cancelled);
    slu_wheel_destroy(&wheel);
    assert_int_equal(callback_count(scope), 0);
    assert_int_equal(slu_scope_close(&scope), 0);
    assert_int_equal(slu_scope_close(&cancelled), 0);
    slu_budget_destroy(&budget);
}

/* A loop on a thread of its own that advances until it is told to end. */
struct loop {
    struct slu_wheel *wheel;
    _Atomic bool ends;
};

static void *loop_main(void *arg)
{
    struct loop *loop = arg;
    uint64_t now_ns = 0;
    while (!atomic_load(&loop->ends)) {
        now_ns += 10;
        while (slu_wheel_advance(loop->wheel, now_ns, 7)) {
        }
        sched_yield();
    }
    return NULL;
}

struct busy {
    _Atomic uint32_t begun;
    _Atomic uint32_t may_end;
    _Atomic bool has_ended;
};

static void stay_busy(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    (void)wheel;
    (void)timer;
    (void)now_ns;
    struct busy *busy = arg;
    atomic_store(&busy->begun, 1);
    futex_wake(&busy->begun);
    while (atomic_load(&busy->may_end) == 0) {
        (void)futex_wait_until(&busy->may_end, 0, DEADLINE_NEVER);
    }
    atomic_store(&busy->has_ended, true);
}

static void *allow_end(void *arg)
{
    struct busy *busy = arg;
    for (int i = 0; i < 1000; i++) {
        sched_yield();
    }
    atomic_store(&busy->may_end, 1);
    futex_wake(&busy->may_end);
    return NULL;
}

static void a_close_waits_for_a_running_timer_and_a_cancel_does_not(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct loop loop = {.wheel = attaching_wheel(budget, 1, 1)};
    struct slu_scope *scope = scope_of(NULL, budget, 1);
    struct busy busy = {0};
    slu_timer_id timer = 0;
    assert_int_equal(slu_wheel_add(loop.wheel, 0, 1, stay_busy, &busy, &timer), 0);
    assert_int_equal(slu_wheel_attach(loop.wheel, timer, scope), 0);
    pthread_t looping;
    pthread_t allowing;
    assert_int_equal(pthread_create(&looping, NULL, loop_main, &loop), 0);
    while (atomic_load(&busy.begun) == 0) {
        (void)futex_wait_until(&busy.begun, 0, DEADLINE_NEVER);
    }
    slu_scope_cancel(scope);
    assert_false(atomic_load(&busy.has_ended));
    assert_int_equal(pthread_create(&allowing, NULL, allow_end, &busy), 0);
    assert_int_equal(slu_scope_close(&scope), 0);
    assert_true(atomic_load(&busy.has_ended));
    atomic_store(&loop.ends, true);
    assert_int_equal(pthread_join(looping, NULL), 0);
    assert_int_equal(pthread_join(allowing, NULL), 0);
    slu_wheel_destroy(&loop.wheel);
    slu_budget_destroy(&budget);
}

/*
 * Connections whose timers arm themselves again and again on the loop's thread, while this one
 * closes their scopes. What a closed scope's timer must not touch is a plain counter: the thread
 * sanitizer sees it if one does.
 */
struct client {
    struct slu_scope *scope;
    uint64_t runs;
};

static void keep_running(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct client *client = arg;
    client->runs++;
    int err = slu_wheel_reset(wheel, timer, now_ns, 1 + client->runs % 100);
    assert_true(err == 0 || err == -ESTALE);
}

static void closing_scopes_meets_running_timers(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        struct slu_budget *budget = budget_of(1 << 20);
        struct loop loop = {.wheel = attaching_wheel(budget, TIMERS, TIMERS)};
        struct slu_scope *server = scope_of(NULL, budget, 0);
        static struct client clients[TIMERS];
        for (size_t i = 0; i < TIMERS; i++) {
            clients[i] = (struct client){.scope = scope_of(server, budget, 1)};
            slu_timer_id timer = 0;
            int err = slu_wheel_add(loop.wheel, 0, i, keep_running, &clients[i], &timer);
            assert_int_equal(err, 0);
            assert_int_equal(slu_wheel_attach(loop.wheel, timer, clients[i].scope), 0);
        }
        pthread_t looping;
        assert_int_equal(pthread_create(&looping, NULL, loop_main, &loop), 0);
        for (size_t i = 0; i < TIMERS / 2; i++) {
            assert_int_equal(slu_scope_close(&clients[i].scope), 0);
            clients[i].runs = 0;
            sched_yield();
        }
        assert_int_equal(slu_scope_close(&server), 0);
        for (size_t i = 0; i < TIMERS; i++) {
            clients[i].runs = 0;
        }
        atomic_store(&loop.ends, true);
        assert_int_equal(pthread_join(looping, NULL), 0);
        assert_false(slu_wheel_advance(loop.wheel, SECOND, UINT32_MAX));
        assert_int_equal(timer_count(loop.wheel), 0);
        slu_wheel_destroy(&loop.wheel);
        slu_budget_destroy(&budget);
    }
}

static void close_client(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    (void)wheel;
    (void)timer;
    (void)now_ns;
    struct client *client = arg;
    client->runs++;
    assert_int_equal(slu_scope_close(&client->scope), 0);
}

/* Each waits for what the other is doing, unless a guest that closes its scope leaves it first. */
static void timers_that_close_their_scopes_meet_a_close_of_the_whole(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < test_rounds(50); round++) {
        struct slu_budget *budget = budget_of(1 << 20);
        struct loop loop = {.wheel = attaching_wheel(budget, TIMERS, TIMERS)};
        struct slu_scope *server = scope_of(NULL, budget, 0);
        static struct client clients[TIMERS];
        for (size_t i = 0; i < TIMERS; i++) {
            clients[i] = (struct client){.scope = scope_of(server, budget, 1)};
            slu_timer_id timer = 0;
            int err = slu_wheel_add(loop.wheel, 0, 10 * i, close_client, &clients[i], &timer);
            assert_int_equal(err, 0);
            assert_int_equal(slu_wheel_attach(loop.wheel, timer, clients[i].scope), 0);
        }
        pthread_t looping;
        assert_int_equal(pthread_create(&looping, NULL, loop_main, &loop), 0);
        for (uint64_t i = 0; i < round; i++) {
            sched_yield();
        }
        if (round % 2 == 0) {
            slu_scope_cancel(server);
        }
        assert_int_equal(slu_scope_close(&server), 0);
        atomic_store(&loop.ends, true);
        assert_int_equal(pthread_join(looping, NULL), 0);
        slu_wheel_destroy(&loop.wheel);
        slu_budget_destroy(&budget);
    }
}

static void *cancel_main(void *arg)
{
    slu_scope_cancel(arg);
    return NULL;
}

static void a_wheel_is_destroyed_while_its_scopes_are_cancelled(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < test_rounds(50); round++) {
        struct slu_budget *budget = budget_of(1 << 20);
        struct slu_wheel *wheel = attaching_wheel(budget, TIMERS, TIMERS);
        struct slu_scope *scope = scope_of(NULL, budget, TIMERS);
        uint64_t runs = 0;
        for (size_t i = 0; i < TIMERS; i++) {
            (void)attached_timer(wheel, scope, 10, &runs);
        }
        pthread_t cancelling;
        assert_int_equal(pthread_create(&cancelling, NULL, cancel_main, scope), 0);
        for (uint64_t i = 0; i < round; i++) {
            sched_yield();
        }
        slu_wheel_destroy(&wheel);
        assert_int_equal(pthread_join(cancelling, NULL), 0);
        assert_int_equal(slu_scope_close(&scope), 0);
        slu_budget_destroy(&budget);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_scope_stops_its_timers_and_no_others),
        cmocka_unit_test(what_ends_leaves_its_scope),
        cmocka_unit_test(attaching_is_refused_as_its_header_says),
        cmocka_unit_test(a_full_wheel_takes_back_what_was_cancelled_before_it_refuses),
        cmocka_unit_test(giving_back_counts_as_work),
        cmocka_unit_test(a_timer_may_take_down_its_own_scope),
        cmocka_unit_test(a_pulse_ends_with_its_scope),
        cmocka_unit_test(a_destroyed_wheel_leaves_its_scopes),
        cmocka_unit_test(a_close_waits_for_a_running_timer_and_a_cancel_does_not),
        cmocka_unit_test(closing_scopes_meets_running_timers),
        cmocka_unit_test(timers_that_close_their_scopes_meet_a_close_of_the_whole),
        cmocka_unit_test(a_wheel_is_destroyed_while_its_scopes_are_cancelled),
    };
    return TEST_RUN("attach", tests);
}

/*
 * The timing wheel and pulses beside the timers of libevent and libuv, which keep heaps.
 *
 * All timers are there; what is measured is done to a part of them, in a random order, so that a
 * million timers are a million places in memory. libevent is asked from within one of its
 * callbacks, where it has the time at hand. Times are CPU times.
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include <sluice/pulse.h>
#include <sluice/wheel.h>

#include "bench.h"

#define MS             UINT64_C(1000000)
#define SECOND         UINT64_C(1000000000)
#define TICK_NS        (UINT64_C(1) << 20)
#define DELAYS         4096
#define SAMPLE_MAX     100000
#define TIMERS_A_TICK  3 /* that expire, on average */
#define PEER_EXPIRY_MS 50

/* One connection each, in every kind of timer. */
struct fleet {
    uint32_t count;
    uint32_t sample; /* how many are touched at a time, from `first` on in the order */
    uint32_t first;
    uint32_t repeats;
    uint32_t *order; /* a permutation of the connections */
    uint32_t delays[DELAYS];
    uint64_t now_ns;
    uint64_t expired;
    struct slu_budget *budget;
    struct slu_wheel *wheel;
    struct slu_wheel *pulse_wheel;
    slu_timer_id *ids;
    struct slu_pulse *pulses;
    struct event_base *base;
    struct event *events;
    struct event *trigger;
    uv_loop_t loop;
    uv_timer_t *handles;
};

typedef void fleet_fn(struct fleet *fleet);

/* What is timed, and what makes the state for it before and after. */
struct subject {
    fleet_fn *before;
    fleet_fn *timed;
    fleet_fn *after;
};

struct duel {
    struct fleet *fleet;
    struct subject subject;
    struct subject peer;
};

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*state >> 33);
}

static uint64_t delay_ns(const struct fleet *fleet, uint32_t i)
{
    return fleet->delays[i % DELAYS] % 300000 * MS;
}

static void count_timer(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    (void)wheel;
    (void)timer;
    (void)now_ns;
    ((struct fleet *)arg)->expired++;
}

static void count_silence(struct slu_wheel *wheel, struct slu_pulse *pulse, uint64_t now_ns,
                          void *arg)
{
    (void)pulse;
    count_timer(wheel, 0, now_ns, arg);
}

/* The n-th connection of the sample. */
static uint32_t sampled(const struct fleet *fleet, uint32_t n)
{
    uint32_t at = fleet->first + n;
    return fleet->order[at < fleet->count ? at : at - fleet->count];
}

static void wheel_add_sample(struct fleet *fleet)
{
    int err = 0;
    for (uint32_t n = 0; n < fleet->sample; n++) {
        uint32_t i = sampled(fleet, n);
        err |= slu_wheel_add(fleet->wheel, fleet->now_ns, delay_ns(fleet, i), count_timer, fleet,
                             &fleet->ids[i]);
    }
    bench_keep((uint64_t)err);
}

static void wheel_stop_sample(struct fleet *fleet)
{
    for (uint32_t n = 0; n < fleet->sample; n++) {
        bench_keep((uint64_t)slu_wheel_stop(fleet->wheel, fleet->ids[sampled(fleet, n)]));
    }
}

static void wheel_reset_sample(struct fleet *fleet)
{
    int err = 0;
    for (uint32_t n = 0; n < fleet->sample; n++) {
        uint32_t i = sampled(fleet, n);
        err |= slu_wheel_reset(fleet->wheel, fleet->ids[i], fleet->now_ns, delay_ns(fleet, i + 1));
    }
    bench_keep((uint64_t)err);
}

static void wheel_fill_to_expire(struct fleet *fleet)
{
    uint64_t random = 7;
    int err = 0;
    fleet->expired = 0;
    for (uint32_t i = 0; i < fleet->count; i++) {
        uint64_t in_ns = next_random(&random) % (fleet->count / TIMERS_A_TICK) * TICK_NS;
        err |=
            slu_wheel_add(fleet->wheel, fleet->now_ns, in_ns, count_timer, fleet, &fleet->ids[i]);
    }
    bench_keep((uint64_t)err);
}

/* As a loop does that wakes each millisecond. */
static void wheel_expire(struct fleet *fleet)
{
    while (fleet->expired < fleet->count) {
        fleet->now_ns += TICK_NS;
        bench_keep(slu_wheel_advance(fleet->wheel, fleet->now_ns, UINT32_MAX));
    }
}

static void pulses_beat_sample(struct fleet *fleet)
{
    for (uint32_t n = 0; n < fleet->sample; n++) {
        slu_pulse_beat(&fleet->pulses[sampled(fleet, n)], fleet->now_ns);
    }
}

static void count_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ((struct fleet *)arg)->expired++;
}

static void event_start(struct fleet *fleet, uint32_t at, uint64_t in_ns)
{
    struct timeval in = {.tv_sec = (time_t)(in_ns / SECOND),
                         .tv_usec = (suseconds_t)(in_ns % SECOND / 1000)};
    bench_keep((uint64_t)event_add(&fleet->events[at], &in));
}

static void events_start_sample(struct fleet *fleet)
{
    for (uint32_t n = 0; n < fleet->sample; n++) {
        uint32_t i = sampled(fleet, n);
        event_start(fleet, i, delay_ns(fleet, i + fleet->first) + SECOND);
    }
}

static void events_stop_sample(struct fleet *fleet)
{
    for (uint32_t n = 0; n < fleet->sample; n++) {
        bench_keep((uint64_t)event_del(&fleet->events[sampled(fleet, n)]));
    }
}

static void wait_for_expiry(void)
{
    uint64_t start_ns = bench_now_ns();
    while (bench_now_ns() - start_ns < (PEER_EXPIRY_MS + 10) * MS) {
    }
}

static void events_fill_to_expire(struct fleet *fleet)
{
    uint64_t random = 7;
    for (uint32_t i = 0; i < fleet->count; i++) {
        event_start(fleet, i, next_random(&random) % (PEER_EXPIRY_MS * MS));
    }
    fleet->expired = 0;
    wait_for_expiry();
}

static void events_expire(struct fleet *fleet)
{
    while (fleet->expired < fleet->count) {
        (void)event_base_loop(fleet->base, EVLOOP_NONBLOCK); /* its count shows that it works */
    }
}

static void count_handle(uv_timer_t *handle)
{
    ((struct fleet *)handle->data)->expired++;
}

static void handles_start_sample(struct fleet *fleet)
{
    for (uint32_t n = 0; n < fleet->sample; n++) {
        uint32_t i = sampled(fleet, n);
        uint64_t in_ms = delay_ns(fleet, i + fleet->first) / MS + 1000;
        bench_keep((uint64_t)uv_timer_start(&fleet->handles[i], count_handle, in_ms, 0));
    }
}

static void handles_stop_sample(struct fleet *fleet)
{
    for (uint32_t n = 0; n < fleet->sample; n++) {
        bench_keep((uint64_t)uv_timer_stop(&fleet->handles[sampled(fleet, n)]));
    }
}

static void handles_fill_to_expire(struct fleet *fleet)
{
    uint64_t random = 7;
    for (uint32_t i = 0; i < fleet->count; i++) {
        uint64_t in_ms = next_random(&random) % PEER_EXPIRY_MS;
        bench_keep((uint64_t)uv_timer_start(&fleet->handles[i], count_handle, in_ms, 0));
    }
    fleet->expired = 0;
    wait_for_expiry();
}

static void handles_expire(struct fleet *fleet)
{
    while (fleet->expired < fleet->count) {
        (void)uv_run(&fleet->loop, UV_RUN_NOWAIT); /* its count shows that it works */
    }
}

static void nothing(struct fleet *fleet)
{
    (void)fleet;
}

static double subject_round(struct fleet *fleet, const struct subject *subject)
{
    uint64_t total_ns = 0;
    for (uint32_t n = 0; n < fleet->repeats; n++) {
        fleet->first = (fleet->first + fleet->sample) % fleet->count;
        subject->before(fleet);
        uint64_t start_ns = bench_cpu_ns();
        subject->timed(fleet);
        total_ns += bench_cpu_ns() - start_ns;
        subject->after(fleet);
    }
    return (double)total_ns / fleet->repeats / fleet->sample;
}

static double our_round(void *context)
{
    struct duel *duel = context;
    return subject_round(duel->fleet, &duel->subject);
}

static double peer_round(void *context)
{
    struct duel *duel = context;
    return subject_round(duel->fleet, &duel->peer);
}

struct inside {
    struct duel *duel;
    double ns;
};

static struct inside inside;

static void run_inside(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    inside.ns = peer_round(inside.duel);
}

static double libevent_round(void *context)
{
    inside.duel = context;
    event_active(inside.duel->fleet->trigger, EV_TIMEOUT, 0);
    (void)event_base_loop(inside.duel->fleet->base, EVLOOP_NONBLOCK); /* runs the trigger */
    return inside.ns;
}

static void *array_of(struct slu_budget *budget, size_t count, size_t item_bytes)
{
    void *array = NULL;
    if (slu_budget_alloc(budget, count * item_bytes, &array) != 0) {
        fail("an array");
    }
    return array;
}

static void fleet_shuffle(struct fleet *fleet)
{
    uint64_t random = 42;
    for (uint32_t i = 0; i < DELAYS; i++) {
        fleet->delays[i] = next_random(&random);
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        uint32_t at = next_random(&random) % (i + 1);
        fleet->order[i] = fleet->order[at];
        fleet->order[at] = i;
    }
}

static void fleet_init(struct fleet *fleet, uint32_t count)
{
    *fleet = (struct fleet){.count = count};
    struct slu_wheel_options options = {.tick_ns = TICK_NS, .timers_max = count};
    if (slu_budget_create(NULL, "bench", UINT64_C(4) << 30, &fleet->budget) != 0 ||
        slu_wheel_create(fleet->budget, &options, NULL, &fleet->wheel) != 0 ||
        slu_wheel_create(fleet->budget, &options, NULL, &fleet->pulse_wheel) != 0) {
        fail("the wheel");
    }
    fleet->order = array_of(fleet->budget, count, sizeof(fleet->order[0]));
    fleet->ids = array_of(fleet->budget, count, sizeof(fleet->ids[0]));
    fleet->pulses = array_of(fleet->budget, count, sizeof(fleet->pulses[0]));
    fleet->events = array_of(fleet->budget, count, sizeof(fleet->events[0]));
    fleet->handles = array_of(fleet->budget, count, sizeof(fleet->handles[0]));
    fleet->base = event_base_new();
    if (fleet->base == NULL || uv_loop_init(&fleet->loop) != 0) {
        fail("the peers' loops");
    }
    fleet->trigger = event_new(fleet->base, -1, 0, run_inside, NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (event_assign(&fleet->events[i], fleet->base, -1, 0, count_event, fleet) != 0 ||
            uv_timer_init(&fleet->loop, &fleet->handles[i]) != 0) {
            fail("the peers' timers");
        }
        fleet->handles[i].data = fleet;
    }
    fleet_shuffle(fleet);
}

static void fleet_deinit(struct fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->count; i++) {
        uv_close((uv_handle_t *)&fleet->handles[i], NULL);
    }
    (void)uv_run(&fleet->loop, UV_RUN_DEFAULT); /* the handles are closed by it */
    if (uv_loop_close(&fleet->loop) != 0) {
        fail("closing libuv's loop");
    }
    event_free(fleet->trigger);
    event_base_free(fleet->base);
    slu_wheel_destroy(&fleet->wheel);
    slu_wheel_destroy(&fleet->pulse_wheel);
    slu_budget_free(fleet->budget, fleet->order, fleet->count * sizeof(fleet->order[0]));
    slu_budget_free(fleet->budget, fleet->ids, fleet->count * sizeof(fleet->ids[0]));
    slu_budget_free(fleet->budget, fleet->pulses, fleet->count * sizeof(fleet->pulses[0]));
    slu_budget_free(fleet->budget, fleet->events, fleet->count * sizeof(fleet->events[0]));
    slu_budget_free(fleet->budget, fleet->handles, fleet->count * sizeof(fleet->handles[0]));
    slu_budget_destroy(&fleet->budget);
}

struct contest {
    const char *names[2]; /* at 10,000 and at 1,000,000 */
    struct subject subject;
    struct subject event;
    struct subject handle;
    double goals_ns[2]; /* 0: none */
};

static const struct contest contests[] = {
    {{"wheel: add, 10 k", "wheel: add, 1 M"},
     {wheel_stop_sample, wheel_add_sample, nothing},
     {events_stop_sample, events_start_sample, nothing},
     {handles_stop_sample, handles_start_sample, nothing},
     {0, 0}},
    {{"wheel: stop, 10 k", "wheel: stop, 1 M"},
     {nothing, wheel_stop_sample, wheel_add_sample},
     {nothing, events_stop_sample, events_start_sample},
     {nothing, handles_stop_sample, handles_start_sample},
     {0, 0}},
    {{"wheel: reset, 10 k", "wheel: reset, 1 M"},
     {nothing, wheel_reset_sample, nothing},
     {nothing, events_start_sample, nothing},
     {nothing, handles_start_sample, nothing},
     {0, 0}},
    {{"pulse: heartbeat reset, 10 k", "pulse: heartbeat reset, 1 M"},
     {nothing, pulses_beat_sample, nothing},
     {nothing, events_start_sample, nothing},
     {nothing, handles_start_sample, nothing},
     {15, 15}},
    {{"wheel: expiry, 10 k", "wheel: expiry, 1 M"},
     {wheel_fill_to_expire, wheel_expire, nothing},
     {events_fill_to_expire, events_expire, nothing},
     {handles_fill_to_expire, handles_expire, nothing},
     {200, 200}},
};

/* libevent's loop cannot run within its own callback; its additions cost less there. */
static bool runs_loop(const struct contest *contest)
{
    return contest->event.timed == events_expire;
}

static void measure_contest(struct bench *bench, struct fleet *fleet, size_t size,
                            const struct contest *contest)
{
    double ns = 0;
    double peer_ns = 0;
    enum bench_goal goal = contest->goals_ns[size] > 0 ? BENCH_AT_MOST : BENCH_NO_GOAL;
    struct bench_line line = {contest->names[size],    0,          "ns", goal,
                              contest->goals_ns[size], "libevent", 0};
    struct duel duel = {fleet, contest->subject, contest->event};
    bench_measure(bench, our_round, runs_loop(contest) ? peer_round : libevent_round, &duel, &ns,
                  &peer_ns);
    line.value = ns;
    line.peer_value = peer_ns;
    bench_report(bench, line);
    duel.peer = contest->handle;
    bench_measure(bench, peer_round, NULL, &duel, &peer_ns, NULL);
    line.peer = "libuv";
    line.peer_value = peer_ns;
    bench_report(bench, line);
}

static void fleet_fill(struct fleet *fleet)
{
    int err = 0;
    fleet->first = 0;
    fleet->sample = fleet->count;
    wheel_add_sample(fleet);
    events_start_sample(fleet);
    handles_start_sample(fleet);
    for (uint32_t i = 0; i < fleet->count; i++) {
        err |= slu_pulse_start(&fleet->pulses[i], fleet->pulse_wheel, 0, 300 * SECOND,
                               count_silence, fleet);
    }
    bench_keep((uint64_t)err);
}

static void fleet_empty(struct fleet *fleet)
{
    fleet->first = 0;
    fleet->sample = fleet->count;
    wheel_stop_sample(fleet);
    events_stop_sample(fleet);
    handles_stop_sample(fleet);
}

static void measure_fleet(struct bench *bench, size_t size, uint32_t count, uint32_t repeats)
{
    static struct fleet fleet;
    fleet_init(&fleet, count);
    fleet_fill(&fleet);
    fleet.sample = count < SAMPLE_MAX ? count : SAMPLE_MAX;
    fleet.repeats = repeats;
    size_t contest_count = sizeof(contests) / sizeof(contests[0]);
    for (size_t i = 0; i < contest_count; i++) {
        if (runs_loop(&contests[i])) {
            fleet_empty(&fleet);
            fleet.repeats = 1;
        }
        measure_contest(bench, &fleet, size, &contests[i]);
    }
    fleet_deinit(&fleet);
}

#define CONNECTIONS     10000
#define BEAT_SECONDS    5
#define TIMEOUT_SECONDS 300

struct outcome {
    double timers;
    double bytes;
};

static struct outcome outcome_of(struct slu_budget *budget, uint64_t before,
                                 struct slu_wheel **wheel)
{
    struct slu_budget_stats used;
    struct slu_wheel_stats stats;
    slu_budget_stats(budget, &used);
    slu_wheel_stats(*wheel, &stats);
    slu_wheel_destroy(wheel);
    return (struct outcome){(double)stats.timer_count, (double)(used.used_bytes - before)};
}

/* Two time-outs of simulated beats; what is held at the end. */
static struct outcome simulate(bool pulses)
{
    static struct slu_pulse beating[CONNECTIONS];
    struct slu_budget *budget = NULL;
    struct slu_wheel *wheel = NULL;
    uint32_t per_connection = pulses ? 1 : TIMEOUT_SECONDS / BEAT_SECONDS + 1;
    struct slu_wheel_options options = {.tick_ns = TICK_NS,
                                        .timers_max = CONNECTIONS * per_connection};
    struct slu_budget_stats empty;
    struct fleet fleet = {0};
    int err = slu_budget_create(NULL, "bench", UINT64_C(1) << 30, &budget);
    slu_budget_stats(budget, &empty);
    err |= slu_wheel_create(budget, &options, NULL, &wheel);
    for (uint32_t i = 0; pulses && i < CONNECTIONS; i++) {
        beating[i] = (struct slu_pulse){0};
        err |=
            slu_pulse_start(&beating[i], wheel, 0, TIMEOUT_SECONDS * SECOND, count_silence, &fleet);
    }
    uint64_t now_ns = 0;
    for (uint64_t second = 0; second < UINT64_C(2) * TIMEOUT_SECONDS; second++) {
        now_ns = second * SECOND;
        bench_keep(slu_wheel_advance(wheel, now_ns, UINT32_MAX));
        for (uint64_t i = second % BEAT_SECONDS; i < CONNECTIONS; i += BEAT_SECONDS) {
            slu_timer_id timer = 0;
            if (pulses) {
                slu_pulse_beat(&beating[i], now_ns);
            } else {
                err |= slu_wheel_add(wheel, now_ns, TIMEOUT_SECONDS * SECOND, count_timer, &fleet,
                                     &timer);
            }
        }
    }
    bench_keep(slu_wheel_advance(wheel, now_ns + TICK_NS, UINT32_MAX));
    if (err != 0) {
        fail("the simulated connections");
    }
    struct outcome outcome = outcome_of(budget, empty.used_bytes, &wheel);
    outcome.bytes += pulses ? sizeof(beating) : 0;
    slu_budget_destroy(&budget);
    return outcome;
}

static void measure_beats(struct bench *bench)
{
    struct outcome naive = simulate(false);
    struct outcome ours = simulate(true);
    bench_report(bench,
                 (struct bench_line){"10,000 connections: live timers", ours.timers, "timers",
                                     BENCH_AT_MOST, CONNECTIONS, "a timer a beat", naive.timers});
    bench_report(bench, (struct bench_line){"10,000 connections: bytes", ours.bytes, "B",
                                            BENCH_NO_GOAL, 0, "a timer a beat", naive.bytes});
}

#define SIZE_STEP (UINT32_C(1) << 20)

/* The difference of two sizes, without what a wheel costs whatever it holds. */
static void measure_state(struct bench *bench)
{
    double bytes[2];
    for (uint32_t n = 0; n < 2; n++) {
        struct slu_budget *budget = NULL;
        struct slu_wheel *wheel = NULL;
        struct slu_wheel_options options = {.tick_ns = TICK_NS, .timers_max = (n + 1) * SIZE_STEP};
        if (slu_budget_create(NULL, "bench", UINT64_C(1) << 30, &budget) != 0 ||
            slu_wheel_create(budget, &options, NULL, &wheel) != 0) {
            fail("the wheel");
        }
        bytes[n] = outcome_of(budget, 0, &wheel).bytes;
        slu_budget_destroy(&budget);
    }
    double timer_bytes = (bytes[1] - bytes[0]) / SIZE_STEP;
    double callback_bytes = sizeof(slu_timer_fn *) + sizeof(void *);
    bench_report(bench, (struct bench_line){"wheel: state of a timer", timer_bytes - callback_bytes,
                                            "B", BENCH_AT_MOST, 24, NULL, 0});
    bench_report(bench, (struct bench_line){"wheel: a timer with its callback", timer_bytes, "B",
                                            BENCH_NO_GOAL, 0, "libevent", sizeof(struct event)});
    bench_report(bench, (struct bench_line){"wheel: a timer with its callback", timer_bytes, "B",
                                            BENCH_NO_GOAL, 0, "libuv", sizeof(uv_timer_t)});
}

static void body(struct bench *bench)
{
    measure_state(bench);
    measure_beats(bench);
    uint32_t few = (uint32_t)bench_scaled(bench, 10000);
    uint32_t many = (uint32_t)bench_scaled(bench, 1000000);
    measure_fleet(bench, 0, few, (uint32_t)bench_scaled(bench, 20));
    measure_fleet(bench, 1, many, 1);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "Timers and heartbeats", body);
}

/*
 * Eight threads record for series that come and go, by handle and by labels, while others expire
 * and expose. What each series shows belongs to it: amounts carry their series' number.
 */
#include <sluice/meter.h>

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "meter/validate.h"
#include "meter_fixture.h"

#define THREAD_COUNT 8
#define NAME_COUNT   48
#define IDLE_NS      200

struct shared {
    struct slu_meter *meter;
    uint32_t counter;
    uint32_t gauge;
    uint32_t summary;
    _Atomic uint64_t now_ns;
    _Atomic uint64_t counted; /* amounts taken, to be found again where nothing is dropped */
    _Atomic uint64_t stale_count;
    uint64_t step_count;
};

struct worker {
    struct shared *shared;
    uint32_t number;
};

/* The last thread has no writer. */
static uint32_t worker_writer(const struct worker *worker)
{
    return worker->number == THREAD_COUNT - 1 ? SLU_METER_ANY_THREAD : worker->number;
}

static struct slu_series named_series(const struct worker *worker, uint32_t metric, uint32_t name,
                                      uint64_t now_ns)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "a name of some length %u", name);
    struct slu_bytes value = bytes_of(text);
    struct slu_meter_key key = {.metric = metric, .label_count = 1, .values = &value};
    struct slu_series series = {0};
    assert_int_equal(
        slu_meter_resolve(worker->shared->meter, worker_writer(worker), &key, now_ns, &series), 0);
    return series;
}

/* Each name counts multiples of its own number, and sets its gauge to it. */
static void record(const struct worker *worker, uint32_t name, struct slu_series *counter,
                   uint64_t now_ns)
{
    struct shared *shared = worker->shared;
    uint32_t writer = worker_writer(worker);
    int err = slu_meter_count(shared->meter, writer, *counter, now_ns, name + 1);
    if (err == -ESTALE) {
        atomic_fetch_add(&shared->stale_count, 1);
        *counter = named_series(worker, shared->counter, name, now_ns);
        err = slu_meter_count(shared->meter, writer, *counter, now_ns, name + 1);
    }
    assert_true(err == 0 || err == -ESTALE);
    if (err == 0) {
        atomic_fetch_add(&shared->counted, name + 1);
    }
    struct slu_series gauge = named_series(worker, shared->gauge, name, now_ns);
    err = slu_meter_set(shared->meter, writer, gauge, now_ns, name);
    assert_true(err == 0 || err == -ESTALE);
    struct slu_series summary = named_series(worker, shared->summary, name % 8, now_ns);
    err = slu_meter_observe(shared->meter, writer, summary, now_ns, name % 8);
    assert_true(err == 0 || err == -ESTALE);
}

/* A page's lines `c_total{key="... N"} V`: V is a multiple of N + 1; `g{key="... N"} N`. */
static uint64_t page_check(const char *text)
{
    uint64_t sum = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        unsigned name = 0;
        unsigned long long value = 0;
        double quantile = 0;
        if (sscanf(line, "c_total{key=\"a name of some length %u\"} %llu", &name, &value) == 2) {
            assert_int_equal(value % (name + 1), 0);
            sum += value;
        } else if (sscanf(line, "c_total{otel_metric_overflow=\"true\"} %llu", &value) == 1) {
            sum += value;
        } else if (sscanf(line, "g{key=\"a name of some length %u\"} %llu", &name, &value) == 2) {
            assert_true(value == name || value == 0);
        } else if (sscanf(line, "s{key=\"a name of some length %u\",quantile=\"%*f\"} %lf", &name,
                          &quantile) == 2) {
            assert_true(isnan(quantile) || fabs(quantile - name) <= name * 0.02);
        }
    }
    return sum;
}

static void expose(const struct worker *worker, uint64_t now_ns)
{
    struct page *page = calloc(1, sizeof(*page));
    assert_non_null(page);
    assert_int_equal(
        slu_meter_expose(worker->shared->meter, now_ns, SLU_METER_PROMETHEUS, page_write, page), 0);
    (void)page_check(page->text); /* the sum changes meanwhile */
    free(page);
}

static void *work(void *argument)
{
    const struct worker *worker = argument;
    struct shared *shared = worker->shared;
    struct test_random random = test_random_start(worker->number);
    struct slu_series counters[NAME_COUNT];
    uint64_t now_ns = atomic_load(&shared->now_ns);
    for (uint32_t name = 0; name < NAME_COUNT; name++) {
        counters[name] = named_series(worker, shared->counter, name, now_ns);
    }
    for (uint64_t i = 0; i < shared->step_count; i++) {
        now_ns = atomic_fetch_add(&shared->now_ns, 1);
        /* a working set that moves, so that series at its edges go idle */
        uint32_t name = (uint32_t)((now_ns / 150 + test_random_below(&random, 12)) % NAME_COUNT);
        record(worker, name, &counters[name], now_ns);
        if (i % 512 == worker->number) {
            expose(worker, now_ns);
        } else if (i % 64 == worker->number) {
            (void)slu_meter_expire(shared->meter, now_ns, NAME_COUNT);
        }
    }
    return NULL;
}

static void run(struct shared *shared, uint64_t idle_ns, uint32_t series_max)
{
    static const char *const labels[] = {"key"};
    struct slu_budget *budget = budget_of(4 << 20);
    struct slu_meter_options options = small_options();
    options.writer_count = THREAD_COUNT - 1;
    options.series_max = series_max;
    options.idle_ns = idle_ns;
    options.windows_max = 6;
    options.window =
        (struct slu_quantile_window_options){.span_ns = 1000, .slot_count = 10, .size_bytes = 4096};
    shared->meter = meter_of(budget, &options);
    shared->counter = counter_of(shared->meter, "c");
    shared->gauge =
        metric_of(shared->meter,
                  &(struct slu_metric_options){
                      .name = "g", .kind = SLU_METRIC_GAUGE, .labels = labels, .label_count = 1});
    shared->summary =
        metric_of(shared->meter,
                  &(struct slu_metric_options){
                      .name = "s", .kind = SLU_METRIC_SUMMARY, .labels = labels, .label_count = 1});
    pthread_t threads[THREAD_COUNT];
    struct worker workers[THREAD_COUNT];
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (struct worker){shared, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    meter_validate(shared->meter);
    uint64_t sum = page_check(exposed(shared->meter, 0, SLU_METER_PROMETHEUS));
    if (idle_ns == 0) {
        assert_int_equal(sum, atomic_load(&shared->counted));
    }
    slu_meter_destroy(&shared->meter);
    slu_budget_destroy(&budget);
}

static void what_threads_count_is_all_there(void **state)
{
    (void)state;
    static struct shared shared;
    shared = (struct shared){.step_count = test_rounds(12000)};
    run(&shared, 0, NAME_COUNT); /* fewer than wanted: some go to the overflow */
    assert_int_equal(atomic_load(&shared.stale_count), 0);
}

static void series_that_come_and_go_never_get_what_is_another_s(void **state)
{
    (void)state;
    static struct shared shared;
    shared = (struct shared){.step_count = test_rounds(12000)};
    run(&shared, IDLE_NS, NAME_COUNT);
    assert_true(atomic_load(&shared.stale_count) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_threads_count_is_all_there),
        cmocka_unit_test(series_that_come_and_go_never_get_what_is_another_s),
    };
    return TEST_RUN("meter/meter_threads", tests);
}

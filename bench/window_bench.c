/*
 * The bucket window beside the window that services write first: a growing array of timestamped
 * values whose old part is cut off by moving its start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include <sluice/window.h>

#include "alloc_counter.h"
#include "bench.h"

#define SECOND      UINT64_C(1000000000)
#define SLOT_COUNT  60
#define GAP_COUNT   4096
#define GAP_MEAN_NS 100

struct naive_event {
    uint64_t at_ns;
    uint64_t value;
};

struct naive {
    struct naive_event *events;
    size_t start;
    size_t end;
    size_t capacity;
    uint64_t span_ns;
};

struct load {
    struct slu_budget *budget;
    struct slu_window *window;
    struct naive naive;
    uint32_t gaps_ns[GAP_COUNT]; /* random, so that time advances unevenly */
    uint64_t now_ns;
    uint64_t adds;
    uint64_t *latencies;
};

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

static void naive_add(struct naive *naive, uint64_t now_ns, uint64_t value)
{
    if (naive->end == naive->capacity) {
        naive->capacity = naive->capacity == 0 ? 16 : 2 * naive->capacity;
        naive->events = realloc(naive->events, naive->capacity * sizeof(naive->events[0]));
        if (naive->events == NULL) {
            fail("the naive window");
        }
    }
    naive->events[naive->end++] = (struct naive_event){now_ns, value};
    while (naive->events[naive->start].at_ns + naive->span_ns < now_ns) {
        naive->start++;
    }
}

static void naive_reset(struct naive *naive)
{
    free(naive->events);
    *naive = (struct naive){.span_ns = naive->span_ns};
}

static void load_init(struct load *load, uint64_t span_ns)
{
    struct slu_window_options options = {.span_ns = span_ns, .slot_count = SLOT_COUNT};
    if (slu_budget_create(NULL, "bench", 1 << 20, &load->budget) != 0 ||
        slu_window_create(load->budget, &options, NULL, &load->window) != 0) {
        fail("the window");
    }
    load->naive.span_ns = span_ns;
    uint64_t random = 42;
    for (size_t i = 0; i < GAP_COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        load->gaps_ns[i] = (uint32_t)((random >> 33) % (2 * GAP_MEAN_NS));
    }
}

static void load_deinit(struct load *load)
{
    naive_reset(&load->naive);
    slu_window_destroy(&load->window);
    slu_budget_destroy(&load->budget);
}

static double window_round(void *context)
{
    struct load *load = context;
    uint64_t now_ns = load->now_ns;
    int err = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->adds; i++) {
        uint32_t gap_ns = load->gaps_ns[i % GAP_COUNT];
        now_ns += gap_ns;
        err |= slu_window_add(load->window, now_ns, gap_ns);
    }
    uint64_t end_ns = bench_now_ns();
    load->now_ns = now_ns;
    bench_keep((uint64_t)err);
    return (double)(end_ns - start_ns) / (double)load->adds;
}

static double naive_round(void *context)
{
    struct load *load = context;
    uint64_t now_ns = 0;
    naive_reset(&load->naive);
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->adds; i++) {
        uint32_t gap_ns = load->gaps_ns[i % GAP_COUNT];
        now_ns += gap_ns;
        naive_add(&load->naive, now_ns, gap_ns);
    }
    uint64_t end_ns = bench_now_ns();
    return (double)(end_ns - start_ns) / (double)load->adds;
}

static double snapshot_round(void *context)
{
    struct load *load = context;
    uint64_t rounds = load->adds / 100 + 1;
    struct slu_window_snapshot snapshot;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < rounds; i++) {
        slu_window_snapshot(load->window, load->now_ns, &snapshot);
        bench_keep(snapshot.sum);
    }
    return (double)(bench_now_ns() - start_ns) / (double)rounds;
}

/* What the naive window does for the same answer: one pass over the events of the span. */
static double naive_snapshot_round(void *context)
{
    struct load *load = context;
    const struct naive *naive = &load->naive;
    uint64_t start_ns = bench_now_ns();
    struct naive_event total = {0};
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    for (size_t i = naive->start; i < naive->end; i++) {
        uint64_t value = naive->events[i].value;
        total.value += value;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    bench_keep(total.value + low + high);
    return (double)(bench_now_ns() - start_ns);
}

static void measure_flat_out(struct bench *bench, struct load *load)
{
    double ns = 0;
    double naive_ns = 0;
    load->adds = bench_scaled(bench, 10 * 1000 * 1000);
    (void)window_round(load); /* caches and branch predictors warm up */
    uint64_t allocations = bench_alloc_count();
    (void)window_round(load);
    allocations = bench_alloc_count() - allocations;
    uint64_t naive_allocations = bench_alloc_count();
    (void)naive_round(load);
    naive_allocations = bench_alloc_count() - naive_allocations;
    bench_report(bench, (struct bench_line){"window: allocations after creation",
                                            (double)allocations, "calls", BENCH_AT_MOST, 0,
                                            "growing array", (double)naive_allocations});
    bench_measure(bench, window_round, naive_round, load, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"window: add", ns, "ns", BENCH_AT_MOST, 4,
                                            "growing array", naive_ns});
    bench_report(bench, (struct bench_line){"window: adds a second", 1e3 / ns, "M/s",
                                            BENCH_AT_LEAST, 150, "growing array", 1e3 / naive_ns});
    bench_measure(bench, snapshot_round, naive_snapshot_round, load, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"window: snapshot of 60 slots", ns, "ns", BENCH_AT_MOST,
                                            200, "growing array", naive_ns});
}

static int compare_counts(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Time-stamp counter ticks in a nanosecond. */
static double ticks_in_ns(void)
{
    uint64_t start_ns = bench_now_ns();
    uint64_t start_ticks = __rdtsc();
    while (bench_now_ns() - start_ns < SECOND / 20) {
    }
    return (double)(__rdtsc() - start_ticks) / (double)(bench_now_ns() - start_ns);
}

/* Adds at 1 M a second in real time; the latency of each, in ticks, sorted. */
static void pace(struct load *load, bool naive, double ticks_ns)
{
    uint64_t period = (uint64_t)(1000 * ticks_ns);
    uint64_t next = __rdtsc() + period;
    for (uint64_t i = 0; i < load->adds; i++) {
        while (__rdtsc() < next) {
        }
        next += period;
        uint64_t now_ns = bench_now_ns();
        unsigned core = 0;
        uint64_t start = __rdtscp(&core);
        if (naive) {
            naive_add(&load->naive, now_ns, i);
        } else {
            bench_keep((uint64_t)slu_window_add(load->window, now_ns, i % 1000));
        }
        load->latencies[i] = __rdtscp(&core) - start;
    }
    qsort(load->latencies, load->adds, sizeof(load->latencies[0]), compare_counts);
}

static void measure_latency(struct bench *bench)
{
    static struct load load;
    load_init(&load, 60 * SECOND);
    load.adds = bench_scaled(bench, 4 * 1000 * 1000);
    load.latencies = calloc(load.adds, sizeof(load.latencies[0]));
    if (load.latencies == NULL) {
        fail("the latencies");
    }
    double ticks_ns = ticks_in_ns();
    double tail[2];
    double worst[2];
    for (int naive = 0; naive < 2; naive++) {
        pace(&load, naive != 0, ticks_ns);
        tail[naive] = (double)load.latencies[load.adds - 1 - load.adds / 10000] / ticks_ns;
        worst[naive] = (double)load.latencies[load.adds - 1] / ticks_ns;
    }
    bench_report(bench, (struct bench_line){"window: add at 1 M/s, 99.99th percentile", tail[0],
                                            "ns", BENCH_NO_GOAL, 0, "growing array", tail[1]});
    bench_report(bench, (struct bench_line){"window: add at 1 M/s, worst", worst[0], "ns",
                                            BENCH_NO_GOAL, 0, "growing array", worst[1]});
    free(load.latencies);
    load_deinit(&load);
}

struct hour {
    double window_bytes;
    double naive_bytes;
};

/* A simulated hour of 1,000 events a second; what is held at its end. */
static struct hour simulate_hour(uint64_t span_ns)
{
    static struct load load;
    memset(&load, 0, sizeof(load));
    load_init(&load, span_ns);
    for (uint64_t i = 0; i < UINT64_C(3600) * 1000; i++) {
        bench_keep((uint64_t)slu_window_add(load.window, i * SECOND / 1000, 1));
        naive_add(&load.naive, i * SECOND / 1000, 1);
    }
    struct slu_budget_stats stats;
    slu_budget_stats(load.budget, &stats);
    struct hour hour = {(double)stats.used_bytes,
                        (double)(load.naive.capacity * sizeof(struct naive_event))};
    load_deinit(&load);
    return hour;
}

static void measure_memory(struct bench *bench)
{
    struct hour narrow = simulate_hour(SECOND / 10);
    struct hour wide = simulate_hour(60 * SECOND);
    bench_report(bench, (struct bench_line){"window: bytes after an hour, span 100 ms",
                                            narrow.window_bytes, "B", BENCH_NO_GOAL, 0,
                                            "growing array", narrow.naive_bytes});
    bench_report(bench, (struct bench_line){
                            "window: bytes after an hour, span 60 s", wide.window_bytes, "B",
                            BENCH_AT_MOST, narrow.window_bytes, "growing array", wide.naive_bytes});
}

struct shared_load {
    struct load load;
    struct slu_shared_window *window;
};

static double shared_round(void *context)
{
    struct shared_load *shared = context;
    uint64_t now_ns = shared->load.now_ns;
    int err = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < shared->load.adds; i++) {
        uint32_t gap_ns = shared->load.gaps_ns[i % GAP_COUNT];
        now_ns += gap_ns;
        err |= slu_shared_window_add(shared->window, 0, now_ns, gap_ns);
    }
    uint64_t end_ns = bench_now_ns();
    shared->load.now_ns = now_ns;
    bench_keep((uint64_t)err);
    return (double)(end_ns - start_ns) / (double)shared->load.adds;
}

static void measure_shared(struct bench *bench)
{
    static struct shared_load shared;
    uint64_t span_ns = SLOT_COUNT * 900 * GAP_MEAN_NS;
    load_init(&shared.load, span_ns);
    shared.load.adds = bench_scaled(bench, 10 * 1000 * 1000);
    struct slu_shared_window_options options = {
        .span_ns = span_ns, .slot_count = SLOT_COUNT, .shard_count = 8};
    if (slu_shared_window_create(shared.load.budget, &options, NULL, &shared.window) != 0) {
        fail("the shared window");
    }
    double ns = 0;
    (void)shared_round(&shared);
    bench_measure(bench, shared_round, NULL, &shared, &ns, NULL);
    bench_report(bench, (struct bench_line){"shared window: add to one shard", ns, "ns",
                                            BENCH_NO_GOAL, 0, NULL, 0});
    slu_shared_window_destroy(&shared.window);
    load_deinit(&shared.load);
}

static void body(struct bench *bench)
{
    static struct load load;
    load_init(&load, SLOT_COUNT * 900 * GAP_MEAN_NS); /* a slot is passed every 900 adds */
    measure_flat_out(bench, &load);
    load_deinit(&load);
    measure_latency(bench);
    measure_memory(bench);
    measure_shared(bench);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "window", body);
}

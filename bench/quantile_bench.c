/*
 * Quantiles of the last minute beside what a service writes first: a ring of histograms in the
 * manner of HdrHistogram (two significant digits, values to 2^32), one a slot, merged when asked.
 *
 * The load is 10,000 lognormal events a second (sigma 1) at a simulated clock.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/quantile.h>

#include "bench.h"

#define SECOND       UINT64_C(1000000000)
#define SPAN_NS      (60 * SECOND)
#define RATE         10000
#define VALUE_COUNT  8192
#define MICROS       1000.0 /* histograms count whole thousandths */
#define HALF_LOG2    7      /* each octave has 128 buckets: two significant digits */
#define HALF         (1 << HALF_LOG2)
#define OCTAVES      26
#define BUCKET_COUNT (OCTAVES * HALF)
#define PERIOD_NS    (SECOND / RATE)
#define SLOTS_MAX    240
#define ASKED_COUNT  3

static const double asked[ASKED_COUNT] = {0.5, 0.95, 0.99};

struct histogram {
    uint64_t counts[BUCKET_COUNT];
};

struct histogram_ring {
    struct histogram slots[SLOTS_MAX];
    uint64_t epoch;
};

struct load {
    struct slu_budget *budget;
    struct slu_quantile_window *window;
    struct slu_quantile_sketch *sketch;
    struct slu_quantile_sketch *other;
    struct histogram_ring *ring;
    double *values;
    uint64_t now_ns;
    uint64_t ring_now_ns;
    uint64_t adds;
    uint64_t questions;
    uint64_t ring_questions;
};

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

static uint32_t histogram_bucket(double value)
{
    uint64_t micros = (uint64_t)(value * MICROS);
    unsigned octave = 63 - (unsigned)__builtin_clzll(micros | (2 * HALF - 1));
    unsigned shift = octave - HALF_LOG2;
    uint32_t bucket = (uint32_t)(((uint64_t)(shift - 1) << HALF_LOG2) + (micros >> shift));
    return bucket < BUCKET_COUNT ? bucket : BUCKET_COUNT - 1;
}

static double bucket_value(uint32_t bucket)
{
    unsigned shift = bucket < 2 * HALF ? 1 : bucket >> HALF_LOG2;
    uint64_t part = bucket < 2 * HALF ? bucket : HALF + (bucket & (HALF - 1));
    return ((double)part + 0.5) * (double)(UINT64_C(1) << shift) / MICROS;
}

static void ring_add(struct histogram_ring *ring, uint64_t now_ns, double value)
{
    uint64_t epoch = now_ns / (SPAN_NS / SLOTS_MAX);
    while (ring->epoch < epoch) {
        ring->epoch++;
        memset(&ring->slots[ring->epoch % SLOTS_MAX], 0, sizeof(ring->slots[0]));
    }
    ring->slots[epoch % SLOTS_MAX].counts[histogram_bucket(value)]++;
}

static void ring_get(const struct histogram_ring *ring, double *values)
{
    static struct histogram merged;
    uint64_t count = 0;
    memset(&merged, 0, sizeof(merged));
    for (unsigned slot = 0; slot < SLOTS_MAX; slot++) {
        for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++) {
            merged.counts[bucket] += ring->slots[slot].counts[bucket];
            count += ring->slots[slot].counts[bucket];
        }
    }
    for (unsigned i = 0; i < ASKED_COUNT; i++) {
        uint64_t rank = (uint64_t)ceil(asked[i] * (double)count);
        uint64_t seen = 0;
        uint32_t bucket = 0;
        while (bucket < BUCKET_COUNT - 1 && (seen += merged.counts[bucket]) < rank) {
            bucket++;
        }
        values[i] = bucket_value(bucket);
    }
}

static uint64_t random_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

static double random_unit(uint64_t *state)
{
    return ((double)random_next(state) + 0.5) / 2147483648.0;
}

static double lognormal(uint64_t *state)
{
    double radius = sqrt(-2 * log(random_unit(state)));
    return exp(radius * cos(6.283185307179586 * random_unit(state)));
}

static void load_init(struct load *load, uint64_t adds)
{
    struct slu_quantile_window_options window = {
        .span_ns = SPAN_NS, .slot_count = SLOTS_MAX, .size_bytes = 65536};
    struct slu_quantile_sketch_options sketch = {.size_bytes = 4096};
    load->ring = calloc(1, sizeof(*load->ring));
    load->values = calloc(VALUE_COUNT, sizeof(load->values[0]));
    if (load->ring == NULL || load->values == NULL ||
        slu_budget_create(NULL, "bench", 1 << 20, &load->budget) != 0 ||
        slu_quantile_window_create(load->budget, &window, NULL, &load->window) != 0 ||
        slu_quantile_sketch_create(load->budget, &sketch, NULL, &load->sketch) != 0 ||
        slu_quantile_sketch_create(load->budget, &sketch, NULL, &load->other) != 0) {
        fail("the load");
    }
    uint64_t random = 42;
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        load->values[i] = lognormal(&random);
    }
    load->adds = adds;
    load->questions = adds / 100 + 1;
    load->ring_questions = adds / 200000 + 1;
}

static void load_deinit(struct load *load)
{
    slu_quantile_sketch_destroy(&load->other);
    slu_quantile_sketch_destroy(&load->sketch);
    slu_quantile_window_destroy(&load->window);
    slu_budget_destroy(&load->budget);
    free(load->values);
    free(load->ring);
}

static double window_round(void *context)
{
    struct load *load = context;
    uint64_t now_ns = load->now_ns;
    int err = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->adds; i++) {
        now_ns += PERIOD_NS;
        err |= slu_quantile_window_add(load->window, now_ns, load->values[i % VALUE_COUNT]);
    }
    uint64_t end_ns = bench_cpu_ns();
    load->now_ns = now_ns;
    bench_keep((uint64_t)err);
    return (double)(end_ns - start_ns) / (double)load->adds;
}

static double ring_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->adds; i++) {
        load->ring_now_ns += PERIOD_NS;
        ring_add(load->ring, load->ring_now_ns, load->values[i % VALUE_COUNT]);
    }
    return (double)(bench_cpu_ns() - start_ns) / (double)load->adds;
}

static double window_get_round(void *context)
{
    struct load *load = context;
    double values[ASKED_COUNT] = {0};
    int err = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->questions; i++) {
        err |= slu_quantile_window_get(load->window, load->now_ns, asked, ASKED_COUNT, values);
        bench_keep((uint64_t)err + (values[0] > values[1]));
    }
    return (double)(bench_cpu_ns() - start_ns) / (double)load->questions;
}

static double ring_get_round(void *context)
{
    struct load *load = context;
    double values[ASKED_COUNT] = {0};
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->ring_questions; i++) {
        ring_get(load->ring, values);
        bench_keep(values[0] > values[1]);
    }
    return (double)(bench_cpu_ns() - start_ns) / (double)load->ring_questions;
}

static double sketch_round(void *context)
{
    struct load *load = context;
    int err = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->adds; i++) {
        err |= slu_quantile_sketch_add(load->sketch, load->values[i % VALUE_COUNT]);
    }
    bench_keep((uint64_t)err);
    return (double)(bench_cpu_ns() - start_ns) / (double)load->adds;
}

static double merge_round(void *context)
{
    struct load *load = context;
    int err = 0;
    uint64_t merges = load->questions / 100 + 1;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < merges; i++) {
        err |= slu_quantile_sketch_merge(load->other, load->sketch);
    }
    bench_keep((uint64_t)err);
    return (double)(bench_cpu_ns() - start_ns) / (double)merges;
}

static void measure_time(struct bench *bench)
{
    static struct load load;
    double ns = 0;
    double peer_ns = 0;
    load_init(&load, bench_scaled(bench, 2 * 1000 * 1000));
    (void)window_round(&load); /* the span fills, caches and predictors warm up */
    (void)ring_round(&load);
    bench_measure(bench, window_round, ring_round, &load, &ns, &peer_ns);
    bench_report(bench, (struct bench_line){"quantile window: record", ns, "ns", BENCH_AT_MOST, 5,
                                            "ring of histograms", peer_ns});
    bench_measure(bench, window_get_round, ring_get_round, &load, &ns, &peer_ns);
    bench_report(bench,
                 (struct bench_line){"quantile window: P50, P95, P99 of 60 s at 250 ms", ns, "ns",
                                     BENCH_AT_MOST, 500, "ring of histograms", peer_ns});
    bench_measure(bench, sketch_round, NULL, &load, &ns, NULL);
    bench_report(
        bench, (struct bench_line){"quantile sketch: record", ns, "ns", BENCH_NO_GOAL, 0, NULL, 0});
    bench_measure(bench, merge_round, NULL, &load, &ns, NULL);
    bench_report(
        bench, (struct bench_line){"quantile sketch: merge", ns, "ns", BENCH_NO_GOAL, 0, NULL, 0});
    load_deinit(&load);
}

/* The most bytes in use of a block that had to shed nothing, during two spans at random times. */
static double window_bytes(double rate, uint32_t slot_count, size_t size_bytes)
{
    struct slu_quantile_window_options options = {
        .span_ns = SPAN_NS, .slot_count = slot_count, .size_bytes = size_bytes};
    struct slu_quantile_window *window = NULL;
    struct slu_budget *budget = NULL;
    if (slu_budget_create(NULL, "bench", 1 << 20, &budget) != 0 ||
        slu_quantile_window_create(budget, &options, NULL, &window) != 0) {
        fail("the window");
    }
    uint64_t random = 7;
    uint64_t now_ns = 0;
    size_t most = 0;
    uint64_t looked_ns = 0;
    while (now_ns < 2 * SPAN_NS) {
        now_ns += (uint64_t)(-log(random_unit(&random)) / rate * (double)SECOND);
        bench_keep((uint64_t)slu_quantile_window_add(window, now_ns, lognormal(&random)));
        if (now_ns - looked_ns < SPAN_NS / slot_count) {
            continue;
        }
        struct slu_quantile_window_stats stats;
        looked_ns = now_ns;
        slu_quantile_window_stats(window, now_ns, &stats);
        most = stats.used_bytes > most ? stats.used_bytes : most;
        if (stats.slot_ns != SPAN_NS / slot_count || stats.early_count != 0 ||
            stats.relative_error > 0.0101) {
            fail("a window that should shed nothing");
        }
    }
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
    return (double)most;
}

static void measure_memory(struct bench *bench)
{
    double slot = sizeof(struct histogram);
    bench_report(bench, (struct bench_line){"quantile window: 10,000/s, slots of 250 ms",
                                            window_bytes(RATE, 240, 65536), "B", BENCH_AT_MOST,
                                            65536, "ring of histograms", 240 * slot});
    bench_report(bench, (struct bench_line){"quantile window: 10,000/s, slots of 1 s",
                                            window_bytes(RATE, 60, 16384), "B", BENCH_AT_MOST,
                                            16384, "ring of histograms", 60 * slot});
    bench_report(bench, (struct bench_line){"quantile window: 1/s, slots of 250 ms",
                                            window_bytes(1, 240, 2048), "B", BENCH_AT_MOST, 2048,
                                            "ring of histograms", 240 * slot});
}

static void body(struct bench *bench)
{
    measure_time(bench);
    measure_memory(bench);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "quantile", body);
}

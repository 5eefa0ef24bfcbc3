/*
 * DABA Lite in the harness of its authors: each step evicts, inserts, queries and ends with a
 * sequentially consistent fence, so that no step hides in the next one. The peers are two stacks
 * (amortized constant time, a whole-window pause at each turn) and, for the small window, folding
 * the window anew for each query.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define VALUE_COUNT 4096

#define SLU_FOLD_NAME                  sum_fold
#define SLU_FOLD_VALUE                 double
#define SLU_FOLD_COMBINE(older, newer) ((older) + (newer))
#define SLU_FOLD_IDENTITY              0.0
#include <sluice/fold.h>

#define SLU_FOLD_NAME                  max_fold
#define SLU_FOLD_VALUE                 double
#define SLU_FOLD_COMBINE(older, newer) ((older) > (newer) ? (older) : (newer))
#define SLU_FOLD_IDENTITY              (-INFINITY)
#include <sluice/fold.h>

/* A geometric mean is the exponential of the mean logarithm. */
struct logs {
    double sum;
    uint64_t count;
};

static inline struct logs logs_combine(struct logs older, struct logs newer)
{
    return (struct logs){older.sum + newer.sum, older.count + newer.count};
}

#define SLU_FOLD_NAME     geomean_fold
#define SLU_FOLD_VALUE    struct logs
#define SLU_FOLD_COMBINE  logs_combine
#define SLU_FOLD_IDENTITY ((struct logs){0, 0})
#include <sluice/fold.h>

struct load {
    struct slu_budget *budget;
    struct sum_fold *sum;
    struct max_fold *max;
    struct geomean_fold *geomean;
    double values[VALUE_COUNT];
    uint64_t steps;
    uint64_t window;
    /* Two stacks over one ring: [split, end) as they came, [front, split) each folded to split. */
    double *cells;
    uint64_t front;
    uint64_t split;
    uint64_t end;
    double newest;
};

static void keep_double(double value)
{
    __asm__ volatile("" : : "x"(value) : "memory");
}

#define FOLD_ROUND(name, kind, lift, lower)                                                        \
    static double name##_round(void *context)                                                      \
    {                                                                                              \
        struct load *load = context;                                                               \
        struct kind *fold = load->name;                                                            \
        int err = 0;                                                                               \
        uint64_t start_ns = bench_now_ns();                                                        \
        for (uint64_t i = 0; i < load->steps; i++) {                                               \
            err |= kind##_evict(fold);                                                             \
            err |= kind##_push(fold, lift(load->values[i % VALUE_COUNT]));                         \
            keep_double(lower(kind##_query(fold)));                                                \
            atomic_thread_fence(memory_order_seq_cst);                                             \
        }                                                                                          \
        uint64_t end_ns = bench_now_ns();                                                          \
        bench_keep((uint64_t)err);                                                                 \
        return (double)(end_ns - start_ns) / (double)load->steps;                                  \
    }

#define AS_IT_IS(value)    (value)
#define AS_LOGS(value)     ((struct logs){log(value), 1})
#define FROM_LOGS(partial) exp((partial).sum / (double)(partial).count)

FOLD_ROUND(sum, sum_fold, AS_IT_IS, AS_IT_IS)
FOLD_ROUND(max, max_fold, AS_IT_IS, AS_IT_IS)
FOLD_ROUND(geomean, geomean_fold, AS_LOGS, FROM_LOGS)

static void stacks_evict(struct load *load)
{
    if (load->front == load->split) {
        double to_split = 0;
        for (uint64_t at = load->end; at-- > load->front;) {
            to_split = load->cells[at % load->window] + to_split;
            load->cells[at % load->window] = to_split;
        }
        load->split = load->end;
        load->newest = 0;
    }
    load->front++;
}

static void stacks_push(struct load *load, double value)
{
    load->cells[load->end++ % load->window] = value;
    load->newest += value;
}

static double stacks_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->steps; i++) {
        stacks_evict(load);
        stacks_push(load, load->values[i % VALUE_COUNT]);
        double older = load->front == load->split ? 0 : load->cells[load->front % load->window];
        keep_double(older + load->newest);
        atomic_thread_fence(memory_order_seq_cst);
    }
    return (double)(bench_now_ns() - start_ns) / (double)load->steps;
}

static double fence_round(void *context)
{
    struct load *load = context;
    volatile double place = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->steps; i++) {
        place = load->values[i % VALUE_COUNT];
        atomic_thread_fence(memory_order_seq_cst);
    }
    keep_double(place);
    return (double)(bench_now_ns() - start_ns) / (double)load->steps;
}

static void fill(struct load *load)
{
    uint64_t random = 42;
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        load->values[i] = 1 + (double)(random >> 40) / 1000;
    }
    int err = slu_budget_create(NULL, "bench", UINT64_C(1) << 30, &load->budget);
    err = err != 0 ? err : sum_fold_create(load->budget, load->window, NULL, &load->sum);
    err = err != 0 ? err : max_fold_create(load->budget, load->window, NULL, &load->max);
    err = err != 0 ? err : geomean_fold_create(load->budget, load->window, NULL, &load->geomean);
    load->cells = calloc(load->window, sizeof(load->cells[0]));
    if (err != 0 || load->cells == NULL) {
        fprintf(stderr, "no memory for a window of %zu\n", (size_t)load->window);
        exit(3);
    }
    for (uint64_t i = 0; i < load->window; i++) {
        double value = load->values[i % VALUE_COUNT];
        sum_fold_slide(load->sum, value);
        max_fold_slide(load->max, value);
        geomean_fold_slide(load->geomean, AS_LOGS(value));
        stacks_push(load, value);
    }
}

static void empty(struct load *load)
{
    sum_fold_destroy(&load->sum);
    max_fold_destroy(&load->max);
    geomean_fold_destroy(&load->geomean);
    slu_budget_destroy(&load->budget);
    free(load->cells);
}

static void measure_window(struct bench *bench, uint64_t window, const char *const names[3])
{
    static struct load load;
    load = (struct load){.window = window, .steps = bench_scaled(bench, 3 * 1000 * 1000)};
    fill(&load);
    double ns = 0;
    double peer_ns = 0;
    bench_measure(bench, sum_round, stacks_round, &load, &ns, &peer_ns);
    bench_report(bench,
                 (struct bench_line){names[0], ns, "ns", BENCH_AT_MOST, 8, "two stacks", peer_ns});
    bench_measure(bench, max_round, stacks_round, &load, &ns, &peer_ns);
    bench_report(bench, (struct bench_line){names[1], ns, "ns", BENCH_AT_MOST, 8,
                                            "two stacks (sum)", peer_ns});
    bench_measure(bench, geomean_round, NULL, &load, &ns, NULL);
    bench_report(bench, (struct bench_line){names[2], ns, "ns", BENCH_NO_GOAL, 0, NULL, 0});
    empty(&load);
}

static void body(struct bench *bench)
{
    static const char *const one[3] = {"fold: sum, window 1", "fold: max, window 1",
                                       "fold: geometric mean, window 1"};
    static const char *const thousand[3] = {"fold: sum, window 1,000", "fold: max, window 1,000",
                                            "fold: geometric mean, window 1,000"};
    static const char *const million[3] = {"fold: sum, window 1,000,000",
                                           "fold: max, window 1,000,000",
                                           "fold: geometric mean, window 1,000,000"};
    static struct load load;
    load = (struct load){.window = 1, .steps = bench_scaled(bench, 3 * 1000 * 1000)};
    double ns = 0;
    bench_measure(bench, fence_round, NULL, &load, &ns, NULL);
    bench_report(bench, (struct bench_line){"fold: a store and the fence alone", ns, "ns",
                                            BENCH_NO_GOAL, 0, NULL, 0});
    measure_window(bench, 1, one);
    measure_window(bench, 1000, thousand);
    measure_window(bench, bench_scaled(bench, 1000 * 1000), million);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "fold", body);
}

/*
 * The late fold summing doubles over a window of a million items, beside what a service would write
 * by hand: a balanced tree of items with the sums of subtrees (a treap: any operation), and a
 * sorted array with a running sum (only for sums, which can be subtracted again).
 *
 * Each operation is an insertion, the eviction of the oldest item and a query.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define SLU_LATE_NAME                  sum_late
#define SLU_LATE_VALUE                 double
#define SLU_LATE_COMBINE(older, newer) ((older) + (newer))
#define SLU_LATE_IDENTITY              0.0
#include <sluice/fold_late.h>

#define WINDOW_ITEMS   1000000
#define ROUND_STEPS    200000
#define FAR_AHEAD_NS   (UINT64_C(1) << 60)
#define LATENESS_BOUND 2000
#define NO_NODE        UINT32_MAX

/* The treap: a heap by random priority, a search tree by time; later equal times to the right. */
struct treap_node {
    uint64_t time_ns;
    double value;
    double fold; /* of the subtree, in order of time */
    uint32_t priority;
    uint32_t left;
    uint32_t right;
    uint32_t next_free;
};

struct treap {
    struct treap_node *nodes;
    uint32_t root;
    uint32_t free;
    uint64_t random;
};

/* The sorted array slides through twice its size, and is moved to the front at the end. */
struct sorted {
    uint64_t *times;
    double *values;
    size_t first;
    size_t end;
    double sum;
};

/* How the times of a run come: `distance` places late, or up to LATENESS_BOUND at random. */
struct run {
    uint64_t distance;
    bool random_lateness;
    uint64_t steps;
    struct sum_late *late;
    struct treap treap;
    struct sorted sorted;
    uint64_t late_clock;
    uint64_t treap_clock;
    uint64_t sorted_clock;
    uint64_t late_random;
    uint64_t peer_random;
};

static void *must(void *block)
{
    if (block == NULL) {
        perror("fold_late_bench");
        exit(3);
    }
    return block;
}

static void must_be_ok(int err)
{
    if (err != 0) {
        fprintf(stderr, "fold_late_bench: %s\n", strerror(-err));
        exit(3);
    }
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double value_at(uint64_t clock)
{
    return (double)(clock & 1023);
}

static double treap_fold(const struct treap *treap, uint32_t node)
{
    return node == NO_NODE ? 0.0 : treap->nodes[node].fold;
}

static void treap_pull(struct treap *treap, uint32_t node)
{
    struct treap_node *at = &treap->nodes[node];
    at->fold = treap_fold(treap, at->left) + at->value + treap_fold(treap, at->right);
}

/* Split by time: what is at most `time_ns` to the left. */
static void treap_split(struct treap *treap, uint32_t node, uint64_t time_ns, uint32_t *left,
                        uint32_t *right)
{
    if (node == NO_NODE) {
        *left = NO_NODE;
        *right = NO_NODE;
        return;
    }
    struct treap_node *at = &treap->nodes[node];
    if (at->time_ns <= time_ns) {
        treap_split(treap, at->right, time_ns, &at->right, right);
        *left = node;
    } else {
        treap_split(treap, at->left, time_ns, left, &at->left);
        *right = node;
    }
    treap_pull(treap, node);
}

static uint32_t treap_put(struct treap *treap, uint32_t root, uint32_t node)
{
    struct treap_node *at = &treap->nodes[node];
    if (root == NO_NODE || at->priority > treap->nodes[root].priority) {
        treap_split(treap, root, at->time_ns, &at->left, &at->right);
        treap_pull(treap, node);
        return node;
    }
    struct treap_node *above = &treap->nodes[root];
    if (above->time_ns <= at->time_ns) {
        above->right = treap_put(treap, above->right, node);
    } else {
        above->left = treap_put(treap, above->left, node);
    }
    treap_pull(treap, root);
    return root;
}

static void treap_insert(struct treap *treap, uint64_t time_ns, double value)
{
    uint32_t node = treap->free;
    struct treap_node *at = &treap->nodes[node];
    treap->free = at->next_free;
    at->time_ns = time_ns;
    at->value = value;
    at->priority = (uint32_t)(random_next(&treap->random) >> 32);
    at->left = NO_NODE;
    at->right = NO_NODE;
    treap->root = treap_put(treap, treap->root, node);
}

static uint32_t treap_drop_oldest(struct treap *treap, uint32_t node)
{
    struct treap_node *at = &treap->nodes[node];
    if (at->left == NO_NODE) {
        uint32_t rest = at->right;
        at->next_free = treap->free;
        treap->free = node;
        return rest;
    }
    at->left = treap_drop_oldest(treap, at->left);
    treap_pull(treap, node);
    return node;
}

static void treap_init(struct treap *treap, uint32_t node_count)
{
    treap->nodes = must(calloc(node_count, sizeof(treap->nodes[0])));
    for (uint32_t i = 0; i < node_count; i++) {
        treap->nodes[i].next_free = i + 1;
    }
    treap->root = NO_NODE;
    treap->free = 0;
    treap->random = UINT64_C(88172645463325252);
}

static void sorted_insert(struct sorted *sorted, uint64_t time_ns, double value)
{
    if (sorted->end == 2 * WINDOW_ITEMS) {
        size_t count = sorted->end - sorted->first;
        memmove(sorted->times, &sorted->times[sorted->first], count * sizeof(uint64_t));
        memmove(sorted->values, &sorted->values[sorted->first], count * sizeof(double));
        sorted->first = 0;
        sorted->end = count;
    }
    size_t low = sorted->first;
    size_t high = sorted->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted->times[middle] <= time_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t newer = sorted->end++ - low;
    memmove(&sorted->times[low + 1], &sorted->times[low], newer * sizeof(uint64_t));
    memmove(&sorted->values[low + 1], &sorted->values[low], newer * sizeof(double));
    sorted->times[low] = time_ns;
    sorted->values[low] = value;
    sorted->sum += value;
}

static uint64_t run_time(const struct run *run, uint64_t clock, uint64_t *random)
{
    return run->random_lateness ? clock - random_next(random) % LATENESS_BOUND : clock;
}

/*
 * With a distance, that many items lie far ahead and each one comes before them; they never leave.
 * Otherwise the window follows the clock. Eviction is by the oldest time that may be left.
 */
static double late_round(void *context)
{
    struct run *run = context;
    double kept = 0.0;
    uint64_t start = bench_cpu_ns();
    for (uint64_t step = 0; step < run->steps; step++) {
        uint64_t clock = run->late_clock++;
        uint64_t time_ns = run_time(run, clock, &run->late_random);
        int err = sum_late_insert(run->late, time_ns, value_at(clock));
        sum_late_evict_before(run->late, clock + run->distance + 1 - WINDOW_ITEMS);
        kept += sum_late_query(run->late) + (double)err;
    }
    double elapsed = (double)(bench_cpu_ns() - start);
    bench_keep((uint64_t)kept);
    return elapsed / (double)run->steps;
}

static double treap_round(void *context)
{
    struct run *run = context;
    double kept = 0.0;
    uint64_t start = bench_cpu_ns();
    for (uint64_t step = 0; step < run->steps; step++) {
        uint64_t clock = run->treap_clock++;
        treap_insert(&run->treap, run_time(run, clock, &run->peer_random), value_at(clock));
        run->treap.root = treap_drop_oldest(&run->treap, run->treap.root);
        kept += treap_fold(&run->treap, run->treap.root);
    }
    double elapsed = (double)(bench_cpu_ns() - start);
    bench_keep((uint64_t)kept);
    return elapsed / (double)run->steps;
}

static double sorted_round(void *context)
{
    struct run *run = context;
    double kept = 0.0;
    uint64_t start = bench_cpu_ns();
    for (uint64_t step = 0; step < run->steps; step++) {
        uint64_t clock = run->sorted_clock++;
        sorted_insert(&run->sorted, run_time(run, clock, &run->peer_random), value_at(clock));
        run->sorted.sum -= run->sorted.values[run->sorted.first++];
        kept += run->sorted.sum;
    }
    double elapsed = (double)(bench_cpu_ns() - start);
    bench_keep((uint64_t)kept);
    return elapsed / (double)run->steps;
}

static void run_take(struct run *run, uint64_t time_ns, double value)
{
    must_be_ok(sum_late_insert(run->late, time_ns, value));
    treap_insert(&run->treap, time_ns, value);
    sorted_insert(&run->sorted, time_ns, value);
}

/* Fill the windows and let every item of the late fold be replaced once. */
static void run_start(struct run *run, struct slu_budget *budget)
{
    const struct slu_late_options options = {.span_ns = UINT64_MAX, .item_max = WINDOW_ITEMS + 1};
    must_be_ok(sum_late_create(budget, &options, NULL, &run->late));
    treap_init(&run->treap, WINDOW_ITEMS + 2);
    run->sorted.times = must(calloc(2 * WINDOW_ITEMS + 1, sizeof(uint64_t)));
    run->sorted.values = must(calloc(2 * WINDOW_ITEMS + 1, sizeof(double)));
    run->late_random = UINT64_C(88172645463325252);
    run->peer_random = run->late_random;
    uint64_t clock = WINDOW_ITEMS;
    for (; clock < 2 * WINDOW_ITEMS - run->distance; clock++) {
        run_take(run, clock, value_at(clock));
    }
    for (uint64_t i = 0; i < run->distance; i++) {
        run_take(run, FAR_AHEAD_NS + i, value_at(i));
    }
    run->late_clock = clock;
    run->treap_clock = clock;
    run->sorted_clock = clock;
    uint64_t steps = run->steps;
    run->steps = steps == ROUND_STEPS ? WINDOW_ITEMS : steps;
    (void)late_round(run); /* the figure of the settling is of no interest */
    run->steps = steps;
}

static void run_end(struct run *run)
{
    sum_late_destroy(&run->late);
    free(run->treap.nodes);
    free(run->sorted.times);
    free(run->sorted.values);
}

static void late_measure(struct bench *bench, struct slu_budget *budget, const char *name,
                         uint64_t distance, double goal)
{
    struct run run = {.distance = distance == LATENESS_BOUND ? 0 : distance,
                      .random_lateness = distance == LATENESS_BOUND,
                      .steps = bench_scaled(bench, ROUND_STEPS)};
    struct bench_line line = {.name = name, .unit = "ns", .goal = goal, .peer = "treap"};
    line.goal_kind = goal > 0.0 ? BENCH_AT_MOST : BENCH_NO_GOAL;
    run_start(&run, budget);
    bench_measure(bench, late_round, treap_round, &run, &line.value, &line.peer_value);
    bench_report(bench, line);
    if (distance == 1000) {
        line.name = "late fold: the same, beside a sorted array with a running sum";
        line.peer = "sorted array";
        bench_measure(bench, late_round, sorted_round, &run, &line.value, &line.peer_value);
        bench_report(bench, line);
    }
    run_end(&run);
}

/* Half of the window at once, from a window that was filled out of order. */
static double bulk_round(void *context)
{
    struct run *run = context;
    uint64_t random = UINT64_C(88172645463325252);
    sum_late_clear(run->late);
    for (uint64_t i = 0; i < WINDOW_ITEMS; i++) {
        must_be_ok(sum_late_insert(run->late, WINDOW_ITEMS + i - random_next(&random) % 100, 1.0));
    }
    uint64_t start = bench_cpu_ns();
    sum_late_evict_before(run->late, WINDOW_ITEMS + WINDOW_ITEMS / 2);
    uint64_t elapsed_ns = bench_cpu_ns() - start;
    bench_keep((uint64_t)sum_late_query(run->late));
    return (double)elapsed_ns;
}

static void memory_and_bulk(struct bench *bench, struct slu_budget *budget)
{
    const struct slu_late_options options = {.span_ns = UINT64_MAX, .item_max = WINDOW_ITEMS};
    struct run run = {0};
    struct slu_late_stats stats;
    double bulk_ns = 0.0;
    must_be_ok(sum_late_create(budget, &options, NULL, &run.late));
    sum_late_stats(run.late, &stats);
    bench_report(bench, (struct bench_line){
                            .name = "late fold: memory beside an item of 8 bytes, any order",
                            .value = (double)stats.size_bytes / WINDOW_ITEMS - sizeof(double),
                            .unit = "bytes",
                            .goal_kind = BENCH_AT_MOST,
                            .goal = 20.0,
                            .peer = "treap",
                            .peer_value = sizeof(struct treap_node) - sizeof(double)});
    bench_measure(bench, bulk_round, NULL, &run, &bulk_ns, NULL);
    bench_report(bench, (struct bench_line){.name = "late fold: evict 500,000 items in one call",
                                            .value = bulk_ns,
                                            .unit = "ns"});
    sum_late_destroy(&run.late);
}

static void fold_late(struct bench *bench)
{
    struct slu_budget *budget = NULL;
    must_be_ok(slu_budget_create(NULL, "bench", UINT64_C(1) << 30, &budget));
    late_measure(bench, budget, "late fold: in order, window 1 M", 0, 30.0);
    late_measure(bench, budget, "late fold: each item 10 places late, window 1 M", 10, 0.0);
    late_measure(bench, budget, "late fold: each item 1,000 places late, window 1 M", 1000, 90.0);
    late_measure(bench, budget, "late fold: each item 100,000 places late, window 1 M", 100000,
                 0.0);
    late_measure(bench, budget, "late fold: up to 2,000 places late at random, window 1 M",
                 LATENESS_BOUND, 0.0);
    memory_and_bulk(bench, budget);
    slu_budget_destroy(&budget);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "late fold: insert, evict, query; sum of doubles", fold_late);
}

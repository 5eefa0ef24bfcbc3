/*
 * Limiters beside a token bucket in doubles and golang's x/time/rate (where Go is installed); the
 * gate beside a map with a node for each client, and beside the machine's own memory.
 *
 * Calls on the gate cannot overlap: each takes a lock, which ends speculation. So every line but
 * "many" is one of dependent look-ups, and a table beyond the caches costs what memory costs.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/gate.h>
#include <sluice/limiter.h>

#include "alloc_counter.h"
#include "bench.h"

#define SECOND    UINT64_C(1000000000)
#define GAP_COUNT 4096
#define LINE      64

extern char **environ;

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* The token bucket that services write first. */
struct naive_bucket {
    double tokens;
    uint64_t last_ns;
};

static bool naive_allow(struct naive_bucket *bucket, uint64_t now_ns, double rate, double burst)
{
    bucket->tokens += (double)(now_ns - bucket->last_ns) * rate;
    bucket->tokens = bucket->tokens > burst ? burst : bucket->tokens;
    bucket->last_ns = now_ns;
    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

struct single {
    struct slu_budget *budget;
    struct slu_limiter *limiter;
    struct naive_bucket naive;
    uint32_t gaps_ns[GAP_COUNT]; /* random, so that time advances unevenly: 50 ns on average */
    uint64_t now_ns;
    uint64_t calls;
};

/* 10 M a second: about half of the calls are allowed. */
#define SINGLE_LIMIT                                                                               \
    {                                                                                              \
        .count = 10, .period_ns = 1000, .burst = 100                                               \
    }

static double single_round(void *context)
{
    struct single *single = context;
    uint64_t now_ns = single->now_ns;
    uint64_t allowed = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < single->calls; i++) {
        now_ns += single->gaps_ns[i % GAP_COUNT];
        allowed += slu_limiter_allow(single->limiter, now_ns);
    }
    uint64_t end_ns = bench_now_ns();
    single->now_ns = now_ns;
    bench_keep(allowed);
    return (double)(end_ns - start_ns) / (double)single->calls;
}

static double naive_round(void *context)
{
    struct single *single = context;
    uint64_t now_ns = single->naive.last_ns;
    uint64_t allowed = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < single->calls; i++) {
        now_ns += single->gaps_ns[i % GAP_COUNT];
        allowed += naive_allow(&single->naive, now_ns, 1e-2, 100);
    }
    uint64_t end_ns = bench_now_ns();
    bench_keep(allowed);
    return (double)(end_ns - start_ns) / (double)single->calls;
}

static void single_init(struct single *single, enum slu_limiter_kind kind, struct slu_limit limit,
                        bool one_thread)
{
    struct slu_limiter_options options = {.kind = kind, .limit = limit, .one_thread = one_thread};
    *single = (struct single){.now_ns = SECOND};
    if (slu_budget_create(NULL, "bench", 1 << 20, &single->budget) != 0 ||
        slu_limiter_create(single->budget, &options, NULL, &single->limiter) != 0) {
        fail("the limiter");
    }
    uint64_t random = 42;
    for (size_t i = 0; i < GAP_COUNT; i++) {
        single->gaps_ns[i] = (uint32_t)(random_next(&random) % 100);
    }
}

static void single_deinit(struct single *single)
{
    slu_limiter_destroy(&single->limiter);
    slu_budget_destroy(&single->budget);
}

/* What `go run` prints for as many calls, in ns a call; 0, with the reason, where it cannot. */
static double go_rate_ns(uint64_t calls)
{
    char count[24];
    char out[64] = "";
    int ends[2];
    pid_t child = 0;
    int status = 0;
    snprintf(count, sizeof(count), "%" PRIu64, calls);
    char *arguments[] = {
        "env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", "go", "run", LIMIT_BENCH_PEER, count,
        NULL};
    posix_spawn_file_actions_t actions;
    if (pipe(ends) != 0 || posix_spawn_file_actions_init(&actions) != 0) {
        fail("a pipe to go");
    }
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    int err = posix_spawnp(&child, "env", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    ssize_t got = err == 0 ? read(ends[0], out, sizeof(out) - 1) : -1;
    close(ends[0]);
    if (err == 0) {
        waitpid(child, &status, 0);
    }
    if (got <= 0 || status != 0) {
        fprintf(stderr,
                "limit: no line beside golang x/time/rate: `go run %s` failed (Debian: "
                "golang-go, golang-golang-x-time-dev)\n",
                LIMIT_BENCH_PEER);
        return 0;
    }
    return strtod(out, NULL);
}

static void measure_bucket(struct bench *bench)
{
    static struct single single;
    double ns = 0;
    double naive_ns = 0;
    single_init(&single, SLU_LIMITER_BUCKET, (struct slu_limit)SINGLE_LIMIT, true);
    single.calls = bench_scaled(bench, 10 * 1000 * 1000);
    (void)single_round(&single);
    uint64_t allocations = bench_alloc_count();
    (void)single_round(&single);
    allocations = bench_alloc_count() - allocations;
    bench_report(bench,
                 (struct bench_line){"limiter: allocations after creation", (double)allocations,
                                     "calls", BENCH_AT_MOST, 0, NULL, 0});
    bench_measure(bench, single_round, naive_round, &single, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"GCRA: allow, one thread", ns, "ns", BENCH_AT_MOST, 6,
                                            "bucket in doubles", naive_ns});
    single_deinit(&single);
}

static void measure_shared_bucket(struct bench *bench)
{
    static struct single single;
    double ns = 0;
    single_init(&single, SLU_LIMITER_BUCKET, (struct slu_limit)SINGLE_LIMIT, false);
    single.calls = bench_scaled(bench, 10 * 1000 * 1000);
    (void)single_round(&single);
    bench_measure(bench, single_round, NULL, &single, &ns, NULL);
    double go_ns = single.calls < 1000 * 1000 ? 0 : go_rate_ns(single.calls);
    bench_report(bench, (struct bench_line){"GCRA: allow, any thread", ns, "ns", BENCH_NO_GOAL, 0,
                                            go_ns > 0 ? "golang x/time/rate" : NULL, go_ns});
    single_deinit(&single);
}

static void measure_window(struct bench *bench, enum slu_limiter_kind kind, const char *name)
{
    static struct single single;
    double ns = 0;
    single_init(&single, kind, (struct slu_limit){.count = 1000, .period_ns = 100 * 1000}, false);
    single.calls = bench_scaled(bench, 10 * 1000 * 1000);
    (void)single_round(&single);
    bench_measure(bench, single_round, NULL, &single, &ns, NULL);
    bench_report(bench, (struct bench_line){name, ns, "ns", BENCH_NO_GOAL, 0, NULL, 0});
    single_deinit(&single);
}

/* A node for each client that ever came. */
struct naive_node {
    struct naive_node *next;
    uint64_t key;
    struct naive_bucket bucket;
};

struct naive_map {
    struct naive_node **heads;
    uint64_t mask;
    uint64_t node_count;
};

static void map_init(struct naive_map *map, uint64_t keys)
{
    uint64_t size = 1;
    while (size < keys) {
        size *= 2;
    }
    *map = (struct naive_map){calloc(size, sizeof(map->heads[0])), size - 1, 0};
    if (map->heads == NULL) {
        fail("the naive map");
    }
}

static void map_deinit(struct naive_map *map)
{
    for (uint64_t i = 0; i <= map->mask; i++) {
        for (struct naive_node *node = map->heads[i]; node != NULL;) {
            struct naive_node *next = node->next;
            free(node);
            node = next;
        }
    }
    free(map->heads);
}

static bool map_allow(struct naive_map *map, uint64_t key, uint64_t now_ns)
{
    uint64_t seed = key;
    struct naive_node **head = &map->heads[random_next(&seed) & map->mask];
    struct naive_node *node = *head;
    while (node != NULL && node->key != key) {
        node = node->next;
    }
    if (node == NULL) {
        node = malloc(sizeof(*node));
        if (node == NULL) {
            fail("the naive map");
        }
        *node = (struct naive_node){*head, key, {100, now_ns}};
        *head = node;
        map->node_count++;
    }
    return naive_allow(&node->bucket, now_ns, 1e-6, 100);
}

/* Clients in the order in which they come, enough of them that the order is not learnt. */
#define COMING_COUNT ((size_t)1 << 20)

struct crowd {
    struct slu_budget *budget;
    struct slu_gate *gate;
    struct naive_map map;
    uint64_t keys;
    uint64_t *coming;
    uint64_t now_ns;
    uint64_t step_ns;
    uint64_t calls;
    uint64_t offset; /* each round begins elsewhere */
    char *field;     /* memory of the gate's size, to be read at random */
    size_t field_bytes;
};

static void crowd_init(struct crowd *crowd, uint64_t keys, struct slu_limit limit)
{
    struct slu_gate_class class = {.limit = limit};
    struct slu_gate_options options = {
        .keys_max = keys, .classes = &class, .class_count = 1, .policy = SLU_GATE_DENY};
    *crowd = (struct crowd){.keys = keys, .now_ns = SECOND};
    if (slu_budget_create(NULL, "bench", UINT64_C(1) << 32, &crowd->budget) != 0 ||
        slu_gate_create(crowd->budget, &options, NULL, &crowd->gate) != 0) {
        fail("the gate");
    }
    crowd->coming = calloc(COMING_COUNT, sizeof(crowd->coming[0]));
    if (crowd->coming == NULL) {
        fail("the clients");
    }
}

static double crowd_bytes(const struct crowd *crowd)
{
    struct slu_budget_stats stats;
    slu_budget_stats(crowd->budget, &stats);
    return (double)stats.used_bytes;
}

static void crowd_deinit(struct crowd *crowd)
{
    slu_gate_destroy(&crowd->gate);
    slu_budget_destroy(&crowd->budget);
    free(crowd->coming);
}

static void come_uniform(struct crowd *crowd)
{
    uint64_t random = 7;
    for (size_t i = 0; i < COMING_COUNT; i++) {
        crowd->coming[i] = random_next(&random) % crowd->keys;
    }
}

/*
 * Zipf with exponent 1.1, by inverting the integral of its density; which clients are the frequent
 * ones is spread over all numbers.
 */
static void come_zipf(struct crowd *crowd)
{
    uint64_t random = 7;
    double last = pow((double)crowd->keys + 1, -0.1);
    for (size_t i = 0; i < COMING_COUNT; i++) {
        double unit = (double)(random_next(&random) >> 11) / 9007199254740992.0;
        double rank = pow(1 - unit * (1 - last), -10) - 1;
        uint64_t number = (uint64_t)rank < crowd->keys ? (uint64_t)rank : crowd->keys - 1;
        crowd->coming[i] = number * UINT64_C(2654435761) % crowd->keys;
    }
}

static double gate_round(void *context)
{
    struct crowd *crowd = context;
    uint64_t now_ns = crowd->now_ns;
    uint64_t allowed = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < crowd->calls; i++) {
        uint64_t number = crowd->coming[(i + crowd->offset) % COMING_COUNT];
        now_ns += crowd->step_ns;
        allowed += slu_gate_allow(crowd->gate, 0, slu_gate_key_number(crowd->gate, number), now_ns);
    }
    uint64_t end_ns = bench_now_ns();
    crowd->now_ns = now_ns;
    crowd->offset += crowd->calls;
    bench_keep(allowed);
    return (double)(end_ns - start_ns) / (double)crowd->calls;
}

static double map_round(void *context)
{
    struct crowd *crowd = context;
    uint64_t now_ns = crowd->now_ns;
    uint64_t allowed = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < crowd->calls; i++) {
        uint64_t number = crowd->coming[(i + crowd->offset) % COMING_COUNT];
        now_ns += crowd->step_ns;
        allowed += map_allow(&crowd->map, number, now_ns);
        number = allowed;
    }
    uint64_t end_ns = bench_now_ns();
    bench_keep(allowed);
    return (double)(end_ns - start_ns) / (double)crowd->calls;
}

#define MANY 64

static double many_round(void *context)
{
    struct crowd *crowd = context;
    struct slu_gate_key keys[MANY];
    bool results[MANY];
    uint64_t allowed = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < crowd->calls; i += MANY) {
        for (size_t k = 0; k < MANY; k++) {
            uint64_t number = crowd->coming[(i + k + crowd->offset) % COMING_COUNT];
            keys[k] = slu_gate_key_number(crowd->gate, number);
        }
        crowd->now_ns += MANY * crowd->step_ns;
        allowed += slu_gate_allow_many(crowd->gate, 0, keys, MANY, crowd->now_ns, results);
    }
    uint64_t end_ns = bench_now_ns();
    crowd->offset += crowd->calls;
    bench_keep(allowed);
    return (double)(end_ns - start_ns) / (double)crowd->calls;
}

/* One load after the other from random lines of as many bytes as the gate has, in huge pages. */
static double field_round(void *context)
{
    struct crowd *crowd = context;
    uint64_t lines = crowd->field_bytes / LINE;
    uint64_t at = 1 + crowd->offset;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < crowd->calls; i++) {
        at = at * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t line = (uint64_t)(((__uint128_t)at * lines) >> 64);
        at += *(volatile uint64_t *)(crowd->field + line * LINE);
    }
    uint64_t end_ns = bench_now_ns();
    bench_keep(at);
    return (double)(end_ns - start_ns) / (double)crowd->calls;
}

static void field_init(struct crowd *crowd, size_t bytes)
{
    crowd->field_bytes = bytes;
    crowd->field = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (crowd->field == MAP_FAILED) {
        fail("the field");
    }
    (void)madvise(crowd->field, bytes, MADV_HUGEPAGE); /* as fast as it gets */
    memset(crowd->field, 0, bytes);
}

struct size {
    uint64_t keys;
    uint64_t calls;
    double goal_ns;
    const char *uniform;
    const char *zipf;
    const char *many;
    const char *bytes;
};

static const struct size sizes[] = {
    {10000, 5000000, 15, "gate, 10 k keys: uniform", "gate, 10 k keys: zipf 1.1",
     "gate, 10 k keys: uniform, many", "gate, 10 k keys: bytes a key"},
    {1000000, 3000000, 30, "gate, 1 M keys: uniform", "gate, 1 M keys: zipf 1.1",
     "gate, 1 M keys: uniform, many", "gate, 1 M keys: bytes a key"},
    {10000000, 2000000, 45, "gate, 10 M keys: uniform", "gate, 10 M keys: zipf 1.1",
     "gate, 10 M keys: uniform, many", "gate, 10 M keys: bytes a key"},
};

static void measure_crowd(struct bench *bench, const struct size *size)
{
    static struct crowd crowd;
    double ns = 0;
    double peer_ns = 0;
    uint64_t keys = bench_scaled(bench, size->keys);
    crowd_init(&crowd, keys, (struct slu_limit){.count = 1000, .period_ns = SECOND, .burst = 100});
    map_init(&crowd.map, keys);
    crowd.calls = bench_scaled(bench, size->calls);
    crowd.step_ns = 100;
    for (uint64_t i = 0; i < keys; i++) {
        bench_keep(slu_gate_allow(crowd.gate, 0, slu_gate_key_number(crowd.gate, i), crowd.now_ns));
        bench_keep(map_allow(&crowd.map, i, crowd.now_ns));
    }
    field_init(&crowd, (size_t)crowd_bytes(&crowd));
    double naive_bytes = (double)crowd.map.node_count * 32 + (double)(crowd.map.mask + 1) * 8;
    bench_report(bench, (struct bench_line){size->bytes, crowd_bytes(&crowd) / (double)keys, "B",
                                            BENCH_AT_MOST, 32, "map of nodes",
                                            naive_bytes / (double)keys});
    come_uniform(&crowd);
    bench_measure(bench, gate_round, map_round, &crowd, &ns, &peer_ns);
    bench_report(bench, (struct bench_line){size->uniform, ns, "ns", BENCH_AT_MOST, size->goal_ns,
                                            "map of nodes", peer_ns});
    bench_measure(bench, gate_round, field_round, &crowd, &ns, &peer_ns);
    bench_report(bench, (struct bench_line){size->uniform, ns, "ns", BENCH_AT_MOST, size->goal_ns,
                                            "one dependent load", peer_ns});
    bench_measure(bench, many_round, field_round, &crowd, &ns, &peer_ns);
    bench_report(bench, (struct bench_line){size->many, ns, "ns", BENCH_AT_MOST, size->goal_ns,
                                            "one dependent load", peer_ns});
    come_zipf(&crowd);
    bench_measure(bench, gate_round, map_round, &crowd, &ns, &peer_ns);
    bench_report(bench, (struct bench_line){size->zipf, ns, "ns", BENCH_AT_MOST, size->goal_ns,
                                            "map of nodes", peer_ns});
    munmap(crowd.field, crowd.field_bytes);
    map_deinit(&crowd.map);
    crowd_deinit(&crowd);
}

/* New clients all the time, as many as the gate can hold in the time for which each owes. */
static double churn_round(void *context)
{
    struct crowd *crowd = context;
    uint64_t now_ns = crowd->now_ns;
    uint64_t number = crowd->offset;
    uint64_t allowed = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < crowd->calls; i++) {
        now_ns += crowd->step_ns;
        struct slu_gate_key key = slu_gate_key_number(crowd->gate, number++);
        allowed += slu_gate_allow(crowd->gate, 0, key, now_ns);
    }
    uint64_t end_ns = bench_now_ns();
    crowd->now_ns = now_ns;
    crowd->offset = number;
    bench_keep(allowed);
    return (double)(end_ns - start_ns) / (double)crowd->calls;
}

static void measure_churn(struct bench *bench, const struct size *size, double load,
                          const char *name)
{
    static struct crowd crowd;
    double ns = 0;
    uint64_t keys = bench_scaled(bench, size->keys);
    crowd_init(&crowd, keys, (struct slu_limit){.count = 1, .period_ns = SECOND, .burst = 1});
    crowd.step_ns = (uint64_t)((double)SECOND / ((double)keys * load)) + 1;
    crowd.calls = 2 * keys;
    (void)churn_round(&crowd);
    crowd.calls = bench_scaled(bench, size->calls);
    bench_measure(bench, churn_round, NULL, &crowd, &ns, NULL);
    bench_report(bench, (struct bench_line){name, ns, "ns", BENCH_AT_MOST, size->goal_ns, NULL, 0});
    crowd_deinit(&crowd);
}

static void body(struct bench *bench)
{
    measure_bucket(bench);
    measure_shared_bucket(bench);
    measure_window(bench, SLU_LIMITER_COUNTER, "sliding counter: allow, any thread");
    measure_window(bench, SLU_LIMITER_LOG, "sliding log: allow, any thread");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        measure_crowd(bench, &sizes[i]);
    }
    measure_churn(bench, &sizes[0], 1, "gate, 10 k keys: churn at a full budget");
    measure_churn(bench, &sizes[1], 1, "gate, 1 M keys: churn at a full budget");
    measure_churn(bench, &sizes[2], 1, "gate, 10 M keys: churn at a full budget");
    measure_churn(bench, &sizes[1], 10, "gate, 1 M keys: churn at ten times the budget");
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "limit", body);
}

/*
 * The guard beside what services write first: a mutex around a hash set of the keys' copies, each
 * with the time at which it is no longer believed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/bloom.h>
#include <sluice/guard.h>

#include "bench.h"

#define SECOND  UINT64_C(1000000000)
#define SPAN_NS (64 * SECOND)

static void must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "guard_bench: %s: error %d\n", what, err);
        exit(3);
    }
}

struct naive_node {
    struct naive_node *next;
    uint64_t until_ns;
    size_t len;
    char key[];
};

struct naive {
    pthread_mutex_t lock;
    struct naive_node **heads;
    size_t head_count;
    uint64_t bytes;
};

static uint64_t naive_hash(const void *key, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ ((const unsigned char *)key)[i]) * UINT64_C(1099511628211);
    }
    return hash ^ hash >> 32;
}

static void naive_make(struct naive *naive, size_t key_count)
{
    *naive = (struct naive){.lock = PTHREAD_MUTEX_INITIALIZER, .head_count = key_count};
    naive->heads = calloc(key_count, sizeof(struct naive_node *));
    must(naive->heads == NULL, "the naive set");
    naive->bytes = key_count * sizeof(struct naive_node *);
}

static struct naive_node **naive_place(struct naive *naive, const void *key, size_t len)
{
    struct naive_node **at = &naive->heads[naive_hash(key, len) % naive->head_count];
    while (*at != NULL && ((*at)->len != len || memcmp((*at)->key, key, len) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

static void naive_add(struct naive *naive, const void *key, size_t len, uint64_t until_ns)
{
    pthread_mutex_lock(&naive->lock);
    struct naive_node **at = naive_place(naive, key, len);
    if (*at == NULL) {
        struct naive_node *node = malloc(sizeof(*node) + len);
        must(node == NULL, "the naive set");
        node->next = NULL;
        node->len = len;
        memcpy(node->key, key, len);
        naive->bytes += sizeof(*node) + len + sizeof(size_t); /* malloc's own word */
        *at = node;
    }
    (*at)->until_ns = until_ns;
    pthread_mutex_unlock(&naive->lock);
}

static bool naive_missing(struct naive *naive, const void *key, size_t len, uint64_t now_ns)
{
    pthread_mutex_lock(&naive->lock);
    const struct naive_node *node = *naive_place(naive, key, len);
    bool missing = node != NULL && now_ns < node->until_ns;
    pthread_mutex_unlock(&naive->lock);
    return missing;
}

static void naive_remove(struct naive *naive, const void *key, size_t len)
{
    pthread_mutex_lock(&naive->lock);
    struct naive_node **at = naive_place(naive, key, len);
    struct naive_node *gone = *at;
    *at = gone == NULL ? NULL : gone->next;
    pthread_mutex_unlock(&naive->lock);
    free(gone);
}

static void naive_free(struct naive *naive)
{
    for (size_t i = 0; i < naive->head_count; i++) {
        while (naive->heads[i] != NULL) {
            struct naive_node *gone = naive->heads[i];
            naive->heads[i] = gone->next;
            free(gone);
        }
    }
    free(naive->heads);
}

/* Made when it is needed, as a request brings it, so that keys cost no cache misses themselves. */
struct key {
    char prefix[8];
    uint64_t number;
};

static struct key key_of(uint64_t number)
{
    return (struct key){"account:", number};
}

static struct slu_bytes key_bytes(const struct key *key)
{
    return (struct slu_bytes){key, sizeof(*key)};
}

struct load {
    struct slu_budget *budget;
    struct slu_guard *guard;
    struct naive naive;
    uint64_t key_count; /* a power of two */
    uint64_t looks;
};

/* All keys in turn, in an order that no cache guesses. */
static uint64_t key_after(const struct load *load, uint64_t number)
{
    return (number * UINT64_C(6364136223846793005) + 1442695040888963407) & (load->key_count - 1);
}

static struct slu_guard_options guard_options(uint32_t missing_max)
{
    return (struct slu_guard_options){.seed = 1,
                                      .span_ns = SPAN_NS,
                                      .lease_ns = SECOND,
                                      .missing_max = missing_max,
                                      .flight_max = 1024,
                                      .waiter_max = 1024};
}

static void load_init(struct load *load, const struct slu_guard_options *options,
                      uint64_t key_count)
{
    struct slu_diag diag = {.message = ""};
    *load = (struct load){.key_count = key_count};
    must(slu_budget_create(NULL, "bench", UINT64_C(1) << 30, &load->budget), "the budget");
    int err = slu_guard_create(load->budget, options, &diag, &load->guard);
    must(err, diag.message);
}

static void load_deinit(struct load *load)
{
    slu_guard_destroy(&load->guard);
    slu_budget_destroy(&load->budget);
}

/* The store has none of the keys. */
static uint64_t miss(struct slu_guard *guard, uint64_t now_ns, struct slu_bytes key)
{
    struct slu_guard_ticket ticket;
    if (slu_guard_begin(guard, now_ns, key, &ticket) != SLU_GUARD_LEADER) {
        return 0;
    }
    must(slu_guard_finish(guard, now_ns, &ticket, SLU_GUARD_TELL_MISSING, 0), "finish");
    return 1;
}

static void load_fill(struct load *load)
{
    for (uint64_t i = 0; i < load->key_count; i++) {
        struct key key = key_of(i);
        (void)miss(load->guard, SECOND, key_bytes(&key)); /* each once */
    }
}

static double guard_look_round(void *context)
{
    struct load *load = context;
    struct slu_guard_ticket ticket;
    uint64_t found = 0;
    uint64_t at = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->looks; i++) {
        at = key_after(load, at);
        struct key key = key_of(at);
        enum slu_guard_answer answer =
            slu_guard_begin(load->guard, 2 * SECOND, key_bytes(&key), &ticket);
        found += answer == SLU_GUARD_MISSING || answer == SLU_GUARD_LIKELY_MISSING;
    }
    double ns = (double)(bench_cpu_ns() - start_ns) / (double)load->looks;
    must(found < load->looks / 100 * 99, "the keys are not known");
    return ns;
}

/* The next key is known only when the answer is. */
static double guard_dependent_round(void *context)
{
    struct load *load = context;
    struct slu_guard_ticket ticket;
    uint64_t at = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->looks; i++) {
        struct key key = key_of(at);
        at = key_after(load, at);
        at ^= slu_guard_begin(load->guard, 2 * SECOND, key_bytes(&key), &ticket) & 8;
    }
    return (double)(bench_cpu_ns() - start_ns) / (double)load->looks;
}

static double naive_look_round(void *context)
{
    struct load *load = context;
    uint64_t found = 0;
    uint64_t at = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->looks; i++) {
        at = key_after(load, at);
        struct key key = key_of(at);
        found += naive_missing(&load->naive, &key, sizeof(key), 2 * SECOND);
    }
    bench_keep(found);
    return (double)(bench_cpu_ns() - start_ns) / (double)load->looks;
}

static void naive_fill(struct load *load)
{
    naive_make(&load->naive, load->key_count);
    for (uint64_t i = 0; i < load->key_count; i++) {
        struct key key = key_of(i);
        naive_add(&load->naive, &key, sizeof(key), SPAN_NS);
    }
}

static void measure_look(struct bench *bench, uint64_t key_count, const char *name,
                         const char *dependent_name)
{
    static struct load load;
    double ns = 0;
    double naive_ns = 0;
    struct slu_guard_options options = guard_options((uint32_t)key_count);
    load_init(&load, &options, key_count);
    load_fill(&load);
    naive_fill(&load);
    load.looks = bench_scaled(bench, 2 * 1000 * 1000);
    bench_measure(bench, guard_look_round, naive_look_round, &load, &ns, &naive_ns);
    bench_report(bench,
                 (struct bench_line){name, ns, "ns", BENCH_AT_MOST, 40, "mutex and set", naive_ns});
    bench_measure(bench, guard_dependent_round, NULL, &load, &ns, NULL);
    bench_report(bench, (struct bench_line){dependent_name, ns, "ns", BENCH_NO_GOAL, 0, NULL, 0});
    naive_free(&load.naive);
    load_deinit(&load);
}

static void measure_bytes(struct bench *bench)
{
    static struct load load;
    struct slu_budget_stats small;
    struct slu_budget_stats large;
    enum {
        KEYS = 100000
    };
    double bytes[2];
    for (int window = 0; window < 2; window++) {
        struct slu_guard_options options = guard_options(window ? 1 : KEYS);
        options.window_key_max = window ? KEYS : 0;
        options.window_rate = 0.001;
        load_init(&load, &options, KEYS);
        slu_budget_stats(load.budget, &large);
        naive_fill(&load);
        slu_guard_destroy(&load.guard);
        options = guard_options(1);
        must(slu_guard_create(load.budget, &options, NULL, &load.guard), "the guard");
        slu_budget_stats(load.budget, &small);
        bytes[window] = (double)(large.used_bytes - small.used_bytes) / KEYS;
        naive_free(&load.naive);
        load_deinit(&load);
    }
    double naive_bytes = (double)load.naive.bytes / KEYS;
    bench_report(bench, (struct bench_line){"guard: bytes a known-missing key", bytes[0], "B",
                                            BENCH_NO_GOAL, 0, "mutex and set", naive_bytes});
    bench_report(bench,
                 (struct bench_line){"guard: bytes a key in the window, rate 0.1 %", bytes[1], "B",
                                     BENCH_NO_GOAL, 0, "mutex and set", naive_bytes});
}

static void measure_window_look(struct bench *bench)
{
    static struct load load;
    double ns = 0;
    double naive_ns = 0;
    enum {
        KEYS = 100000
    };
    struct slu_guard_options options = guard_options(1);
    options.window_key_max = 2 * KEYS;
    options.window_rate = 0.001;
    options.window_refuses = true;
    options.exempt_max = 1000;
    load_init(&load, &options, KEYS);
    load_fill(&load);
    naive_fill(&load);
    load.looks = bench_scaled(bench, 2 * 1000 * 1000);
    bench_measure(bench, guard_look_round, naive_look_round, &load, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"guard: look-up of a likely missing key", ns, "ns",
                                            BENCH_NO_GOAL, 0, "mutex and set", naive_ns});
    naive_free(&load.naive);
    load_deinit(&load);
}

/*
 * Ten spans of missing keys, each with as many as are configured; then how many of the keys that
 * exist are refused, as a multiple of the configured rate. The peer is one filter of that size that
 * is never emptied.
 */
static void measure_rate(struct bench *bench, double rate, const char *name)
{
    static struct load load;
    uint64_t key_max = bench_scaled(bench, 1000 * 1000);
    uint64_t looks = bench_scaled(bench, 10 * 1000 * 1000);
    struct slu_guard_options options = guard_options(1);
    options.window_key_max = key_max;
    options.window_rate = rate;
    options.window_refuses = true;
    options.exempt_max = 1;
    load_init(&load, &options, 1);
    struct slu_bloom_options filter_options = {.capacity = key_max, .rate = rate, .seed = 1};
    struct slu_bloom *filter = NULL;
    must(slu_bloom_create(load.budget, &filter_options, NULL, &filter), "the filter");
    uint64_t now_ns = 0;
    for (uint64_t key = 0; key < 10 * key_max; key++) {
        now_ns = (uint64_t)((double)key * (double)SPAN_NS / (double)key_max);
        (void)miss(load.guard, now_ns, (struct slu_bytes){&key, sizeof(key)}); /* a few are known */
        (void)slu_bloom_add(filter, (struct slu_bytes){&key, sizeof(key)});    /* the same */
    }
    uint64_t refused = 0;
    uint64_t filter_refused = 0;
    for (uint64_t real = UINT64_C(1) << 40; real < (UINT64_C(1) << 40) + looks; real++) {
        struct slu_bytes key = {&real, sizeof(real)};
        refused += slu_guard_check(load.guard, now_ns, key) != SLU_GUARD_UNKNOWN;
        filter_refused += slu_bloom_may_contain(filter, key);
    }
    double expected = rate * (double)looks;
    bench_report(bench, (struct bench_line){name, (double)refused / expected, "x", BENCH_AT_MOST,
                                            1.2, "one filter, never emptied",
                                            (double)filter_refused / expected});
    slu_bloom_destroy(&filter);
    load_deinit(&load);
}

static double guard_ask_round(void *context)
{
    struct load *load = context;
    struct slu_guard_ticket ticket;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->looks; i++) {
        struct key key = key_of(i);
        (void)!slu_guard_begin(load->guard, SECOND, key_bytes(&key), &ticket); /* the leader */
        must(slu_guard_finish(load->guard, SECOND, &ticket, SLU_GUARD_TELL_FOUND, i), "finish");
    }
    return (double)(bench_cpu_ns() - start_ns) / (double)load->looks;
}

static double naive_ask_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->looks; i++) {
        struct key key = key_of(i);
        naive_add(&load->naive, &key, sizeof(key), 0);
        naive_remove(&load->naive, &key, sizeof(key));
    }
    return (double)(bench_cpu_ns() - start_ns) / (double)load->looks;
}

static void measure_ask(struct bench *bench)
{
    static struct load load;
    double ns = 0;
    double naive_ns = 0;
    struct slu_guard_options options = guard_options(10000);
    load_init(&load, &options, 1);
    naive_make(&load.naive, 1024);
    load.looks = bench_scaled(bench, 1000 * 1000);
    bench_measure(bench, guard_ask_round, naive_ask_round, &load, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"guard: begin and finish, a key that exists", ns, "ns",
                                            BENCH_NO_GOAL, 0, "mutex and set", naive_ns});
    naive_free(&load.naive);
    load_deinit(&load);
}

/* The same key from two cores, by wall clock: what a shared lock costs. */
struct hammer {
    struct load *load;
    double (*round)(void *context);
    atomic_bool stop;
};

static void *hammer_run(void *arg)
{
    struct hammer *hammer = arg;
    (void)bench_pin(1); /* or both share a core, and the figure says so */
    while (!atomic_load_explicit(&hammer->stop, memory_order_relaxed)) {
        (void)hammer->round(hammer->load);
    }
    return NULL;
}

static double hammered(struct load *load, double (*round)(void *context))
{
    struct hammer hammer = {.load = load, .round = round};
    pthread_t thread;
    must(pthread_create(&thread, NULL, hammer_run, &hammer), "the second thread");
    (void)round(load);
    uint64_t start_ns = bench_now_ns();
    (void)round(load);
    double ns = (double)(bench_now_ns() - start_ns) / (double)load->looks;
    atomic_store(&hammer.stop, true);
    pthread_join(thread, NULL);
    return ns;
}

static double guard_hammered_round(void *context)
{
    return hammered(context, guard_look_round);
}

static double naive_hammered_round(void *context)
{
    return hammered(context, naive_look_round);
}

static void measure_hammered(struct bench *bench)
{
    static struct load load;
    double ns = 0;
    double naive_ns = 0;
    struct slu_guard_options options = guard_options(1000);
    load_init(&load, &options, 1);
    load_fill(&load);
    naive_fill(&load);
    load.looks = bench_scaled(bench, 500 * 1000);
    bench_measure(bench, guard_hammered_round, naive_hammered_round, &load, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"guard: look-up of one key by two threads", ns, "ns",
                                            BENCH_NO_GOAL, 0, "mutex and set", naive_ns});
    naive_free(&load.naive);
    load_deinit(&load);
}

/* 1,000 missing keys asked for over and over, beside as many look-ups of keys that come once. */
static double flood_asks(struct bench *bench, uint64_t window_key_max)
{
    static struct load load;
    struct slu_guard_options options = guard_options(2000);
    options.window_key_max = window_key_max;
    options.window_rate = 0.01;
    load_init(&load, &options, 1);
    uint64_t asks = 0;
    uint64_t looks = bench_scaled(bench, 1000 * 1000);
    for (uint64_t i = 0; i < looks; i++) {
        struct key key = key_of(i % 1000);
        asks += miss(load.guard, SECOND, key_bytes(&key));
        (void)miss(load.guard, SECOND, (struct slu_bytes){&i, sizeof(i)});
    }
    load_deinit(&load);
    return 1000 * (double)asks / (double)looks;
}

static void body(struct bench *bench)
{
    measure_look(bench, 1 << 17, "guard: look-up of a known-missing key, 131,072 keys",
                 "guard: the same, each after the other's answer");
    measure_look(bench, 1 << 20, "guard: look-up of a known-missing key, 1,048,576 keys",
                 "guard: the same at 1,048,576, each after the other's answer");
    measure_window_look(bench);
    measure_hammered(bench);
    measure_ask(bench);
    measure_rate(bench, 0.01, "guard: false positives, times the configured 1 %");
    measure_rate(bench, 0.001, "guard: false positives, times the configured 0.1 %");
    measure_bytes(bench);
    double with = flood_asks(bench, 100000);
    bench_report(bench,
                 (struct bench_line){"guard: asks in 1,000 look-ups beside a flood", with, "asks",
                                     BENCH_NO_GOAL, 0, "without a window", flood_asks(bench, 0)});
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "guard", body);
}

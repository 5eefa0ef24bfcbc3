/*
 * The meter beside what services write first: a mutex around a growing hash map whose keys are the
 * label values joined into a string.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/meter.h>

#include "alloc_counter.h"
#include "bench.h"

#define METHOD_COUNT 5
#define PATH_COUNT   400
#define CODE_COUNT   5
#define SERIES_COUNT (METHOD_COUNT * PATH_COUNT * CODE_COUNT)
#define ORDER_COUNT  (1 << 16)
#define LABEL_COUNT  3
#define SECOND       UINT64_C(1000000000)

struct naive_entry {
    char *key;
    uint64_t hash;
    uint64_t count;
};

struct naive {
    pthread_mutex_t lock;
    struct naive_entry *entries;
    size_t capacity;
    size_t used;
};

/* A series by its labels, which lie in the cache, as those of a request just read do. */
struct pick {
    uint8_t method;
    uint8_t code;
    uint16_t path;
};

struct load {
    struct slu_budget *budget;
    struct slu_label_rules *rules;
    struct slu_meter *meter;
    uint32_t metric;
    struct naive naive;
    struct slu_bytes methods[METHOD_COUNT];
    struct slu_bytes paths[PATH_COUNT];
    struct slu_bytes codes[CODE_COUNT];
    char path_texts[PATH_COUNT][64];
    struct slu_series *series;
    struct slu_series summary;
    _Atomic uint64_t *atomics;
    struct pick *order;
    uint64_t records;
    uint32_t writer;
};

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

static uint64_t naive_hash(const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *key != '\0'; key++) {
        hash = (hash ^ (uint8_t)*key) * UINT64_C(1099511628211);
    }
    return hash;
}

static struct naive_entry *naive_place(struct naive *naive, const char *key, uint64_t hash)
{
    size_t at = hash & (naive->capacity - 1);
    while (naive->entries[at].key != NULL &&
           (naive->entries[at].hash != hash || strcmp(naive->entries[at].key, key) != 0)) {
        at = (at + 1) & (naive->capacity - 1);
    }
    return &naive->entries[at];
}

static void naive_grow(struct naive *naive)
{
    struct naive old = *naive;
    naive->capacity = old.capacity == 0 ? 64 : 2 * old.capacity;
    naive->entries = calloc(naive->capacity, sizeof(naive->entries[0]));
    if (naive->entries == NULL) {
        fail("the naive map");
    }
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.entries[i].key != NULL) {
            *naive_place(naive, old.entries[i].key, old.entries[i].hash) = old.entries[i];
        }
    }
    free(old.entries);
}

static void naive_count(struct naive *naive, const struct slu_bytes *values, uint64_t amount)
{
    char key[256];
    size_t len = 0;
    for (int i = 0; i < LABEL_COUNT; i++) {
        memcpy(key + len, values[i].data, values[i].len);
        len += values[i].len;
        key[len++] = '\x1f';
    }
    key[len] = '\0';
    uint64_t hash = naive_hash(key);
    pthread_mutex_lock(&naive->lock);
    if (2 * naive->used >= naive->capacity) {
        naive_grow(naive);
    }
    struct naive_entry *entry = naive_place(naive, key, hash);
    if (entry->key == NULL) {
        *entry = (struct naive_entry){strdup(key), hash, 0};
        naive->used++;
    }
    entry->count += amount;
    pthread_mutex_unlock(&naive->lock);
}

static void naive_deinit(struct naive *naive)
{
    for (size_t i = 0; i < naive->capacity; i++) {
        free(naive->entries[i].key);
    }
    free(naive->entries);
    *naive = (struct naive){.lock = PTHREAD_MUTEX_INITIALIZER};
}

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void values_init(struct load *load, bool with_query)
{
    static const char *const methods[METHOD_COUNT] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    static const char *const codes[CODE_COUNT] = {"200", "201", "304", "404", "500"};
    for (uint32_t i = 0; i < METHOD_COUNT; i++) {
        load->methods[i] = bytes_of(methods[i]);
    }
    for (uint32_t i = 0; i < CODE_COUNT; i++) {
        load->codes[i] = bytes_of(codes[i]);
    }
    for (uint32_t i = 0; i < PATH_COUNT; i++) {
        (void)snprintf(load->path_texts[i], sizeof(load->path_texts[i]),
                       with_query ? "/api/v1/part%c%c/%u?id=%u" : "/api/v1/part%c%c/items",
                       'a' + i % 26, 'a' + i / 26, 1000 + i, i);
        load->paths[i] = bytes_of(load->path_texts[i]);
    }
}

static uint32_t pick_number(struct pick pick)
{
    uint32_t pair = (uint32_t)pick.path * METHOD_COUNT + pick.method;
    return pair * CODE_COUNT + pick.code;
}

static struct pick pick_of(uint32_t number)
{
    return (struct pick){.code = (uint8_t)(number % CODE_COUNT),
                         .method = (uint8_t)(number / CODE_COUNT % METHOD_COUNT),
                         .path = (uint16_t)(number / CODE_COUNT / METHOD_COUNT)};
}

static void pick_values(const struct load *load, struct pick pick,
                        struct slu_bytes values[LABEL_COUNT])
{
    values[0] = load->methods[pick.method];
    values[1] = load->paths[pick.path];
    values[2] = load->codes[pick.code];
}

static void meter_init(struct load *load, uint32_t series_max)
{
    static const char *const labels[LABEL_COUNT] = {"method", "path", "code"};
    struct slu_meter_options options = {
        .metrics_max = 16,
        .series_max = series_max,
        .labels_max = 8,
        .value_bytes_max = 128,
        .names_bytes_max = 4096,
        .writer_count = 4,
        .values_bytes_max = 64 * 1024,
        .idle_ns = 300 * SECOND,
        .seed = 42,
        .rules = load->rules,
        .windows_max = 2,
        .window = {.span_ns = 60 * SECOND, .slot_count = 60, .size_bytes = 16384},
    };
    struct slu_metric_options metric = {.name = "requests",
                                        .kind = SLU_METRIC_COUNTER,
                                        .labels = labels,
                                        .label_count = LABEL_COUNT};
    if (slu_meter_create(load->budget, &options, NULL, &load->meter) != 0 ||
        slu_meter_register(load->meter, &metric, NULL, &load->metric) != 0) {
        fail("the meter");
    }
    struct slu_metric_options latency = {.name = "latency", .kind = SLU_METRIC_SUMMARY};
    struct slu_meter_key latency_key = {0};
    if (slu_meter_register(load->meter, &latency, NULL, &latency_key.metric) != 0 ||
        slu_meter_resolve(load->meter, 0, &latency_key, 1, &load->summary) != 0) {
        fail("the summary");
    }
    for (uint32_t i = 0; i < SERIES_COUNT; i++) {
        struct slu_bytes values[LABEL_COUNT];
        pick_values(load, pick_of(i), values);
        struct slu_meter_key key = {load->metric, LABEL_COUNT, NULL, values};
        if (slu_meter_resolve(load->meter, 0, &key, 1, &load->series[i]) != 0) {
            fail("a series");
        }
    }
}

static void load_init(struct load *load, const struct slu_label_options *rules)
{
    *load = (struct load){.naive.lock = PTHREAD_MUTEX_INITIALIZER};
    load->series = calloc(SERIES_COUNT, sizeof(load->series[0]));
    load->atomics = calloc(SERIES_COUNT, sizeof(load->atomics[0]));
    load->order = calloc(ORDER_COUNT, sizeof(load->order[0]));
    if (load->series == NULL || load->atomics == NULL || load->order == NULL ||
        slu_budget_create(NULL, "bench", 64 << 20, &load->budget) != 0 ||
        slu_label_rules_create(load->budget, rules, NULL, &load->rules) != 0) {
        fail("the load");
    }
    uint64_t random = 42;
    for (uint32_t i = 0; i < ORDER_COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        load->order[i] = pick_of((uint32_t)((random >> 33) % SERIES_COUNT));
    }
}

static void load_deinit(struct load *load)
{
    slu_meter_destroy(&load->meter);
    slu_label_rules_destroy(&load->rules);
    slu_budget_destroy(&load->budget);
    naive_deinit(&load->naive);
    free(load->series);
    free(load->atomics);
    free(load->order);
}

static double labels_round(void *context)
{
    struct load *load = context;
    int err = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->records; i++) {
        struct slu_bytes values[LABEL_COUNT];
        pick_values(load, load->order[i % ORDER_COUNT], values);
        struct slu_meter_key key = {load->metric, LABEL_COUNT, NULL, values};
        err |= slu_meter_count_key(load->meter, load->writer, &key, i, 1);
    }
    uint64_t end_ns = bench_now_ns();
    bench_keep((uint64_t)err);
    return (double)(end_ns - start_ns) / (double)load->records;
}

static double naive_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->records; i++) {
        struct slu_bytes values[LABEL_COUNT];
        pick_values(load, load->order[i % ORDER_COUNT], values);
        naive_count(&load->naive, values, 1);
    }
    return (double)(bench_now_ns() - start_ns) / (double)load->records;
}

static double handle_round(void *context)
{
    struct load *load = context;
    int err = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->records; i++) {
        err |= slu_meter_count(load->meter, load->writer,
                               load->series[pick_number(load->order[i % ORDER_COUNT])], i, 1);
    }
    uint64_t end_ns = bench_now_ns();
    bench_keep((uint64_t)err);
    return (double)(end_ns - start_ns) / (double)load->records;
}

static double atomic_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->records; i++) {
        atomic_fetch_add_explicit(&load->atomics[pick_number(load->order[i % ORDER_COUNT])], 1,
                                  memory_order_relaxed);
    }
    return (double)(bench_now_ns() - start_ns) / (double)load->records;
}

static double observe_round(void *context)
{
    struct load *load = context;
    int err = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < load->records; i++) {
        err |= slu_meter_observe(load->meter, 0, load->summary, i * 1000,
                                 1000 + (double)load->order[i % ORDER_COUNT].path);
    }
    uint64_t end_ns = bench_now_ns();
    bench_keep((uint64_t)err);
    return (double)(end_ns - start_ns) / (double)load->records;
}

static int discard(void *context, const char *bytes, size_t len)
{
    (void)bytes;
    *(uint64_t *)context += len;
    return 0;
}

static double expose_round(void *context)
{
    struct load *load = context;
    uint64_t written = 0;
    uint64_t start_ns = bench_now_ns();
    int err = slu_meter_expose(load->meter, 2, SLU_METER_PROMETHEUS, discard, &written);
    uint64_t end_ns = bench_now_ns();
    bench_keep(written + (uint64_t)err);
    return (double)(end_ns - start_ns) / SERIES_COUNT;
}

static void measure_known(struct bench *bench)
{
    static struct load load;
    double ns = 0;
    double naive_ns = 0;
    load_init(&load, &(struct slu_label_options){0});
    values_init(&load, false);
    meter_init(&load, SERIES_COUNT + 1);
    load.records = bench_scaled(bench, 2 * 1000 * 1000);
    (void)labels_round(&load);
    (void)naive_round(&load);
    uint64_t allocations = bench_alloc_count();
    (void)labels_round(&load);
    bench_report(bench, (struct bench_line){"meter: allocations after creation",
                                            (double)(bench_alloc_count() - allocations), "",
                                            BENCH_AT_MOST, 0, NULL, 0});
    bench_measure(bench, labels_round, naive_round, &load, &ns, &naive_ns);
    bench_report(bench,
                 (struct bench_line){"meter: count by 3 labels, 10,000 series", ns, "ns",
                                     BENCH_AT_MOST, 120, "mutex and map of strings", naive_ns});
    (void)handle_round(&load);
    bench_measure(bench, handle_round, atomic_round, &load, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"meter: count by handle, 10,000 series", ns, "ns",
                                            BENCH_AT_MOST, 8, "atomic add", naive_ns});
    load.writer = SLU_METER_ANY_THREAD;
    bench_measure(bench, handle_round, NULL, &load, &ns, NULL);
    bench_report(bench, (struct bench_line){"meter: count by handle without a writer", ns, "ns",
                                            BENCH_NO_GOAL, 0, NULL, 0});
    bench_measure(bench, observe_round, NULL, &load, &ns, NULL);
    bench_report(bench, (struct bench_line){"meter: observe by handle, a quantile window", ns, "ns",
                                            BENCH_NO_GOAL, 0, NULL, 0});
    bench_measure(bench, expose_round, NULL, &load, &ns, NULL);
    bench_report(bench, (struct bench_line){"meter: exposition, each series", ns, "ns",
                                            BENCH_NO_GOAL, 0, NULL, 0});
    struct slu_budget_stats stats;
    slu_budget_stats(load.budget, &stats);
    bench_report(bench, (struct bench_line){"meter: bytes a series, 4 writers, 8 labels",
                                            (double)stats.used_bytes / SERIES_COUNT, "B",
                                            BENCH_NO_GOAL, 0, NULL, 0});
    load_deinit(&load);
}

/* Each request has its own number in the path and in the query. */
static void measure_raw(struct bench *bench)
{
    static struct load load;
    double ns = 0;
    double naive_ns = 0;
    static const struct slu_label_rule rules[] = {{"path", SLU_LABEL_PATH},
                                                  {"method", SLU_LABEL_METHOD}};
    load_init(&load, &(struct slu_label_options){.rules = rules, .rule_count = 2});
    values_init(&load, true);
    meter_init(&load, SERIES_COUNT);
    load.records = bench_scaled(bench, 2 * 1000 * 1000);
    (void)labels_round(&load);
    (void)naive_round(&load);
    bench_measure(bench, labels_round, naive_round, &load, &ns, &naive_ns);
    bench_report(bench, (struct bench_line){"meter: the same, raw path and method normalised", ns,
                                            "ns", BENCH_AT_MOST, 120,
                                            "mutex and map, nothing normalised", naive_ns});
    load_deinit(&load);
}

/* Nine of ten label sets are beyond the cap. */
static void measure_overflow(struct bench *bench)
{
    static struct load load;
    double ns = 0;
    load_init(&load, &(struct slu_label_options){0});
    values_init(&load, false);
    meter_init(&load, SERIES_COUNT / 10);
    load.records = bench_scaled(bench, 2 * 1000 * 1000);
    (void)labels_round(&load);
    bench_measure(bench, labels_round, NULL, &load, &ns, NULL);
    bench_report(bench, (struct bench_line){"meter: count by 3 labels, 9 of 10 beyond the cap", ns,
                                            "ns", BENCH_NO_GOAL, 0, NULL, 0});
    load_deinit(&load);
}

static void body(struct bench *bench)
{
    measure_known(bench);
    measure_raw(bench);
    measure_overflow(bench);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "meter", body);
}

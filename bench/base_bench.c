/* The base structures: what one operation costs, beside the C library where it has a peer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/bloom.h>
#include <sluice/budget.h>
#include <sluice/intern.h>
#include <sluice/pool.h>

#include "bench.h"

#define RECORD_BYTES 64
#define RECORD_COUNT 4096 /* a power of two */
#define STRING_COUNT 8192 /* a power of two */
#define STRING_BYTES 32

struct base {
    struct slu_budget *root;
    struct slu_budget *leaf;
    struct slu_pool *pool;
    struct slu_intern *intern;
    struct slu_bloom *bloom; /* of the running measurement */
    char strings[STRING_COUNT][STRING_BYTES];
    uint64_t rounds;
};

static void must(int err)
{
    if (err != 0) {
        fprintf(stderr, "base: unexpected error %d\n", err);
        exit(3);
    }
}

static double per_item_ns(uint64_t start_ns, uint64_t count)
{
    return (double)(bench_now_ns() - start_ns) / (double)count;
}

static double charge_round(void *context)
{
    struct base *base = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < base->rounds; i++) {
        must(slu_budget_charge(base->leaf, 64 + i % 64));
        slu_budget_release(base->leaf, 64 + i % 64);
    }
    return per_item_ns(start_ns, base->rounds);
}

/*
 * RECORD_COUNT records live; each step gives one back, picked as a scattered sequence, and takes
 * another, whose first word is written.
 */
static uint64_t scattered(uint64_t step, uint64_t count)
{
    return (step * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (count - 1);
}

static double pool_round(void *context)
{
    struct base *base = context;
    static slu_pool_handle handles[RECORD_COUNT];
    void *record = NULL;
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        must(slu_pool_take(base->pool, &handles[i], &record));
    }
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < base->rounds; i++) {
        uint64_t at = scattered(i, RECORD_COUNT);
        must(slu_pool_give(base->pool, handles[at]));
        must(slu_pool_take(base->pool, &handles[at], &record));
        *(uint64_t *)record = i;
    }
    double ns = per_item_ns(start_ns, base->rounds);
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        must(slu_pool_give(base->pool, handles[i]));
    }
    return ns;
}

static double malloc_round(void *context)
{
    struct base *base = context;
    static uint64_t *records[RECORD_COUNT];
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        records[i] = malloc(RECORD_BYTES);
    }
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < base->rounds; i++) {
        uint64_t at = scattered(i, RECORD_COUNT);
        free(records[at]);
        records[at] = malloc(RECORD_BYTES);
        *records[at] = i;
        bench_keep((uint64_t)(uintptr_t)records[at]);
    }
    double ns = per_item_ns(start_ns, base->rounds);
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        free(records[i]);
    }
    return ns;
}

static double resolve_round(void *context)
{
    struct base *base = context;
    static slu_pool_handle handles[RECORD_COUNT];
    void *record = NULL;
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        must(slu_pool_take(base->pool, &handles[i], &record));
        *(uint64_t *)record = i;
    }
    uint64_t sum = 0;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < base->rounds; i++) {
        /* Each look-up depends on the one before. */
        sum = *(uint64_t *)slu_pool_resolve(base->pool, handles[scattered(i + sum, RECORD_COUNT)]);
    }
    double ns = per_item_ns(start_ns, base->rounds);
    bench_keep(sum);
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        must(slu_pool_give(base->pool, handles[i]));
    }
    return ns;
}

static struct slu_bytes string_at(const struct base *base, uint64_t n)
{
    return (struct slu_bytes){base->strings[n], strlen(base->strings[n])};
}

/* Strings such as label values are, some 22 bytes long. */
static void strings_make(struct base *base)
{
    for (uint64_t n = 0; n < STRING_COUNT; n++) {
        snprintf(base->strings[n], STRING_BYTES, "/api/v1/item/%08x", (unsigned)(n * 2654435761u));
        slu_intern_id id = 0;
        must(slu_intern_add(base->intern, 0, string_at(base, n), &id));
    }
}

static double intern_hit_round(void *context)
{
    struct base *base = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < base->rounds; i++) {
        slu_intern_id id = 0;
        must(slu_intern_add(base->intern, i, string_at(base, scattered(i, STRING_COUNT)), &id));
        must(slu_intern_release(base->intern, i, id));
    }
    return per_item_ns(start_ns, base->rounds);
}

static double intern_find_round(void *context)
{
    struct base *base = context;
    uint64_t start_ns = bench_now_ns();
    uint64_t sum = 0;
    for (uint64_t i = 0; i < base->rounds; i++) {
        slu_intern_id id = 0;
        /* Each look-up depends on the one before. */
        struct slu_bytes string = string_at(base, scattered(i + (sum & 1), STRING_COUNT));
        sum += slu_intern_find(base->intern, string, &id) ? id : 0;
    }
    bench_keep(sum);
    return per_item_ns(start_ns, base->rounds);
}

/* Every string is new, and reclaims one that has expired. */
static double intern_churn_round(void *context)
{
    struct base *base = context;
    struct slu_intern *intern = NULL;
    struct slu_intern_options options = {.strings_max = STRING_COUNT,
                                         .string_bytes_max = 64,
                                         .bytes_max = STRING_COUNT * 8,
                                         .idle_ns = STRING_COUNT / 2,
                                         .seed = 1};
    must(slu_intern_create(base->leaf, &options, NULL, &intern));
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < base->rounds; i++) {
        slu_intern_id id = 0;
        must(slu_intern_add(intern, i, (struct slu_bytes){&i, sizeof(i)}, &id));
        must(slu_intern_release(intern, i, id));
    }
    double ns = per_item_ns(start_ns, base->rounds);
    slu_intern_destroy(&intern);
    return ns;
}

#define CACHED_KEYS   10000
#define UNCACHED_KEYS 20000000

/* Keys 0 to count - 1 are there. */
static struct slu_bloom *bloom_make(struct base *base, uint64_t count)
{
    struct slu_bloom_options options = {.capacity = count, .rate = 0.01, .seed = 1};
    must(slu_bloom_create(base->leaf, &options, NULL, &base->bloom));
    for (uint64_t key = 0; key < count; key++) {
        (void)slu_bloom_add(base->bloom, (struct slu_bytes){&key, sizeof(key)}); /* new or not */
    }
    return base->bloom;
}

/* Half of the look-ups find their key; each depends on the one before. */
static double bloom_look(struct base *base, uint64_t count)
{
    uint64_t start_ns = bench_now_ns();
    uint64_t found = 0;
    for (uint64_t i = 0; i < base->rounds; i++) {
        uint64_t draw = (i + (found & 1)) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
        uint64_t key = (draw * 2 * count) >> 32;
        found += slu_bloom_may_contain(base->bloom, (struct slu_bytes){&key, sizeof(key)});
    }
    bench_keep(found);
    return per_item_ns(start_ns, base->rounds);
}

static double bloom_cached_round(void *context)
{
    return bloom_look(context, CACHED_KEYS);
}

static double bloom_uncached_round(void *context)
{
    return bloom_look(context, UNCACHED_KEYS);
}

static double bloom_hash_round(void *context)
{
    struct base *base = context;
    uint64_t start_ns = bench_now_ns();
    uint64_t found = 0;
    for (uint64_t i = 0; i < base->rounds; i++) {
        uint64_t hash = (i + (found & 1)) * UINT64_C(0x9e3779b97f4a7c15);
        found += slu_bloom_may_contain_hash(base->bloom, hash);
    }
    bench_keep(found);
    return per_item_ns(start_ns, base->rounds);
}

static double bloom_add_round(void *context)
{
    struct base *base = context;
    uint64_t start_ns = bench_now_ns();
    for (uint64_t i = 0; i < base->rounds; i++) {
        uint64_t key = i % (2 * CACHED_KEYS);
        (void)slu_bloom_add(base->bloom, (struct slu_bytes){&key, sizeof(key)}); /* new or not */
    }
    return per_item_ns(start_ns, base->rounds);
}

static void measure(struct bench *bench, struct base *base, const char *name,
                    double (*round)(void *context), const char *peer,
                    double (*peer_round)(void *context))
{
    struct bench_line line = {.name = name, .unit = "ns", .peer = peer};
    bench_measure(bench, round, peer_round, base, &line.value, &line.peer_value);
    bench_report(bench, line);
}

static void bloom_body(struct bench *bench, struct base *base)
{
    struct slu_bloom *bloom = bloom_make(base, CACHED_KEYS);
    measure(bench, base, "Bloom: look-up of 8 bytes, 10,000 keys (dependent)", bloom_cached_round,
            NULL, NULL);
    measure(bench, base, "Bloom: look-up of a hash, 10,000 keys (dependent)", bloom_hash_round,
            NULL, NULL);
    measure(bench, base, "Bloom: add 8 bytes, 10,000 keys", bloom_add_round, NULL, NULL);
    slu_bloom_destroy(&bloom);
    bloom = bloom_make(base, bench_scaled(bench, UNCACHED_KEYS));
    measure(bench, base, "Bloom: look-up of 8 bytes, 20 million keys (dependent)",
            bloom_uncached_round, NULL, NULL);
    slu_bloom_destroy(&bloom);
}

static void body(struct bench *bench)
{
    static struct base base;
    base.rounds = bench_scaled(bench, 5000000);
    must(slu_budget_create(NULL, "root", 64 << 20, &base.root));
    must(slu_budget_create(base.root, "leaf", 64 << 20, &base.leaf));
    struct slu_pool_options pool = {.record_bytes = RECORD_BYTES, .capacity = RECORD_COUNT};
    must(slu_pool_create(base.leaf, &pool, NULL, &base.pool));
    struct slu_intern_options intern = {.strings_max = STRING_COUNT,
                                        .string_bytes_max = STRING_BYTES,
                                        .bytes_max = STRING_COUNT * STRING_BYTES,
                                        .seed = 1};
    must(slu_intern_create(base.leaf, &intern, NULL, &base.intern));
    strings_make(&base);
    measure(bench, &base, "budget: charge and release, two levels", charge_round, NULL, NULL);
    measure(bench, &base, "pool: give and take one of 4,096 records", pool_round, "malloc/free",
            malloc_round);
    measure(bench, &base, "pool: resolve a handle (dependent)", resolve_round, NULL, NULL);
    measure(bench, &base, "intern: find one of 8,192 strings (dependent)", intern_find_round, NULL,
            NULL);
    measure(bench, &base, "intern: add one that is there, and release it", intern_hit_round, NULL,
            NULL);
    measure(bench, &base, "intern: add a new string, reclaiming one", intern_churn_round, NULL,
            NULL);
    bloom_body(bench, &base);
    slu_intern_destroy(&base.intern);
    slu_pool_destroy(&base.pool);
    slu_budget_destroy(&base.leaf);
    slu_budget_destroy(&base.root);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "base", body);
}

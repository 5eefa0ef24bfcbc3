/* unbounded-keys: a window of latencies for each URL as it came, ids and all; none is dropped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

#define BUCKETS_FIRST 256
#define SLOTS         12

struct series {
    struct series *next;
    uint64_t hash;
    uint64_t slots[SLOTS];
    char *url;
};

struct metrics {
    struct series **buckets;
    size_t bucket_count;
    size_t series_count;
};

/* FNV-1a: Fowler, Noll, Vo. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        return -ENOMEM;
    }
    metrics->bucket_count = BUCKETS_FIRST;
    metrics->buckets = calloc(metrics->bucket_count, sizeof(struct series *));
    *state = metrics;
    return metrics->buckets == NULL ? -ENOMEM : 0;
}

static void table_grow(struct metrics *metrics)
{
    size_t count = 2 * metrics->bucket_count;
    struct series **buckets = calloc(count, sizeof(struct series *));
    if (buckets == NULL) {
        return; /* longer chains will do */
    }
    for (size_t i = 0; i < metrics->bucket_count; i++) {
        while (metrics->buckets[i] != NULL) {
            struct series *moved = metrics->buckets[i];
            metrics->buckets[i] = moved->next;
            moved->next = buckets[moved->hash % count];
            buckets[moved->hash % count] = moved;
        }
    }
    free(metrics->buckets);
    metrics->buckets = buckets;
    metrics->bucket_count = count;
}

static struct series *series_find(const struct metrics *metrics, uint64_t hash, const char *url)
{
    struct series *series = metrics->buckets[hash % metrics->bucket_count];
    while (series != NULL && (series->hash != hash || strcmp(series->url, url) != 0)) {
        series = series->next;
    }
    return series;
}

static struct series *series_add(struct metrics *metrics, uint64_t hash, const char *url)
{
    if (metrics->series_count >= metrics->bucket_count) {
        table_grow(metrics);
    }
    struct series *series = calloc(1, sizeof(*series));
    if (series == NULL || (series->url = strdup(url)) == NULL) {
        free(series);
        return NULL;
    }
    series->hash = hash;
    series->next = metrics->buckets[hash % metrics->bucket_count];
    metrics->buckets[hash % metrics->bucket_count] = series;
    metrics->series_count++;
    return series;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct metrics *metrics = state;
    uint64_t hash = hash_of(request->path);
    struct series *series = series_find(metrics, hash, request->path);
    series = series == NULL ? series_add(metrics, hash, request->path) : series;
    if (series == NULL) {
        return 503;
    }
    series->slots[request->now_ns / 5000000000 % SLOTS]++;
    return 200;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct metrics *metrics = state;
    figures[0] = (struct lab_figure){"series", (double)metrics->series_count};
    return 1;
}

static void destroy(void *state)
{
    (void)state; /* nobody drops a series */
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};

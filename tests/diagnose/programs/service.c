/*
 * A service in small, in one of three faulty or three healthy forms: service FORM. Under `sluice
 * heap run` it leaves a profile after each turn of the same work, so that nothing depends on time.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS       30
#define REQUESTS    2000
#define BUCKETS_MIN 64
#define BODY_BYTES  16384
#define CACHE_COUNT 8000

struct entry {
    struct entry *next;
    uint64_t hits;
    char *key;
};

static struct entry **buckets;
static size_t bucket_count;
static size_t entry_count;
static char *heads[TURNS * REQUESTS];
static size_t head_count;
static char *cache[CACHE_COUNT];
static char *batch[TURNS * REQUESTS];
static size_t batch_count;
static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

static void *must(void *block)
{
    if (block == NULL) {
        abort();
    }
    return block;
}

static void grow_table(void)
{
    size_t grown_count = bucket_count == 0 ? BUCKETS_MIN : 2 * bucket_count;
    struct entry **grown = must(calloc(grown_count, sizeof(*grown)));
    for (size_t i = 0; i < bucket_count; i++) {
        while (buckets[i] != NULL) {
            struct entry *moved = buckets[i];
            buckets[i] = moved->next;
            moved->next = grown[moved->hits % grown_count];
            grown[moved->hits % grown_count] = moved;
        }
    }
    free(buckets);
    buckets = grown;
    bucket_count = grown_count;
}

/* unbounded-keys: whatever a client sends becomes a key. */
static void count_by_key(uint64_t id)
{
    char key[64];
    if (entry_count >= bucket_count) {
        grow_table();
    }
    struct entry *entry = must(malloc(sizeof(*entry)));
    snprintf(key, sizeof(key), "/user/%llu/profile", (unsigned long long)id);
    *entry =
        (struct entry){.next = buckets[id % bucket_count], .hits = id, .key = must(strdup(key))};
    buckets[id % bucket_count] = entry;
    entry_count++;
}

/* retained-array: a few bytes of each body keep all of it. */
static void keep_head(uint64_t id)
{
    char *body = NULL;
    for (size_t len = 256; len <= BODY_BYTES && id % 50 == 0; len *= 2) {
        body = must(realloc(body, len));
    }
    if (body != NULL) {
        heads[head_count++] = body;
    }
}

static void *wait_for_ever(void *argument)
{
    char *work = must(malloc(4096));
    memcpy(work, argument, 8);
    pthread_mutex_lock(&never);
    pthread_mutex_unlock(&never);
    return work;
}

/* task-leak: what they wait for never comes. */
static void start_task(uint64_t id)
{
    pthread_t thread;
    pthread_attr_t attributes;
    static char argument[8];
    if (id % 200 != 0) {
        return;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    if (pthread_create(&thread, &attributes, wait_for_ever, argument) != 0) {
        abort();
    }
}

/* healthy: the last 8,000 answers. */
static void answer_cached(uint64_t id)
{
    char **place = &cache[id % CACHE_COUNT];
    free(*place);
    *place = must(malloc(200));
}

/* healthy: gathered, then sent. */
static void gather(uint64_t id)
{
    batch[batch_count++] = must(malloc(200));
    while (id % (6 * REQUESTS) == 0 && batch_count > 0) {
        free(batch[--batch_count]);
    }
}

/* healthy: used and given back. */
static void use(uint64_t id)
{
    char *work = must(malloc(100 + id % 1000));
    memset(work, 1, 100);
    __asm__ volatile("" ::"r"(work) : "memory");
    free(work);
}

static const struct {
    const char *name;
    void (*serve)(uint64_t id);
} forms[] = {
    {"keys", count_by_key},   {"arrays", keep_head}, {"tasks", start_task},
    {"cache", answer_cached}, {"gather", gather},    {"churn", use},
};

static void run(void (*serve)(uint64_t id), int (*write_profile)(const char *), const char *folder)
{
    uint64_t id = 0;
    char path[4096];
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < REQUESTS; i++, id++) {
            use(id);
            serve(id);
        }
        snprintf(path, sizeof(path), "%s/turn.%d.pb.gz", folder, turn);
        if (write_profile(path) != 0) {
            abort();
        }
    }
}

int main(int argc, char **argv)
{
    int (*write_profile)(const char *) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "slu_heap_write");
    memcpy(&write_profile, &found, sizeof(found));
    pthread_mutex_lock(&never);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && argc == 3 && found != NULL; i++) {
        if (strcmp(argv[1], forms[i].name) == 0) {
            run(forms[i].serve, write_profile, argv[2]);
            _Exit(0);
        }
    }
    return 2;
}

/*
 * A program that does little but allocate, and counts what it does: what a profiler costs at its
 * worst, and the truth that a profile is compared with.
 *
 *   heavy [--threads N] [--pairs N] [--depth N] [--retain PER_MILLION] [--seed N]
 *
 * Each thread allocates 16 bytes to 64 KiB (each power of two as often), some frames deep, and
 * frees the block that was in its place among the newest thousand; one in a thousand is kept for
 * ever. At the end it prints one line:
 *
 *   alloc_objects alloc_bytes inuse_objects inuse_bytes cpu_ns
 *
 * and to the file named by HEAVY_VARIANCES, if that is set, the variances of the four that sampling
 * with a mean of HEAVY_RATE bytes brings, computed allocation by allocation.
 */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PLACES      1024
#define THREADS_MAX 64

struct options {
    uint64_t threads;
    uint64_t pairs; /* of all threads together */
    uint64_t depth;
    uint64_t retain_per_million;
    uint64_t seed;
    double rate_bytes; /* 0: no variances */
};

struct figures {
    double objects;
    double bytes;
    double objects_variance;
    double bytes_variance;
};

struct worker {
    const struct options *options;
    pthread_t thread;
    uint64_t random;
    struct figures allocated;
    struct figures in_use;
    void *places[PLACES];
    size_t sizes[PLACES];
};

static void *kept_chain; /* of each thread's kept blocks, so that a leak check finds them */
static pthread_mutex_t kept_mutex = PTHREAD_MUTEX_INITIALIZER;

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t size_draw(uint64_t *state)
{
    uint64_t drawn = random_next(state);
    unsigned shift = 4 + (unsigned)((drawn >> 32) % 12);
    uint64_t base = (uint64_t)1 << shift;
    return (size_t)(base + (drawn & (base - 1)));
}

static void figures_add(struct figures *figures, size_t size, double rate_bytes, double sign)
{
    double bytes = (double)size;
    figures->objects += sign;
    figures->bytes += sign * bytes;
    if (rate_bytes > 0) {
        double sampled = -expm1(-bytes / rate_bytes);
        double variance = (1 - sampled) / sampled;
        figures->objects_variance += sign * variance;
        figures->bytes_variance += sign * variance * bytes * bytes;
    }
}

/* Two functions in turn, so that stacks differ, and that neither is a loop to the compiler. */
static void *descend_left(uint64_t path, uint64_t depth, size_t size);
static void *descend_right(uint64_t path, uint64_t depth, size_t size);

__attribute__((noinline)) static void *descend_left(uint64_t path, uint64_t depth, size_t size)
{
    void *block = depth == 0 ? malloc(size)
                  : path & 1 ? descend_right(path >> 1, depth - 1, size)
                             : descend_left(path >> 1, depth - 1, size);
    __asm__ volatile("" : "+r"(block)); /* not a tail call */
    return block;
}

__attribute__((noinline)) static void *descend_right(uint64_t path, uint64_t depth, size_t size)
{
    void *block = depth == 0 ? malloc(size)
                  : path & 1 ? descend_left(path >> 1, depth - 1, size)
                             : descend_right(path >> 1, depth - 1, size);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static void keep(void *block)
{
    pthread_mutex_lock(&kept_mutex);
    memcpy(block, &kept_chain, sizeof(kept_chain));
    kept_chain = block;
    pthread_mutex_unlock(&kept_mutex);
}

static void pair(struct worker *worker)
{
    const struct options *options = worker->options;
    uint64_t drawn = random_next(&worker->random);
    size_t size = size_draw(&worker->random);
    void *block = descend_left(drawn & 7, options->depth, size);
    if (block == NULL) {
        abort();
    }
    memset(block, 1, size < 64 ? size : 64);
    figures_add(&worker->allocated, size, options->rate_bytes, 1);
    figures_add(&worker->in_use, size, options->rate_bytes, 1);
    if ((drawn >> 8) % 1000000 < options->retain_per_million) {
        keep(block);
        return;
    }
    size_t place = (size_t)(drawn >> 40) % PLACES;
    if (worker->places[place] != NULL) {
        figures_add(&worker->in_use, worker->sizes[place], options->rate_bytes, -1);
        free(worker->places[place]);
    }
    worker->places[place] = block;
    worker->sizes[place] = size;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    uint64_t pairs = worker->options->pairs / worker->options->threads;
    for (uint64_t i = 0; i < pairs; i++) {
        pair(worker);
    }
    return NULL;
}

static void options_read(struct options *options, int argc, char **argv)
{
    const struct {
        const char *name;
        uint64_t *value;
    } known[] = {{"--threads", &options->threads},
                 {"--pairs", &options->pairs},
                 {"--depth", &options->depth},
                 {"--retain", &options->retain_per_million},
                 {"--seed", &options->seed}};
    for (int i = 1; i + 1 < argc; i += 2) {
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            if (strcmp(argv[i], known[k].name) == 0) {
                *known[k].value = strtoull(argv[i + 1], NULL, 10);
            }
        }
    }
    const char *rate = getenv("HEAVY_RATE");
    options->rate_bytes = rate == NULL ? 0 : strtod(rate, NULL);
    if (options->threads < 1 || options->threads > THREADS_MAX) {
        fprintf(stderr, "heavy: 1 to %d threads\n", THREADS_MAX);
        exit(2);
    }
}

static void report(const struct figures *allocated, const struct figures *in_use)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("%.0f %.0f %.0f %.0f %lld\n", allocated->objects, allocated->bytes, in_use->objects,
           in_use->bytes, (long long)cpu.tv_sec * 1000000000 + cpu.tv_nsec);
    const char *path = getenv("HEAVY_VARIANCES");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "%.9g %.9g %.9g %.9g\n", allocated->objects_variance,
                allocated->bytes_variance, in_use->objects_variance, in_use->bytes_variance);
        fclose(file);
    }
}

static void figures_merge(struct figures *sum, const struct figures *other)
{
    sum->objects += other->objects;
    sum->bytes += other->bytes;
    sum->objects_variance += other->objects_variance;
    sum->bytes_variance += other->bytes_variance;
}

int main(int argc, char **argv)
{
    struct options options = {
        .threads = 2, .pairs = 3000000, .depth = 20, .retain_per_million = 1000, .seed = 1};
    options_read(&options, argc, argv);
    static struct worker workers[THREADS_MAX];
    for (uint64_t i = 0; i < options.threads; i++) {
        workers[i].options = &options;
        workers[i].random = options.seed * UINT64_C(0x9e3779b97f4a7c15) + i * 77777 + 1;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            return 3;
        }
    }
    struct figures allocated = {0};
    struct figures in_use = {0};
    for (uint64_t i = 0; i < options.threads; i++) {
        pthread_join(workers[i].thread, NULL);
        figures_merge(&allocated, &workers[i].allocated);
        figures_merge(&in_use, &workers[i].in_use);
    }
    report(&allocated, &in_use);
    return 0;
}

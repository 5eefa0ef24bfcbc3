/*
 * A program that holds memory of one kind, says "ready", and waits for the end of its input:
 *
 *   holder arenas     threads with arenas of their own, and blocks in mappings of their own
 *   holder fragment   80 MB of blocks, most of them freed
 *   holder mappings   memory from mmap, shared memory, a deep stack
 */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB          ((size_t)1 << 20)
#define THREADS      4
#define BLOCKS       20000
#define KEPT_EACH    64
#define SMALL_BLOCKS 8000
#define STEADY       10000

static void *volatile blocks[BLOCKS + SMALL_BLOCKS + STEADY];
static pthread_barrier_t all_are_there;

static void ended(bool well)
{
    if (!well) {
        exit(3);
    }
}

static void *filled(size_t bytes)
{
    void *block = malloc(bytes);
    ended(block != NULL);
    return memset(block, 1, bytes);
}

static void *thread_hold(void *argument)
{
    enum {
        COUNT = 3000
    };
    static __thread void *own[COUNT];
    (void)argument;
    for (size_t i = 0; i < COUNT; i++) {
        own[i] = filled(16 + i * 37 % 5000);
    }
    for (size_t i = 0; i < COUNT; i += 3) {
        free(own[i]);
    }
    pthread_barrier_wait(&all_are_there);
    while (pause() < 0) {
    }
    return NULL;
}

static void arenas(void)
{
    pthread_t threads[THREADS];
    ended(pthread_barrier_init(&all_are_there, NULL, THREADS + 1) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        ended(pthread_create(&threads[i], NULL, thread_hold, NULL) == 0);
    }
    pthread_barrier_wait(&all_are_there);
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = filled(100 + i * 300);
    }
    for (size_t i = 0; i < 100; i += 2) {
        free(blocks[i]);
    }
    (void)filled(3 * MIB);
    ended(memset(memalign(65536, MIB), 1, MIB) != NULL); /* of which a part is given back */
    free(filled(2 * MIB));
    (void)filled(5 * MIB);
}

static void fragment(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30); /* fixed: it does not adapt */
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = filled(4000);
    }
    for (size_t i = BLOCKS; i < BLOCKS + SMALL_BLOCKS; i++) {
        blocks[i] = filled(1000);
    }
    for (size_t i = BLOCKS + SMALL_BLOCKS; i < BLOCKS + SMALL_BLOCKS + STEADY; i++) {
        blocks[i] = filled(3000);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (i % KEPT_EACH != 0) {
            free(blocks[i]);
        }
    }
    for (size_t i = BLOCKS; i < BLOCKS + SMALL_BLOCKS; i += 2) {
        free(blocks[i]); /* smaller than a page, between others: nobody can give it back */
    }
}

static void *thread_go_deep(void *argument)
{
    volatile char deep[2 * MIB];
    (void)argument;
    (void)pthread_setname_np(pthread_self(), "deep"); /* it is short enough */
    for (size_t at = 0; at < sizeof(deep); at += 4096) {
        deep[at] = 1;
    }
    pthread_barrier_wait(&all_are_there);
    while (pause() < 0) {
    }
    return NULL;
}

static void mappings(void)
{
    pthread_t thread;
    void *own = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ended(own != MAP_FAILED);
    memset(own, 1, 8 * MIB);
    int file = memfd_create("subject", 0);
    ended(file >= 0 && ftruncate(file, 4 * MIB) == 0);
    void *shared = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ended(shared != MAP_FAILED);
    memset(shared, 1, 4 * MIB);
    ended(pthread_barrier_init(&all_are_there, NULL, 2) == 0);
    ended(pthread_create(&thread, NULL, thread_go_deep, NULL) == 0);
    pthread_barrier_wait(&all_are_there);
}

int main(int argument_count, char **arguments)
{
    const char *what = argument_count > 1 ? arguments[1] : "";
    if (strcmp(what, "arenas") == 0) {
        arenas();
    } else if (strcmp(what, "fragment") == 0) {
        fragment();
    } else if (strcmp(what, "mappings") == 0) {
        mappings();
    } else {
        return 2;
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return 0;
}

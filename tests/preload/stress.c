/*
 * Every function of the family, from many threads, with fork, dlopen, dlclose, signals and threads
 * that end: content, alignment, usable sizes, errno and the floating-point state are checked. What
 * it prints must be the same with and without a profiler.
 *
 *   stress PLUGIN [--rounds N] [--threads N]
 */
#include <dlfcn.h>
#include <errno.h>
#include <fenv.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS        64 /* of a thread */
#define THREADS_MAX   32
#define SHARED        256 /* handed from thread to thread */
#define ERRNO_STRANGE 12345

void free_sized(void *block, size_t size) __attribute__((weak));
void free_aligned_sized(void *block, size_t align, size_t size) __attribute__((weak));

struct block {
    unsigned char *bytes;
    size_t size;
    size_t align;
    unsigned char pattern;
};

static _Atomic(struct block *) shared[SHARED];
static _Atomic uint64_t signals_seen;
static const char *plugin_path;
static bool has_pvalloc; /* jemalloc leaves libc's in place, whose blocks it does not know */

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #claim, errno);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t size_draw(uint64_t *random)
{
    uint64_t drawn = random_next(random);
    switch (drawn % 16) {
    case 0:
        return 1 + (drawn >> 8) % (1 << 20);
    case 1:
        return 1 + (drawn >> 8) % 100000;
    case 2:
        return 0;
    default:
        return 1 + (drawn >> 8) % 3000;
    }
}

static void fill(struct block *block)
{
    memset(block->bytes, block->pattern, block->size < 512 ? block->size : 512);
    if (block->size > 0) {
        block->bytes[block->size - 1] = block->pattern;
    }
}

static void check(const struct block *block)
{
    for (size_t i = 0; i < block->size && i < 512; i++) {
        CHECK(block->bytes[i] == block->pattern);
    }
    CHECK(block->size == 0 || block->bytes[block->size - 1] == block->pattern);
    /* jemalloc does not align what has no bytes. */
    CHECK(block->size == 0 || (uintptr_t)block->bytes % block->align == 0);
    CHECK(malloc_usable_size(block->bytes) >= block->size);
}

/* What a call may not touch. */
static void state_set(void)
{
    feclearexcept(FE_ALL_EXCEPT);
    errno = ERRNO_STRANGE;
}

static void state_check(void)
{
    CHECK(errno == ERRNO_STRANGE);
    CHECK(fetestexcept(FE_ALL_EXCEPT) == 0);
}

static void take(struct block *block, uint64_t *random)
{
    size_t size = size_draw(random);
    uint64_t drawn = random_next(random);
    size_t align = (size_t)16 << (drawn >> 8) % 9;
    void *bytes = NULL;
    block->align = 8; /* small blocks of some allocators have no more */
    state_set();
    switch (drawn % 8) {
    case 0:
        bytes = calloc(3, size / 3);
        size = size / 3 * 3;
        for (size_t i = 0; i < size; i += 1 + i / 256) {
            CHECK(((unsigned char *)bytes)[i] == 0);
        }
        break;
    case 1:
        bytes = memalign(align, size);
        block->align = align;
        break;
    case 2:
        size = (size + align - 1) & -align;
        bytes = aligned_alloc(align, size);
        block->align = align;
        break;
    case 3:
        CHECK(posix_memalign(&bytes, align, size) == 0);
        block->align = align;
        break;
    case 4:
        bytes = drawn & 4096 || !has_pvalloc ? valloc(size) : pvalloc(size);
        block->align = 4096;
        break;
    case 5:
        bytes = realloc(NULL, size);
        break;
    case 6:
        bytes = reallocarray(NULL, 2, size / 2);
        size = size / 2 * 2;
        break;
    default:
        bytes = malloc(size);
        break;
    }
    CHECK(bytes != NULL);
    state_check();
    CHECK(malloc_usable_size(bytes) >= size);
    memset(bytes, 0x5a, malloc_usable_size(bytes)); /* all of it is the caller's */
    block->bytes = bytes;
    block->size = size;
    block->pattern = (unsigned char)drawn;
    fill(block);
    check(block);
}

static void give(struct block *block, uint64_t *random)
{
    check(block);
    uint64_t drawn = random_next(random);
    state_set();
    if (drawn % 4 == 0 && free_sized != NULL && block->align <= 16) {
        free_sized(block->bytes, block->size);
    } else if (drawn % 4 == 1 && free_aligned_sized != NULL && block->align > 16) {
        free_aligned_sized(block->bytes, block->align, block->size);
    } else {
        free(block->bytes);
    }
    state_check();
    block->bytes = NULL;
}

static void resize(struct block *block, uint64_t *random)
{
    check(block);
    size_t size = 1 + size_draw(random);
    size_t kept = size < block->size ? size : block->size;
    state_set();
    unsigned char *bytes =
        random_next(random) & 1 ? realloc(block->bytes, size) : reallocarray(block->bytes, 1, size);
    CHECK(bytes != NULL);
    state_check();
    for (size_t i = 0; i < kept && i < 512; i++) {
        CHECK(bytes[i] == block->pattern);
    }
    block->bytes = bytes;
    block->size = size;
    block->align = 8;
    fill(block);
}

/* Give a block to whoever comes by, and take what somebody has left. */
static void exchange(struct block *block, uint64_t *random)
{
    struct block *left = malloc(sizeof(*left));
    CHECK(left != NULL);
    *left = *block;
    block->bytes = NULL;
    left = atomic_exchange(&shared[random_next(random) % SHARED], left);
    if (left != NULL) {
        *block = *left;
        check(block);
        free(left);
    }
}

static void use_plugin(void)
{
    void *plugin = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin != NULL);
    void *(*allocate)(size_t size) = NULL;
    void *found = dlsym(plugin, "plugin_allocate");
    CHECK(found != NULL);
    memcpy(&allocate, &found, sizeof(found));
    unsigned char *bytes = allocate(70000);
    CHECK(bytes != NULL && bytes[69999] == 7);
    CHECK(dlclose(plugin) == 0);
    free(bytes);
}

static void fork_once(struct block *blocks, uint64_t *random)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (size_t i = 0; i < BLOCKS; i++) {
            if (blocks[i].bytes != NULL) {
                give(&blocks[i], random);
            }
            take(&blocks[i], random);
            resize(&blocks[i], random);
        }
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) != child) {
        CHECK(errno == EINTR);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct worker {
    pthread_t thread;
    uint64_t random;
    uint64_t rounds;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct block blocks[BLOCKS] = {0};
    for (uint64_t round = 0; round < worker->rounds; round++) {
        struct block *block = &blocks[random_next(&worker->random) % BLOCKS];
        uint64_t what = random_next(&worker->random) % 512;
        if (block->bytes == NULL) {
            take(block, &worker->random);
        } else if (what < 220) {
            give(block, &worker->random);
        } else if (what < 400) {
            resize(block, &worker->random);
        } else if (what < 508) {
            exchange(block, &worker->random);
        } else if (what < 511) {
            use_plugin();
        } else if (worker->rounds > 1000 && round % 4 == 0) {
            fork_once(blocks, &worker->random);
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].bytes != NULL && i % 2 == 0) {
            exchange(&blocks[i], &worker->random);
        }
        if (blocks[i].bytes != NULL) {
            give(&blocks[i], &worker->random);
        }
    }
    return NULL;
}

static void *work_shortly(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < 20; i++) {
        struct worker small = {.random = random_next(&worker->random) | 1, .rounds = 50};
        CHECK(pthread_create(&small.thread, NULL, work, &small) == 0);
        CHECK(pthread_join(small.thread, NULL) == 0);
    }
    return NULL;
}

static void signal_caught(int number)
{
    (void)number;
    atomic_fetch_add(&signals_seen, 1);
}

static void threads_run(uint64_t thread_count, uint64_t rounds)
{
    static struct worker workers[THREADS_MAX];
    for (uint64_t i = 0; i < thread_count; i++) {
        workers[i] = (struct worker){.random = 7919 * i + 1, .rounds = rounds};
        CHECK(pthread_create(&workers[i].thread, NULL, i == 0 ? work_shortly : work, &workers[i]) ==
              0);
    }
    for (uint64_t i = 0; i < thread_count; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
    }
    uint64_t random = 3;
    for (size_t i = 0; i < SHARED; i++) {
        struct block *left = atomic_exchange(&shared[i], NULL);
        if (left != NULL) {
            give(left, &random);
            free(left);
        }
    }
}

static void say(const char *what, bool is_null, int err)
{
    printf("%s: %s, errno %d\n", what, is_null ? "null" : "a block", err);
}

/* Volatile, so that the compiler does not know better than the allocator. */
static volatile size_t huge = PTRDIFF_MAX;
static volatile size_t none;

/* So that the compiler does not hold a block for freed by a realloc that fails. */
static void *opaque(void *block)
{
    __asm__("" : "+r"(block));
    return block;
}

static void tell_failures(void)
{
    unsigned char *kept = malloc(100000);
    CHECK(kept != NULL);
    kept[99999] = 9;
    void *block = (void *)8;
    errno = 0;
    void *failed = malloc(huge + 1);
    say("malloc, too much", failed == NULL, errno);
    errno = 0;
    failed = calloc(huge, 3);
    say("calloc, overflow", failed == NULL, errno);
    errno = 0;
    failed = realloc(opaque(kept), huge + 1);
    say("realloc, too much", failed == NULL, errno);
    errno = 0;
    failed = reallocarray(opaque(kept), huge, 4);
    say("reallocarray, overflow", failed == NULL, errno);
    errno = 0;
    failed = aligned_alloc(64, huge + 1);
    say("aligned_alloc, too much", failed == NULL, errno);
    errno = 0;
    failed = memalign(4096, huge + 1);
    say("memalign, too much", failed == NULL, errno);
    errno = 0;
    printf("posix_memalign, alignment 24: %d, errno %d\n", posix_memalign(&block, 24, 100), errno);
    printf("posix_memalign, alignment 4: %d, errno %d\n", posix_memalign(&block, 4, 100), errno);
    printf("posix_memalign, too much: %d\n", posix_memalign(&block, 64, huge + 1));
    CHECK(block == (void *)8);
    CHECK(kept[99999] == 9);
    free(kept);
}

static void tell_edges(void)
{
    void *block = malloc(10);
    errno = ERRNO_STRANGE;
    void *emptied = realloc(block, none);
    say("realloc to nothing", emptied == NULL, errno);
    free(emptied);
    block = malloc(1 << 20);
    emptied = realloc(block, none);
    say("realloc to nothing, large", emptied == NULL, errno);
    free(emptied);
    block = malloc(none);
    say("malloc of nothing", block == NULL, errno);
    free(block);
    block = calloc(none, 5);
    say("calloc of nothing", block == NULL, errno);
    free(block);
    free(NULL);
    printf("usable size of null: %zu\n", malloc_usable_size(NULL));
}

/* A buffer that grows by a little each time, past all sizes at which its place changes. */
static void grow(void)
{
    size_t size = 1;
    unsigned char *bytes = malloc(size);
    CHECK(bytes != NULL);
    bytes[0] = 0;
    while (size < (48 << 20)) {
        size_t larger = size + size / 3 + 1;
        bytes = realloc(bytes, larger);
        CHECK(bytes != NULL);
        for (size_t i = 0; i < size; i += 1 + size / 64) {
            CHECK(bytes[i] == (unsigned char)(i * 31));
        }
        for (size_t i = size; i < larger; i++) {
            bytes[i] = (unsigned char)(i * 31);
        }
        size = larger;
    }
    for (; size > 100; size = size * 2 / 3) {
        bytes = realloc(bytes, size);
        CHECK(bytes != NULL && bytes[size - 1] == (unsigned char)((size - 1) * 31));
    }
    free(bytes);
}

int main(int argc, char **argv)
{
    uint64_t rounds = 3000;
    uint64_t thread_count = 6;
    CHECK(argc >= 2);
    plugin_path = argv[1];
    has_pvalloc = getenv("STRESS_NO_PVALLOC") == NULL;
    for (int i = 2; i + 1 < argc; i += 2) {
        *(strcmp(argv[i], "--rounds") == 0 ? &rounds : &thread_count) =
            strtoull(argv[i + 1], NULL, 10);
    }
    CHECK(thread_count >= 1 && thread_count <= THREADS_MAX);
    fesetround(FE_UPWARD); /* whoever changes it back is noticed */
    tell_failures();
    tell_edges();
    struct sigaction action = {.sa_handler = signal_caught, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval often = {{0, 997}, {0, 997}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    grow();
    threads_run(thread_count, rounds);
    CHECK(fegetround() == FE_UPWARD);
    CHECK(atomic_load(&signals_seen) > 0);
    puts("done");
    return 0;
}

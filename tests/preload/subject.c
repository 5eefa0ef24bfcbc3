/*
 * A program linked with libsluice-heap.so, or preloaded with it, that does one thing a test asks
 * for and says how it went.
 *
 *   subject steer FILE           start, set the rate, stop, write: each answer checked
 *   subject unload PLUGIN FILE   keep what a module has allocated, unload it, write
 *   subject replace A B FILE     the same with A, then with B at the addresses that A had
 *   subject loop                 allocate, touch and free 1 MiB again and again: page faults of it
 *   subject lock                 with all memory locked: KiB resident
 *   subject many COUNT           keep COUNT blocks
 *   subject fit COUNT            keep COUNT blocks that grow, and COUNT small ones trimmed,
 *                                by what malloc_usable_size says; prints the bytes asked for
 *   subject fork                 a child that allocates, exits; its parent does not
 *   subject inherit              while threads allocate, a child that frees and keeps blocks
 *   subject leave                allocate, write nothing, _exit
 *   subject wait                 allocate until the standard input ends
 *   subject errors PATH          what slu_heap_write answers
 *   subject maps                 map, remap, unmap, move the break
 *   subject alone                how many threads there are
 *   subject daemon FILE          with FILE opened in place of standard error
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/heap.h>

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #claim, errno);          \
            exit(3);                                                                               \
        }                                                                                          \
    } while (0)

static void *volatile kept[1 << 20];

static void keep(size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        kept[i] = malloc(size);
        CHECK(kept[i] != NULL);
        memset(kept[i], 1, size);
    }
}

/* As redis does it: lists have 8,000 bytes at the end, strings 104. */
static void fit(size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        char *list = malloc(100);
        size_t asked = 100;
        for (size_t size = 200; size <= 8000; size += 100) {
            asked = size > malloc_usable_size(list) ? size : asked;
            list = asked == size ? realloc(list, size) : list;
            CHECK(list != NULL);
        }
        char *string = malloc(104);
        CHECK(string != NULL);
        if (malloc_usable_size(string) - 104 > 10) {
            string = realloc(string, 104);
        }
        kept[2 * i] = list;
        kept[2 * i + 1] = string;
        bytes += asked + 104;
    }
    printf("%zu\n", bytes);
}

static void drop(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(kept[i]);
    }
}

static void steer(const char *file)
{
    CHECK(slu_heap_write(file) == -ENODATA);
    CHECK(slu_heap_set_rate(1) == -ENODATA);
    CHECK(slu_heap_stop() == -EALREADY);
    keep(1000, 999); /* before the start: not in the profile */
    CHECK(slu_heap_start() == 0);
    CHECK(slu_heap_start() == -EALREADY);
    CHECK(slu_heap_set_rate(0) == -EINVAL);
    CHECK(slu_heap_set_rate((uint64_t)1 << 32) == -EINVAL);
    CHECK(slu_heap_set_rate(1) == 0);
    free(malloc(64 << 20)); /* a thread follows at its next sample */
    drop(1000);
    keep(1000, 1000);
    CHECK(slu_heap_stop() == 0);
    CHECK(slu_heap_stop() == -EALREADY);
    drop(500); /* frees are still seen */
    for (size_t i = 0; i < 100000; i++) {
        free(malloc(5000)); /* not in the profile */
    }
    CHECK(slu_heap_write(file) == 0);
    CHECK(slu_heap_start() == 0);
}

/* Keep `count` blocks that a module has allocated, and unload it. Returns where it was. */
static void *use_module(const char *path, size_t count)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin != NULL);
    void *(*allocate)(size_t size) = NULL;
    void *found = dlsym(plugin, "plugin_allocate");
    CHECK(found != NULL);
    memcpy(&allocate, &found, sizeof(found));
    for (size_t i = 0; i < count; i++) {
        kept[i] = allocate(100000);
    }
    Dl_info info;
    CHECK(dladdr(found, &info) != 0);
    CHECK(dlclose(plugin) == 0);
    CHECK(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
    return info.dli_fbase;
}

static void unload(const char *path, const char *file)
{
    (void)use_module(path, 100);
    CHECK(slu_heap_write(file) == 0);
}

static void replace(const char *path, const char *other_path, const char *file)
{
    void *place = use_module(path, 100);
    puts(use_module(other_path, 50) == place ? "replaced" : "elsewhere");
    CHECK(use_module(path, 20) != NULL);
    CHECK(slu_heap_write(file) == 0);
}

static long page_faults(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

static void loop(void)
{
    long before = page_faults();
    for (size_t i = 0; i < 2000; i++) {
        size_t size = (1 << 20) + i % 7 * 5000;
        char *block = malloc(size);
        CHECK(block != NULL);
        for (size_t at = 0; at < size; at += 4096) {
            block[at] = 1;
        }
        free(block);
    }
    printf("%ld\n", page_faults() - before);
}

static void lock(void)
{
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    keep(1000, 100000);
    drop(1000);
    for (size_t i = 0; i < 100; i++) {
        char *block = calloc(1, 3 << 20);
        CHECK(block != NULL && block[(3 << 20) - 1] == 0);
        memset(block, 1, 3 << 20);
        free(block);
    }
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    printf("%ld\n", usage.ru_maxrss);
}

static void fork_once(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        keep(100, 100000);
        exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    printf("%ld %ld\n", (long)getpid(), (long)child);
}

static _Atomic bool stopped;

static void *churn(void *argument)
{
    while (!atomic_load_explicit(&stopped, memory_order_relaxed)) {
        free(malloc(100));
    }
    return argument;
}

static void inherit(void)
{
    pthread_t threads[3];
    keep(500, 1000);
    for (size_t i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
    }
    for (size_t i = 0; i < 20; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            drop(300);
            keep(100, 5000);
            exit(0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    atomic_store_explicit(&stopped, true, memory_order_relaxed);
    for (size_t i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    printf("%ld\n", (long)getpid());
}

/* Without sleeping: until somebody closes the standard input. */
static void wait_and_allocate(void)
{
    puts("ready");
    fflush(stdout);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 1) <= 0) { /* a signal is no end */
        keep(10, 100000);
        drop(10);
    }
}

static void map(void)
{
    char *mapping = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapping != MAP_FAILED);
    mapping[0] = 5;
    mapping = mremap(mapping, 1 << 20, 3 << 20, MREMAP_MAYMOVE);
    CHECK(mapping != MAP_FAILED && mapping[0] == 5);
    mapping[(3 << 20) - 1] = 6;
    CHECK(munmap(mapping, 3 << 20) == 0);
    errno = 0;
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    CHECK(errno == EINVAL);
    CHECK(munmap((void *)1, 1) == -1 && errno == EINVAL);
    char *end = sbrk(8192);
    CHECK(end != (void *)-1 && sbrk(0) == end + 8192);
    end[8191] = 1;
    CHECK(brk(end) == 0 && sbrk(0) == end);
}

static void daemonize(const char *file)
{
    CHECK(close(STDERR_FILENO) == 0);
    CHECK(open(file, O_WRONLY | O_CREAT, 0600) == STDERR_FILENO);
    CHECK(slu_heap_write(NULL) < 0); /* which would be told */
}

static void alone(void)
{
    DIR *threads = opendir("/proc/self/task");
    CHECK(threads != NULL);
    int count = 0;
    for (struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads)) {
        count += entry->d_name[0] != '.';
    }
    closedir(threads);
    printf("%d\n", count);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "steer") == 0) {
        steer(argv[2]);
    } else if (strcmp(what, "unload") == 0) {
        unload(argv[2], argv[3]);
    } else if (strcmp(what, "replace") == 0) {
        replace(argv[2], argv[3], argv[4]);
    } else if (strcmp(what, "loop") == 0) {
        loop();
    } else if (strcmp(what, "lock") == 0) {
        lock();
    } else if (strcmp(what, "many") == 0) {
        keep(strtoull(argv[2], NULL, 10), 100);
    } else if (strcmp(what, "fit") == 0) {
        fit(strtoul(argv[2], NULL, 10));
    } else if (strcmp(what, "fork") == 0) {
        fork_once();
    } else if (strcmp(what, "inherit") == 0) {
        inherit();
    } else if (strcmp(what, "leave") == 0) {
        keep(1000, 1000);
        _exit(7);
    } else if (strcmp(what, "wait") == 0) {
        wait_and_allocate();
    } else if (strcmp(what, "errors") == 0) {
        printf("%d\n", slu_heap_write(argv[2]));
    } else if (strcmp(what, "maps") == 0) {
        map();
    } else if (strcmp(what, "daemon") == 0) {
        daemonize(argv[2]);
    } else if (strcmp(what, "alone") == 0) {
        alone();
    } else {
        return 2;
    }
    return 0;
}

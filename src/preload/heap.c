#include <sluice/heap.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <sluice/clock.h>
#include <sluice/random.h>

#include "base/layout.h"
#include "preload/allocator.h"
#include "preload/blocks.h"
#include "preload/filter.h"
#include "preload/flight.h"
#include "preload/heap.h"
#include "preload/scribe.h"
#include "preload/hook.h"
#include "preload/last_thread.h"
#include "preload/http_server.h"
#include "preload/loader.h"
#include "preload/modules.h"
#include "preload/next.h"
#include "preload/output.h"
#include "preload/own_thread.h"
#include "preload/pages.h"
#include "preload/said.h"
#include "preload/settings.h"
#include "preload/side.h"
#include "preload/unwind.h"
#include "preload/watch.h"
#include "profile/profile.h"
#include "sys/mutex.h"

/* All of it is made once and stays until the process ends: hooks may be in it at any time. */
static struct {
    struct mutex mutex; /* of starting */
    struct settings settings;
    _Atomic(struct output *) output; /* set when all else is there */
    _Atomic(struct unwind_tables *) tables;
    struct modules *modules;
    _Atomic pid_t process; /* that the state belongs to: not that of a child of vfork */
    _Atomic bool main_has_begun;
    _Atomic bool has_threads; /* the program */
    bool is_interposed;
    bool is_forked;
    bool is_served;  /* or was tried */
    bool is_watched; /* its memory limit, or was tried */
    uint64_t samples_at_fork;
} heap = {.mutex = {PTHREAD_MUTEX_INITIALIZER}};

static struct output *heap_output(void)
{
    return atomic_load_explicit(&heap.output, memory_order_acquire);
}

static struct profile *profile_make(const struct settings *settings, uint64_t now_ns)
{
    struct profile_options options = {.rate_bytes = settings->rate_bytes,
                                      .samples_per_second_max = settings->samples_per_second_max,
                                      .samples_max = (uint32_t)settings->samples_max,
                                      .stacks_max = (uint32_t)settings->stacks_max,
                                      .pcs_max = (uint32_t)settings->frames_max};
    size_t bytes = 0;
    void *block = profile_bytes(&options, NULL, &bytes) == 0 ? pages_map(bytes) : NULL;
    return block == NULL ? NULL : profile_init(block, &options, now_ns);
}

/* Modules and unwinding tables, in one mapping. */
static int tables_make(struct profile *profile)
{
    struct layout layout = {0};
    size_t modules_at = layout_add(&layout, 1, modules_bytes(), 64);
    size_t tables_at = layout_add(&layout, 1, unwind_tables_bytes(), 64);
    size_t bytes = 0;
    char *block = layout_size(&layout, &bytes) == 0 ? pages_map(bytes) : NULL;
    if (block == NULL) {
        return -ENOMEM;
    }
    heap.modules = modules_init(block + modules_at, profile);
    struct unwind_tables *tables = unwind_tables_init(block + tables_at);
    unwind_refresh(tables);
    atomic_store_explicit(&heap.tables, tables, memory_order_release);
    return 0;
}

static uint64_t seed_of(const struct settings *settings)
{
    uint64_t seed = settings->seed;
    if (seed == 0 && slu_random_seed(&seed) != 0) {
        seed = slu_clock_monotonic_ns(); /* no more is asked of it than to differ */
    }
    return seed;
}

/* The first start. */
static int heap_make(void)
{
    const struct settings *settings = &heap.settings;
    uint64_t now_ns = slu_clock_monotonic_ns();
    struct profile *profile = profile_make(settings, now_ns);
    if (profile == NULL || tables_make(profile) != 0) {
        return -ENOMEM;
    }
    void *block = pages_map(output_bytes(profile));
    if (block == NULL) {
        return -ENOMEM;
    }
    blocks_set_cache(settings->cache_bytes_max);
    bool has_ranges = blocks_ready() && settings->ranges != 0;
    if (!has_ranges && watch_install((uint32_t)settings->samples_max) != 0) {
        return -ENOMEM;
    }
    struct output *output = output_init(block, settings, profile, heap.modules, now_ns);
    scribe_init(output, settings->period_ns, (int)settings->signal, now_ns);
    side_publish(profile);
    hook_start(profile, atomic_load_explicit(&heap.tables, memory_order_relaxed), seed_of(settings),
               has_ranges);
    atomic_store_explicit(&heap.output, output, memory_order_release);
    return 0;
}

/* One thread of ours more costs nothing; the first one lets libc lock (docs/decisions/0017). */
static bool flight_wants_thread(void)
{
    const struct settings *settings = &heap.settings;
    return settings->flight == FLIGHT_THREAD || settings->memory_limit != 0 ||
           settings->listen[0] != '\0' || settings->period_ns != 0 || settings->signal != 0 ||
           atomic_load(&heap.has_threads);
}

/* What needs threads: when main begins, or later at the first start. Called with the mutex. */
static void services_start(void)
{
    scribe_start();
    if (heap.settings.flight != 0 && !heap.is_watched) {
        heap.is_watched = true;
        flight_start(heap_output(), heap.settings.memory_limit, flight_wants_thread());
    }
    if (heap.is_served) {
        return;
    }
    heap.is_served = true;
    loader_find();
    struct http_server_options options = {
        .listen = heap.settings.listen,
        .anywhere = heap.settings.anywhere != 0,
        .has_control = heap.settings.control != 0,
        .has_threads = heap.settings.period_ns != 0 || heap.settings.signal != 0 ||
                       atomic_load(&heap.has_threads),
        .symbolizer = heap.settings.symbolizer,
        .source = {.profile = hook_profile(),
                   .modules = heap.modules,
                   .tables = atomic_load_explicit(&heap.tables, memory_order_relaxed),
                   .start_ns = slu_clock_monotonic_ns()},
    };
    http_server_start(&options);
}

int slu_heap_start(void)
{
    if (!heap.is_interposed) {
        return -ENOTSUP;
    }
    int err = 0;
    mutex_lock(&heap.mutex);
    if (hook_is_on()) {
        err = -EALREADY;
    } else if (heap_output() == NULL) {
        hook_thread.depth++;
        err = heap_make();
        hook_thread.depth--;
    } else {
        hook_resume();
    }
    if (heap_output() != NULL && atomic_load_explicit(&heap.main_has_begun, memory_order_relaxed)) {
        services_start();
        last_thread_watch();
    }
    mutex_unlock(&heap.mutex);
    return err;
}

int slu_heap_stop(void)
{
    mutex_lock(&heap.mutex);
    int err = hook_is_on() ? 0 : -EALREADY;
    hook_stop();
    mutex_unlock(&heap.mutex);
    return err;
}

int slu_heap_write(const char *path)
{
    struct output *output = heap_output();
    return output == NULL ? -ENODATA : output_write(output, path);
}

int slu_heap_set_rate(uint64_t bytes)
{
    return heap_output() == NULL ? -ENODATA : profile_set_rate(hook_profile(), bytes);
}

void heap_main_begins(void)
{
    last_thread_begin();
    atomic_store_explicit(&heap.main_has_begun, true, memory_order_relaxed);
    if (heap_output() != NULL) {
        mutex_lock(&heap.mutex);
        services_start();
        mutex_unlock(&heap.mutex);
    }
}

void heap_thread_begun(void)
{
    if (!atomic_exchange(&heap.has_threads, true) &&
        atomic_load_explicit(&heap.main_has_begun, memory_order_relaxed)) {
        mutex_lock(&heap.mutex); /* a first start may be at work */
        http_server_take_thread();
        flight_take_thread();
        last_thread_watch();
        mutex_unlock(&heap.mutex);
    }
}

void heap_first_thread_ends(void)
{
    mutex_lock(&heap.mutex);
    last_thread_watch();
    mutex_unlock(&heap.mutex);
}

void heap_modules_unloading(void)
{
    if (heap_output() != NULL) {
        modules_refresh(heap.modules);
    }
}

void heap_modules_unloaded(void)
{
    if (heap_output() != NULL) {
        modules_refresh(heap.modules); /* before other code can be where they were */
    }
    struct unwind_tables *tables = atomic_load_explicit(&heap.tables, memory_order_acquire);
    if (tables != NULL) {
        unwind_refresh(tables);
    }
}

static void before_fork(void)
{
    hook_thread.depth++; /* handlers that run between ours and fork may allocate */
    mutex_lock(&heap.mutex);
    if (heap_output() != NULL) {
        modules_before_fork(heap.modules);
    }
    filter_before_fork();
    blocks_before_fork();
}

static void after_fork_parent(void)
{
    blocks_after_fork_parent();
    filter_after_fork_parent();
    if (heap_output() != NULL) {
        modules_after_fork_parent(heap.modules);
    }
    mutex_unlock(&heap.mutex);
    hook_thread.depth--;
}

static void after_fork_child(void)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    blocks_after_fork_child();
    filter_after_fork_child();
    if (heap_output() != NULL) {
        modules_after_fork_child(heap.modules);
        output_after_fork_child(heap_output(), now_ns);
        scribe_after_fork_child(now_ns);
        http_server_after_fork_child();
        flight_after_fork_child();
    }
    own_threads_after_fork_child();
    last_thread_after_fork_child();
    atomic_store(&heap.has_threads, false);
    mutex_init(&heap.mutex);
    atomic_store_explicit(&heap.process, getpid(), memory_order_relaxed);
    hook_after_fork_child(now_ns);
    heap.is_forked = true;
    if (heap_output() != NULL) {
        struct profile_stats stats;
        profile_stats(hook_profile(), &stats);
        heap.samples_at_fork = stats.samples_recorded;
    }
    hook_thread.depth--;
}

/* libc passes a constructor what it passes main. */
__attribute__((constructor)) static void heap_load(int argument_count, char **arguments,
                                                   char **environment)
{
    (void)argument_count;
    (void)arguments;
    int saved = errno;
    said_begin();
    next_resolve();
    heap.is_interposed = next_is_interposed();
    allocator_resolve((const void *)(uintptr_t)below.malloc);
    /* A program with more rights than who runs it is not told by that one where to write. */
    char *nothing[] = {NULL};
    settings_read(&heap.settings, getauxval(AT_SECURE) != 0 ? nothing : environment);
    atomic_store_explicit(&heap.process, getpid(), memory_order_relaxed);
    hook_stop();
    if (heap.settings.start != 0 && !heap.is_interposed) {
        said_line("loaded too late, or after another allocator: the program's allocations are not "
                  "seen, and nothing is profiled");
    }
    if (heap.is_interposed) {
        if (pthread_atfork(before_fork, after_fork_parent, after_fork_child) != 0) {
            said_line("no handlers for fork: nothing is profiled");
            heap.is_interposed = false;
        } else if (heap.settings.start != 0 && slu_heap_start() != 0) {
            said_line("no memory for the profile: nothing is profiled");
        }
    }
    errno = saved;
}

/* A child of fork that has sampled nothing has nothing to tell that its parent does not. */
static bool is_worth_a_file(void)
{
    struct profile_stats stats;
    profile_stats(hook_profile(), &stats);
    return !heap.is_forked || stats.samples_recorded != heap.samples_at_fork;
}

/* A program that begins by itself, and says nothing of files, writes them by itself. */
static bool is_written_at_exit(const struct settings *settings)
{
    bool is_named = strcmp(settings->out, SETTINGS_OUT_USUAL) != 0;
    return settings->at_exit == AT_EXIT_USUAL ? settings->start != 0 || is_named
                                              : settings->at_exit != 0;
}

__attribute__((destructor)) static void heap_unload(void)
{
    bool own = atomic_load_explicit(&heap.process, memory_order_relaxed) == getpid();
    if (own && heap_output() != NULL && is_written_at_exit(&heap.settings) && is_worth_a_file()) {
        (void)output_write(heap_output(), NULL); /* it has said what was wrong */
    }
}

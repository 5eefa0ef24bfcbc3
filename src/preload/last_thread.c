#include "preload/last_thread.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "preload/heap.h"
#include "preload/hook.h"
#include "preload/own_thread.h"
#include "preload/said.h"
#include "sys/futex.h"
#include "sys/process.h"

#define STACK_BYTES ((size_t)48 << 10)
#define STAT_BYTES  1024
#define PERIOD_NS   UINT64_C(100000000)

static struct {
    pthread_t first;
    _Atomic bool may_end; /* the first thread, before others */
    _Atomic bool is_watched;
} last_thread;

static bool all_have_ended(void)
{
    char stat[STAT_BYTES];
    size_t len = 0;
    return process_file_read(getpid(), "stat", stat, sizeof(stat), &len) == 0 &&
           last_thread_has_ended((struct slu_bytes){stat, len}, own_threads_count()) == 1;
}

/* As libc's last thread does: the program's handlers run, and may allocate. */
_Noreturn static void end_process(void)
{
    sigset_t none;
    (void)sigemptyset(&none); /* only a bad pointer fails */
    hook_own_end();
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    exit(0);
}

static void watch(void *context)
{
    (void)context;
    _Atomic uint32_t never = 0;
    while (!all_have_ended()) {
        (void)futex_wait_until(&never, 0, slu_clock_monotonic_ns() + PERIOD_NS); /* sleeps */
    }
    end_process();
}

void last_thread_watch(void)
{
    if (!atomic_load(&last_thread.may_end) || own_threads_count() == 0 ||
        atomic_exchange(&last_thread.is_watched, true)) {
        return;
    }
    if (own_thread_start("sluice-end", STACK_BYTES, watch, NULL) != 0) {
        atomic_store(&last_thread.is_watched, false);
        said_line("no thread to see the program's last one end: it may have to be killed");
    }
}

void last_thread_begin(void)
{
    last_thread.first = pthread_self();
}

void last_thread_after_fork_child(void)
{
    atomic_store(&last_thread.is_watched, false);
    atomic_store(&last_thread.may_end, pthread_equal(pthread_self(), last_thread.first) == 0);
}

static void thread_ends(void)
{
    if (gettid() == getpid() && !hook_thread.is_own) {
        atomic_store(&last_thread.may_end, true);
        heap_first_thread_ends();
    }
}

_Noreturn __attribute__((visibility("default"))) void pthread_exit(void *result)
{
    void *found = dlsym(RTLD_NEXT, "pthread_exit");
    __attribute__((noreturn)) void (*end)(void *) = NULL;
    memcpy(&end, &found, sizeof(end));
    thread_ends();
    end(result);
}

_Noreturn __attribute__((visibility("default"))) void thrd_exit(int result)
{
    void *found = dlsym(RTLD_NEXT, "thrd_exit");
    __attribute__((noreturn)) void (*end)(int) = NULL;
    memcpy(&end, &found, sizeof(end));
    thread_ends();
    end(result);
}

#include "preload/flight.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "preload/cgroup.h"
#include "preload/flight_record.h"
#include "preload/lines.h"
#include "preload/loader.h"
#include "preload/memory_limit.h"
#include "preload/output.h"
#include "preload/own_files.h"
#include "preload/own_thread.h"
#include "preload/pages.h"
#include "preload/said.h"

#define STACK_BYTES ((size_t)64 << 10)
#define GROUPS_MAX  4 /* limited ones, from this process's up */
#define LIMITS_MAX  (GROUPS_MAX + 1)

struct flight {
    _Atomic bool is_looking; /* a thread that allocates is at it, or the own one for ever */
    _Atomic bool has_thread;
    _Atomic uint64_t due_ns;     /* when to look next */
    _Atomic uint64_t room_bytes; /* up to the next level, when it was looked last */
    struct cgroup cgroup;
    uint32_t limit_count;
    struct memory_limit limits[LIMITS_MAX];
    uint64_t numbers[LIMITS_MAX]; /* of each limit's record; 0: none yet */
    struct flight_record record;
    char lines[LINES_BUFFER_BYTES];
};

static _Atomic(struct flight *) the_flight;

static bool is_thread(const struct flight *flight)
{
    return atomic_load_explicit(&flight->has_thread, memory_order_relaxed);
}

/* Where it is told, and the account taken: between them, profiles show how it went on. */
static bool is_told(enum memory_level before, enum memory_level level)
{
    return (before < MEMORY_LEVEL_RECORD && level >= MEMORY_LEVEL_RECORD) ||
           (before < MEMORY_LEVEL_SECOND && level >= MEMORY_LEVEL_SECOND) ||
           (before < MEMORY_LEVEL_LAST && level >= MEMORY_LEVEL_LAST);
}

/* Wait until the kernel tells, or it is time to look. */
static void limits_wait(struct flight *flight, uint64_t now_ns)
{
    struct pollfd files[2 * LIMITS_MAX];
    uint64_t wait_ns = atomic_load_explicit(&flight->due_ns, memory_order_relaxed) - now_ns;
    for (uint32_t i = 0; i < flight->limit_count; i++) {
        const struct memory_limit *limit = &flight->limits[i];
        files[2 * i] = (struct pollfd){
            .fd = limit->event, .events = limit->kind == MEMORY_LIMIT_GROUP_1 ? POLLIN : POLLPRI};
        files[2 * i + 1] = (struct pollfd){.fd = limit->pressure, .events = POLLPRI};
    }
    int ready = poll(files, 2 * flight->limit_count, (int)(wait_ns / 1000000));
    for (uint32_t i = 0; i < flight->limit_count && ready > 0; i++) {
        struct memory_limit *limit = &flight->limits[i];
        if ((files[2 * i].revents & files[2 * i].events) != 0) {
            memory_limit_told(limit);
        } else if (files[2 * i].revents != 0) {
            close(limit->event);
            limit->event = -1;
        }
        if (files[2 * i + 1].revents != 0 && (files[2 * i + 1].revents & POLLPRI) == 0) {
            close(limit->pressure);
            limit->pressure = -1;
        }
    }
}

static void limits_find(struct flight *flight, uint64_t own_limit)
{
    uint64_t group_limit = 0;
    if (cgroup_find(flight->lines, &flight->cgroup) != 0) {
        flight->cgroup.version = 0;
    }
    bool is_below = flight->cgroup.version != 0;
    for (; is_below && flight->limit_count < GROUPS_MAX; is_below = cgroup_up(&flight->cgroup)) {
        struct memory_limit *limit = &flight->limits[flight->limit_count];
        if (memory_limit_group(limit, &flight->cgroup) == 0) {
            group_limit = group_limit == 0 ? limit->limit_bytes : group_limit;
            flight->limit_count++;
        }
    }
    if ((own_limit & FLIGHT_PERCENT) != 0) {
        struct sysinfo machine = {0};
        (void)sysinfo(&machine); /* it cannot fail with a good pointer */
        uint64_t whole = group_limit != 0 ? group_limit : machine.totalram * machine.mem_unit;
        own_limit = whole / 100 * (own_limit & ~FLIGHT_PERCENT);
    }
    if (own_limit != 0) {
        memory_limit_own(&flight->limits[flight->limit_count++], own_limit);
    }
}

/* What a level that has been passed asks for; MEMORY_LEVEL_NONE: none has been. */
static void level_take(struct flight *flight, uint32_t number, enum memory_level before,
                       enum memory_level level)
{
    const struct memory_limit *limit = &flight->limits[number];
    if (level >= MEMORY_LEVEL_RECORD) {
        if (before < MEMORY_LEVEL_RECORD) {
            flight->numbers[number] = 0;
        }
        flight_record_write(&flight->record, limit, &flight->numbers[number],
                            is_told(before, level));
    } else if (level >= MEMORY_LEVEL_HISTORY) {
        flight_record_remember(&flight->record);
        if (before < MEMORY_LEVEL_READY && level >= MEMORY_LEVEL_READY) {
            flight_record_rehearse(&flight->record, limit);
        }
    }
}

/* All limits once; `more_bytes` are about to be used. */
static void limits_look(struct flight *flight, uint64_t more_bytes, uint64_t now_ns)
{
    uint64_t wait_ns = UINT64_MAX;
    uint64_t room_bytes = UINT64_MAX;
    for (uint32_t i = 0; i < flight->limit_count; i++) {
        struct memory_limit *limit = &flight->limits[i];
        enum memory_level before = limit->level;
        enum memory_level level = memory_limit_look(limit, more_bytes, now_ns);
        level_take(flight, i, before, level);
        uint64_t own_ns = memory_limit_wait_ns(limit);
        uint64_t own_bytes = memory_limit_room(limit);
        wait_ns = own_ns < wait_ns ? own_ns : wait_ns;
        room_bytes = own_bytes < room_bytes ? own_bytes : room_bytes;
    }
    atomic_store_explicit(&flight->room_bytes, room_bytes, memory_order_relaxed);
    atomic_store_explicit(&flight->due_ns, now_ns + wait_ns, memory_order_relaxed);
}

static void flight_run(void *context)
{
    struct flight *flight = context;
    while (atomic_exchange_explicit(&flight->is_looking, true, memory_order_acquire)) {
        (void)sched_yield(); /* a thread that allocates ends soon */
    }
    flight->record.can_ask_loader = false;
    flight->record.is_thread = true;
    own_files_begin();
    for (uint32_t i = 0; i < flight->limit_count; i++) {
        memory_limit_listen(&flight->limits[i]);
    }
    flight_record_rehearse(&flight->record, &flight->limits[0]);
    for (;;) {
        uint64_t now_ns = slu_clock_monotonic_ns();
        limits_look(flight, 0, now_ns);
        limits_wait(flight, now_ns);
    }
}

static void thread_start_for(struct flight *flight)
{
    atomic_store_explicit(&flight->has_thread, true, memory_order_relaxed);
    if (own_thread_start("sluice-flight", STACK_BYTES, flight_run, flight) != 0) {
        atomic_store_explicit(&flight->has_thread, false, memory_order_relaxed);
        said_line("no thread for the flight recorder: allocations look at memory limits");
    }
}

void flight_start(struct output *output, uint64_t own_limit, bool with_thread)
{
    struct flight *flight = pages_map(sizeof(*flight));
    if (flight == NULL) {
        return;
    }
    limits_find(flight, own_limit);
    if (flight->limit_count == 0 || flight_record_init(&flight->record, output) != 0) {
        pages_unmap(flight, sizeof(*flight));
        return;
    }
    if (with_thread) {
        thread_start_for(flight);
    } else {
        output_look_for_modules(output); /* within a hook that cannot be done */
    }
    atomic_store_explicit(&the_flight, flight, memory_order_release);
}

void flight_take_thread(void)
{
    struct flight *flight = atomic_load_explicit(&the_flight, memory_order_acquire);
    if (flight != NULL && !is_thread(flight)) {
        thread_start_for(flight);
    }
}

/* Half of the room: a look is due before as much can have been used by others. */
static bool is_due(const struct flight *flight, uint64_t more_bytes, uint64_t now_ns)
{
    return now_ns >= atomic_load_explicit(&flight->due_ns, memory_order_relaxed) ||
           more_bytes > atomic_load_explicit(&flight->room_bytes, memory_order_relaxed) / 2;
}

void flight_tick(uint64_t more_bytes, uint64_t now_ns, const uintptr_t *pcs, size_t count)
{
    struct flight *flight = atomic_load_explicit(&the_flight, memory_order_acquire);
    if (flight == NULL || is_thread(flight) || !is_due(flight, more_bytes, now_ns) ||
        atomic_exchange_explicit(&flight->is_looking, true, memory_order_acquire)) {
        return;
    }
    int saved = errno;
    int cancelable = 0;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable); /* malloc ends no thread */
    flight->record.can_ask_loader = count > 0 && gettid() == getpid() && !loader_is_in(pcs, count);
    limits_look(flight, more_bytes, now_ns);
    (void)pthread_setcancelstate(cancelable, &cancelable);
    errno = saved;
    atomic_store_explicit(&flight->is_looking, false, memory_order_release);
}

void flight_after_fork_child(void)
{
    struct flight *flight = atomic_load_explicit(&the_flight, memory_order_acquire);
    if (flight != NULL) {
        atomic_store_explicit(&flight->has_thread, false, memory_order_relaxed);
        atomic_store_explicit(&flight->is_looking, false, memory_order_relaxed);
        flight_record_after_fork_child(&flight->record);
        for (uint32_t i = 0; i < flight->limit_count; i++) {
            memory_limit_after_fork_child(&flight->limits[i]);
            flight->numbers[i] = 0; /* the parent's: this process begins one of its own */
        }
    }
}

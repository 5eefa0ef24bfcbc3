#include "preload/flight.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "preload/account.h"
#include "preload/cgroup.h"
#include "preload/file_put.h"
#include "preload/loader.h"
#include "preload/memory_limit.h"
#include "preload/output.h"
#include "preload/own_files.h"
#include "preload/own_thread.h"
#include "preload/pages.h"
#include "preload/said.h"

#define STACK_BYTES  ((size_t)64 << 10)
#define GROUPS_MAX   4 /* limited ones, from this process's up */
#define LIMITS_MAX   (GROUPS_MAX + 1)
#define RECORDS_MAX  6 /* that are kept */
#define ENDING_BYTES 64
#define STAGE_BYTES  16384
#define WALK_NS      UINT64_C(50000000) /* memory does not wait */
#define REHEARSAL_NS UINT64_C(1000000)  /* of the same */

struct flight {
    _Atomic bool is_looking; /* a thread that allocates is at it, or the own one for ever */
    _Atomic bool has_thread;
    _Atomic uint64_t due_ns;     /* when to look next */
    _Atomic uint64_t room_bytes; /* up to the next level, when it was looked last */
    struct output *output;
    struct account_tables *tables;
    struct cgroup cgroup;
    uint64_t record_count;
    bool can_ask_loader; /* for new modules, within this hook */
    uint32_t limit_count;
    struct memory_limit limits[LIMITS_MAX];
    const struct memory_limit *reached; /* of the record that is being written */
    struct account account;
    char path[PATH_MAX];
    char account_path[PATH_MAX];
    char stage[STAGE_BYTES];
    char lines[LINES_BUFFER_BYTES];
};

static _Atomic(struct flight *) the_flight;

static unsigned percent_of(const struct memory_limit *limit)
{
    uint64_t hundredth = limit->limit_bytes / 100;
    return hundredth == 0 ? 100 : (unsigned)(limit->used_bytes / hundredth);
}

static void limit_json(const struct flight *flight, struct json_writer *json)
{
    const struct memory_limit *limit = flight->reached;
    json_write_key(json, "limit");
    const struct {
        const char *key;
        uint64_t bytes;
    } figures[] = {{"bytes", limit->limit_bytes},
                   {"used", limit->used_bytes},
                   {"charged", limit->charged_bytes},
                   {"asked", limit->asked_bytes}};
    json_begin_object(json);
    json_write_key(json, "of");
    json_write_string(json, limit->name);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        json_write_key(json, figures[i].key);
        json_write_uint(json, figures[i].bytes);
    }
    json_write_key(json, "profile");
    json_write_string(json, flight->path);
    json_end_object(json);
}

static int account_put(void *context, int file)
{
    struct flight *flight = context;
    struct sink sink;
    struct json_writer json;
    sink_init(&sink, file_put, &file, flight->stage, sizeof(flight->stage));
    json_writer_init(&json, &sink, JSON_PRETTY);
    json_begin_object(&json);
    limit_json(flight, &json);
    json_write_key(&json, "account");
    account_json(&flight->account, &json);
    json_end_object(&json);
    json_writer_end(&json);
    return sink_end(&sink);
}

static int paths_make(struct flight *flight, uint64_t number)
{
    char ending[ENDING_BYTES];
    (void)snprintf(ending, sizeof(ending), "flight.%llu.pb.gz", (unsigned long long)number);
    int err = output_path(flight->output, ending, flight->path);
    (void)snprintf(ending, sizeof(ending), "flight.%llu.json", (unsigned long long)number);
    return err != 0 ? err : output_path(flight->output, ending, flight->account_path);
}

static void oldest_remove(struct flight *flight)
{
    if (flight->record_count > RECORDS_MAX &&
        paths_make(flight, flight->record_count - RECORDS_MAX) == 0) {
        (void)unlink(flight->path); /* somebody may have taken them away */
        (void)unlink(flight->account_path);
    }
}

static bool is_thread(const struct flight *flight)
{
    return atomic_load_explicit(&flight->has_thread, memory_order_relaxed);
}

/* Within a hook the allocator's locks may be this thread's own. */
static int flight_account_take(struct flight *flight, uint64_t walk_ns)
{
    struct account_options options = {.walk_ns = walk_ns, .asks_allocator = is_thread(flight)};
    return account_take(flight->tables, &options, &flight->account);
}

/* The profile first: it names who grows, and takes no lock of the allocator's. */
static void record(struct flight *flight, const struct memory_limit *limit)
{
    struct output_writing writing = {account_put, flight};
    flight->reached = limit;
    flight->record_count++;
    if (flight->can_ask_loader) {
        output_look_for_modules(flight->output);
    }
    int err = paths_make(flight, flight->record_count);
    err = err != 0 ? err : output_write_as_is(flight->output, flight->path, is_thread(flight));
    int account_err = err != 0 ? err : flight_account_take(flight, WALK_NS);
    if (account_err == 0) {
        account_err =
            output_write_with(flight->output, flight->account_path, &writing, is_thread(flight));
    }
    const char *error = strerrorname_np(err != 0 ? -err : -account_err);
    if (is_thread(flight)) {
        own_files_begin_saying();
    }
    if (err == 0) {
        said_line("memory at %u %% of %llu bytes (%s): wrote %s%s%s", percent_of(limit),
                  (unsigned long long)limit->limit_bytes, limit->name, flight->path,
                  account_err == 0 ? "" : ", no account: ", account_err == 0 ? "" : error);
    } else {
        said_line("memory at %u %% of %llu bytes (%s): no profile written: %s", percent_of(limit),
                  (unsigned long long)limit->limit_bytes, limit->name, error);
    }
    if (is_thread(flight)) {
        own_files_end_saying();
    }
    oldest_remove(flight);
}

/* Write to nowhere what will be written: what fails now will be told when it counts. */
static void rehearse(struct flight *flight)
{
    bool can_ask = is_thread(flight) || flight->can_ask_loader;
    (void)output_rehearse(flight->output, can_ask); /* as above */
    if (flight_account_take(flight, REHEARSAL_NS) == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        flight->reached = &flight->limits[0];
        (void)account_put(flight, nowhere);
        close(nowhere);
    }
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

/* All limits once; `more_bytes` are about to be used. */
static void limits_look(struct flight *flight, uint64_t more_bytes, uint64_t now_ns)
{
    uint64_t wait_ns = UINT64_MAX;
    uint64_t room_bytes = UINT64_MAX;
    for (uint32_t i = 0; i < flight->limit_count; i++) {
        struct memory_limit *limit = &flight->limits[i];
        enum memory_level level = memory_limit_look(limit, more_bytes, now_ns);
        if (level >= MEMORY_LEVEL_RECORD) {
            record(flight, limit);
        } else if (level == MEMORY_LEVEL_READY && is_thread(flight)) {
            (void)output_rehearse(flight->output, true); /* as above; the account was at first */
        } else if (level == MEMORY_LEVEL_READY) {
            rehearse(flight);
        }
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
    flight->can_ask_loader = false;
    own_files_begin();
    for (uint32_t i = 0; i < flight->limit_count; i++) {
        memory_limit_listen(&flight->limits[i]);
    }
    rehearse(flight);
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
    flight->output = output;
    limits_find(flight, own_limit);
    void *block = flight->limit_count > 0 ? pages_map(account_bytes()) : NULL;
    if (block == NULL) {
        pages_unmap(flight, sizeof(*flight));
        return;
    }
    flight->tables = account_init(block);
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
    flight->can_ask_loader = count > 0 && gettid() == getpid() && !loader_is_in(pcs, count);
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
        flight->record_count = 0;
        for (uint32_t i = 0; i < flight->limit_count; i++) {
            memory_limit_after_fork_child(&flight->limits[i]);
        }
    }
}

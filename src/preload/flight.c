#include "preload/flight.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "preload/account.h"
#include "preload/cgroup.h"
#include "preload/file_put.h"
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

struct flight {
    struct output *output;
    struct account_tables *tables;
    struct cgroup cgroup;
    uint64_t own_limit;
    uint64_t record_count;
    uint32_t limit_count;
    struct memory_limit limits[LIMITS_MAX];
    const struct memory_limit *reached; /* of the record that is being written */
    struct account account;
    char path[PATH_MAX];
    char account_path[PATH_MAX];
    char stage[STAGE_BYTES];
    char lines[LINES_BUFFER_BYTES];
};

static unsigned percent_of(const struct memory_limit *limit)
{
    uint64_t hundredth = limit->limit_bytes / 100;
    return hundredth == 0 ? 100 : (unsigned)(limit->used_bytes / hundredth);
}

static void limit_json(const struct flight *flight, struct json_writer *json)
{
    const struct memory_limit *limit = flight->reached;
    json_write_key(json, "limit");
    json_begin_object(json);
    json_write_key(json, "of");
    json_write_string(json, limit->name);
    json_write_key(json, "bytes");
    json_write_uint(json, limit->limit_bytes);
    json_write_key(json, "used");
    json_write_uint(json, limit->used_bytes);
    json_write_key(json, "charged");
    json_write_uint(json, limit->charged_bytes);
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

/* The profile first: it names who grows, and takes no lock of the allocator's. */
static void record(struct flight *flight, const struct memory_limit *limit)
{
    flight->reached = limit;
    flight->record_count++;
    int err = paths_make(flight, flight->record_count);
    err = err != 0 ? err : output_write_as_is(flight->output, flight->path);
    int account_err = err != 0 ? err : account_take(flight->tables, WALK_NS, &flight->account);
    if (account_err == 0) {
        account_err = output_write_with(flight->output, flight->account_path, account_put, flight);
    }
    const char *error = strerrorname_np(err != 0 ? -err : -account_err);
    own_files_begin_saying();
    if (err == 0) {
        said_line("memory at %u %% of %llu bytes (%s): wrote %s%s%s", percent_of(limit),
                  (unsigned long long)limit->limit_bytes, limit->name, flight->path,
                  account_err == 0 ? "" : ", no account: ", account_err == 0 ? "" : error);
    } else {
        said_line("memory at %u %% of %llu bytes (%s): no profile written: %s", percent_of(limit),
                  (unsigned long long)limit->limit_bytes, limit->name, error);
    }
    own_files_end_saying();
    oldest_remove(flight);
}

/* Once at the beginning; profiles grow, so that theirs is rehearsed again. */
static void rehearse(struct flight *flight)
{
    (void)output_rehearse(flight->output); /* what fails now will be told when it counts */
    if (account_take(flight->tables, WALK_NS, &flight->account) == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        flight->reached = &flight->limits[0];
        (void)account_put(flight, nowhere);
        close(nowhere);
    }
}

/* Wait until the kernel tells, or it is time to look. */
static void limits_wait(struct flight *flight)
{
    struct pollfd files[2 * LIMITS_MAX];
    uint64_t wait_ns = UINT64_MAX;
    for (uint32_t i = 0; i < flight->limit_count; i++) {
        const struct memory_limit *limit = &flight->limits[i];
        uint64_t own_ns = memory_limit_wait_ns(limit);
        wait_ns = own_ns < wait_ns ? own_ns : wait_ns;
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

static void limits_open(struct flight *flight)
{
    uint64_t group_limit = 0;
    uint32_t count = 0;
    do {
        struct memory_limit *limit = &flight->limits[count];
        if (flight->cgroup.version != 0 && memory_limit_open_group(limit, &flight->cgroup) == 0) {
            group_limit = group_limit == 0 ? limit->limit_bytes : group_limit;
            count++;
        }
    } while (count < GROUPS_MAX && cgroup_up(&flight->cgroup));
    uint64_t own_limit = flight->own_limit;
    if ((own_limit & FLIGHT_PERCENT) != 0) {
        struct sysinfo machine = {0};
        (void)sysinfo(&machine); /* it cannot fail with a good pointer */
        uint64_t whole = group_limit != 0 ? group_limit : machine.totalram * machine.mem_unit;
        own_limit = whole / 100 * (own_limit & ~FLIGHT_PERCENT);
    }
    if (own_limit != 0 && memory_limit_open_own(&flight->limits[count], own_limit) == 0) {
        count++;
    }
    flight->limit_count = count;
}

static void flight_run(void *context)
{
    struct flight *flight = context;
    own_files_begin();
    limits_open(flight);
    rehearse(flight);
    for (;;) {
        for (uint32_t i = 0; i < flight->limit_count; i++) {
            enum memory_level level = memory_limit_look(&flight->limits[i]);
            if (level >= MEMORY_LEVEL_RECORD) {
                record(flight, &flight->limits[i]);
            } else if (level == MEMORY_LEVEL_READY) {
                (void)output_rehearse(flight->output); /* as above */
            }
        }
        limits_wait(flight);
    }
}

/* True if there is anything to watch; the thread opens it anew, in files of its own. */
static bool is_limited(struct flight *flight)
{
    if (cgroup_find(flight->lines, &flight->cgroup) != 0) {
        flight->cgroup.version = 0;
    }
    struct cgroup kept = flight->cgroup;
    limits_open(flight);
    for (uint32_t i = 0; i < flight->limit_count; i++) {
        memory_limit_close(&flight->limits[i]);
    }
    flight->cgroup = kept;
    return flight->limit_count > 0;
}

void flight_start(struct output *output, uint64_t own_limit)
{
    struct flight *flight = pages_map(sizeof(*flight));
    if (flight == NULL) {
        return;
    }
    flight->output = output;
    flight->own_limit = own_limit;
    void *block = is_limited(flight) ? pages_map(account_bytes()) : NULL;
    if (block == NULL) {
        pages_unmap(flight, sizeof(*flight));
        return;
    }
    flight->tables = account_init(block);
    if (own_thread_start("sluice-flight", STACK_BYTES, flight_run, flight) != 0) {
        said_line("no thread for the flight recorder: memory limits are not watched");
        pages_unmap(block, account_bytes());
        pages_unmap(flight, sizeof(*flight));
    }
}

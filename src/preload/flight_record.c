#include "preload/flight_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "preload/file_put.h"
#include "preload/memory_limit.h"
#include "preload/own_files.h"
#include "preload/pages.h"
#include "preload/record_file.h"
#include "preload/said.h"
#include "sys/wall_clock.h"

#define RECORDS_MAX  6 /* that are kept */
#define PAST_NS      UINT64_C(3600000000000)
#define ENDING_BYTES 64
#define WALK_NS      UINT64_C(50000000) /* memory does not wait */
#define REHEARSAL_NS UINT64_C(1000000)  /* of the same */

static unsigned percent_of(const struct memory_limit *limit)
{
    uint64_t hundredth = limit->limit_bytes / 100;
    return hundredth == 0 ? 100 : (unsigned)(limit->used_bytes / hundredth);
}

static void limit_json(const struct flight_record *record, struct json_writer *json)
{
    const struct memory_limit *limit = record->limit;
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
    json_end_object(json);
}

static int account_put(void *context, int file)
{
    struct flight_record *record = context;
    struct sink sink;
    struct json_writer json;
    sink_init(&sink, file_put, &file, record->stage, sizeof(record->stage));
    json_writer_init(&json, &sink, JSON_PRETTY);
    json_begin_object(&json);
    limit_json(record, &json);
    json_write_key(&json, "account");
    account_json(&record->account, &json);
    json_end_object(&json);
    json_writer_end(&json);
    return sink_end(&sink);
}

static int path_make(struct flight_record *record, uint64_t number)
{
    char ending[ENDING_BYTES];
    (void)snprintf(ending, sizeof(ending), "flight.%llu.capsule", (unsigned long long)number);
    return output_path(record->output, ending, record->path);
}

/* Within a hook the allocator's locks may be this thread's own. */
static int record_account(struct flight_record *record, uint64_t walk_ns)
{
    struct account_options options = {.walk_ns = walk_ns, .asks_allocator = record->is_thread};
    return account_take(record->tables, &options, &record->account);
}

static int status_put(void *context, int file)
{
    struct flight_record *record = context;
    ssize_t got = 0;
    int err = 0;
    int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (status < 0) {
        return -errno;
    }
    while (err == 0 && (got = read(status, record->stage, sizeof(record->stage))) > 0) {
        err = file_put(&file, record->stage, (size_t)got);
    }
    close(status);
    return err;
}

static int manifest_put(void *context, int file)
{
    struct flight_record *record = context;
    struct sink sink;
    struct json_writer json;
    sink_init(&sink, file_put, &file, record->stage, sizeof(record->stage));
    json_writer_init(&json, &sink, JSON_PRETTY);
    json_begin_object(&json);
    json_write_key(&json, "format");
    json_write_string(&json, "sluice-capsule");
    json_write_key(&json, "format_version");
    json_write_uint(&json, 1);
    json_write_key(&json, "made_by");
    json_write_string(&json, "libsluice-heap");
    json_write_key(&json, "version");
    json_write_string(&json, SLUICE_VERSION);
    json_write_key(&json, "source");
    (void)snprintf(record->number, sizeof(record->number), "%ld", (long)getpid());
    json_write_string(&json, record->number);
    json_write_key(&json, "time");
    json_write_int(&json, wall_clock_ns() / 1000000000);
    json_end_object(&json);
    json_writer_end(&json);
    return sink_end(&sink);
}

static int part_add(struct flight_record *record, const char *name,
                    int (*put)(void *context, int file))
{
    const struct output_writing writing = {put, record};
    return output_record_add(record->output, record->path, name, wall_clock_ns(), &writing,
                             record->is_thread);
}

void flight_record_remember(struct flight_record *record)
{
    uint64_t place = record->past_count % FLIGHT_PAST_MAX;
    if (record->past_blocks[place] != NULL) {
        output_moment_take(record->output, record->past_blocks[place], &record->past[place]);
        record->past_count++;
    }
}

/* How it came so far: the moments of the last hour that no record has yet. */
static int past_add(struct flight_record *record)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    uint64_t first =
        record->past_count > FLIGHT_PAST_MAX ? record->past_count - FLIGHT_PAST_MAX : 0;
    int err = 0;
    for (uint64_t i = first; i < record->past_count && err == 0; i++) {
        const struct output_moment *moment = &record->past[i % FLIGHT_PAST_MAX];
        if (now_ns - moment->now_ns <= PAST_NS) {
            err = output_record_profile(record->output, record->path, moment, record->is_thread);
        }
    }
    record->past_count = 0;
    return err;
}

_Static_assert(FLIGHT_STAGE_BYTES >= PATH_MAX, "the stage has room for a name");

/* The first of a row: levels above it add to the same file. */
static int record_begin(struct flight_record *record, uint64_t *number)
{
    *number = ++record->record_count;
    if (record->record_count > RECORDS_MAX &&
        path_make(record, record->record_count - RECORDS_MAX) == 0) {
        (void)unlink(record->path); /* somebody may have taken it away */
    }
    int err = path_make(record, record->record_count);
    err = err != 0 ? err : record_file_make(record->path, record->stage);
    err = err != 0 ? err : part_add(record, "manifest.json", manifest_put);
    return err != 0 ? err : past_add(record);
}

static void record_say(struct flight_record *record, int err, int account_err)
{
    const struct memory_limit *limit = record->limit;
    const char *error = strerrorname_np(err != 0 ? -err : -account_err);
    if (record->is_thread) {
        own_files_begin_saying();
    }
    if (err == 0) {
        said_line("memory at %u %% of %llu bytes (%s): wrote %s%s%s", percent_of(limit),
                  (unsigned long long)limit->limit_bytes, limit->name, record->path,
                  account_err == 0 ? "" : ", no account: ", account_err == 0 ? "" : error);
    } else {
        said_line("memory at %u %% of %llu bytes (%s): no profile written: %s", percent_of(limit),
                  (unsigned long long)limit->limit_bytes, limit->name, error);
    }
    if (record->is_thread) {
        own_files_end_saying();
    }
}

/* The profile first: it names who grows, and takes no lock of the allocator's. */
void flight_record_write(struct flight_record *record, const struct memory_limit *limit,
                         uint64_t *number, bool tells)
{
    record->limit = limit;
    if (record->can_ask_loader) {
        output_look_for_modules(record->output);
    }
    int err = *number == 0 ? record_begin(record, number) : path_make(record, *number);
    if (err == 0) {
        err = output_record_profile(record->output, record->path, NULL, record->is_thread);
    }
    if (err == 0) {
        err = part_add(record, "status", status_put);
    }
    if (!tells) {
        return;
    }
    int account_err = err != 0 ? err : record_account(record, WALK_NS);
    if (account_err == 0) {
        account_err = part_add(record, "memory.json", account_put);
    }
    record_say(record, err, account_err);
}

void flight_record_rehearse(struct flight_record *record, const struct memory_limit *limit)
{
    bool can_ask = record->is_thread || record->can_ask_loader;
    (void)output_rehearse(record->output, can_ask); /* what fails now will be told later */
    if (record_account(record, REHEARSAL_NS) == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        record->limit = limit;
        (void)account_put(record, nowhere);
        close(nowhere);
    }
}

int flight_record_init(struct flight_record *record, struct output *output)
{
    void *block = pages_map(account_bytes());
    if (block == NULL) {
        return -ENOMEM;
    }
    record->output = output;
    record->tables = account_init(block);
    for (size_t i = 0; i < FLIGHT_PAST_MAX; i++) {
        record->past_blocks[i] = pages_map(output_moment_bytes(output));
    }
    return 0;
}

void flight_record_after_fork_child(struct flight_record *record)
{
    record->is_thread = false;
    record->record_count = 0;
    record->past_count = 0;
}

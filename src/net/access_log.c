#include "net/access_log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/ring.h>
#include <sluice/scope.h>

#include "base/sink.h"
#include "base/sink_number.h"
#include "codec/json_writer.h"
#include "net/connection.h"
#include "net/request.h"
#include "net/route.h"
#include "sys/deadline.h"
#include "sys/mutex.h"
#include "sys/wall_clock.h"

#define RECORDS_MAX     2048
#define RECORDS_AT_ONCE 16
#define STAGE_BYTES     ((size_t)16 * 1024)

struct record {
    int64_t time_ns; /* when it ended */
    uint64_t duration_ns;
    uint64_t sent_bytes;
    uint64_t body_bytes;
    unsigned method;
    uint16_t status;
    uint16_t version;
    uint16_t path_len;
    uint16_t agent_len;
    char address[INET6_ADDRSTRLEN];
    char path[160];
    char agent[80];
};

struct access_log {
    struct slu_budget *budget;
    struct slu_mpsc *ring;
    int fd;
    bool is_combined;
    _Atomic uint64_t failed_count; /* lines that could not be written */
    _Atomic bool is_asleep;        /* set under the lock, before a last look at the ring */
    struct mutex lock;
    struct condition filled;
    bool is_stopping;
    struct record records[RECORDS_AT_ONCE];
    char stage[STAGE_BYTES];
};

static uint16_t text_keep(char *to, size_t size, struct slu_bytes text)
{
    size_t len = text.len < size ? text.len : size;
    if (len > 0) {
        memcpy(to, text.data, len);
    }
    return (uint16_t)len;
}

static void address_keep(struct record *record, const struct connection *connection)
{
    if (connection == NULL) {
        return; /* it has gone, and with it who it was */
    }
    const void *address = connection->address.any.sa_family == AF_INET6
                              ? (const void *)&connection->address.v6.sin6_addr
                              : (const void *)&connection->address.v4.sin_addr;
    (void)inet_ntop(connection->address.any.sa_family, address, record->address,
                    sizeof(record->address)); /* or it stays empty */
}

void access_log_add(struct access_log *log, const struct net_request *request, uint64_t now_ns)
{
    struct slu_bytes agent = {0};
    struct record record = {
        .time_ns = wall_clock_ns(),
        .duration_ns = now_ns - request->start_ns,
        .sent_bytes = request->sent_bytes,
        .body_bytes = request->body.len,
        .method = request->method,
        .status = (uint16_t)(request->connection == NULL && request->response.status != 101
                                 ? 499 /* as nginx tells of clients that have gone */
                                 : request->response.status),
        .version = (uint16_t)request->version,
    };
    record.path_len = text_keep(record.path, sizeof(record.path), request->path);
    if (head_field_find(&request->fields, "user-agent", &agent)) {
        record.agent_len = text_keep(record.agent, sizeof(record.agent), agent);
    }
    address_keep(&record, request->connection);
    if (slu_mpsc_push(log->ring, &record) != 0) {
        return; /* counted by the ring */
    }
    /* Pairs with the store in records_wait: either it sees the record, or this sees it asleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&log->is_asleep, memory_order_relaxed)) {
        mutex_lock(&log->lock);
        condition_signal(&log->filled);
        mutex_unlock(&log->lock);
    }
}

static void json_line(struct sink *sink, const struct record *record)
{
    struct json_writer json;
    json_writer_init(&json, sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "time_ns");
    json_write_int(&json, record->time_ns);
    json_write_key(&json, "client");
    json_write_string(&json, record->address);
    json_write_key(&json, "method");
    json_write_string(&json, method_name(record->method));
    json_write_key(&json, "path");
    json_write_string_bytes(&json, record->path, record->path_len);
    json_write_key(&json, "version");
    json_write_double(&json, record->version / 10.0);
    json_write_key(&json, "status");
    json_write_uint(&json, record->status);
    json_write_key(&json, "received_bytes");
    json_write_uint(&json, record->body_bytes);
    json_write_key(&json, "sent_bytes");
    json_write_uint(&json, record->sent_bytes);
    json_write_key(&json, "duration_ns");
    json_write_uint(&json, record->duration_ns);
    json_write_key(&json, "agent");
    json_write_string_bytes(&json, record->agent, record->agent_len);
    json_end_object(&json);
    json_writer_end(&json);
}

/* Nothing in a line may look like another one. */
static void quoted(struct sink *sink, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < ' ' || byte >= 0x7f || byte == '"' || byte == '\\') {
            sink_format(sink, "\\x%02x", byte);
        } else {
            sink_char(sink, text[i]);
        }
    }
}

static void combined_line(struct sink *sink, const struct record *record)
{
    char when[32];
    struct tm parts;
    time_t second = (time_t)(record->time_ns / 1000000000);
    gmtime_r(&second, &parts);
    strftime(when, sizeof(when), "%d/%b/%Y:%H:%M:%S +0000", &parts);
    sink_format(sink, "%s - - [%s] \"%s ", record->address[0] == '\0' ? "-" : record->address, when,
                method_name(record->method));
    quoted(sink, record->path, record->path_len);
    sink_format(sink, " HTTP/%u.%u\" %u %llu \"-\" \"", record->version / 10u,
                record->version % 10u, record->status, (unsigned long long)record->sent_bytes);
    quoted(sink, record->agent, record->agent_len);
    sink_text(sink, "\"\n");
}

static int fd_write(void *context, const char *bytes, size_t len)
{
    const struct access_log *log = context;
    while (len > 0) {
        ssize_t written = write(log->fd, bytes, len);
        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        bytes += written < 0 ? 0 : written;
        len -= written < 0 ? 0 : (size_t)written;
    }
    return 0;
}

static void records_write(struct access_log *log, size_t count)
{
    struct sink sink;
    sink_init(&sink, fd_write, log, log->stage, sizeof(log->stage));
    for (size_t i = 0; i < count; i++) {
        if (log->is_combined) {
            combined_line(&sink, &log->records[i]);
        } else {
            json_line(&sink, &log->records[i]);
        }
    }
    if (sink_end(&sink) != 0) {
        atomic_fetch_add_explicit(&log->failed_count, count, memory_order_relaxed);
    }
}

/* Returns how many there are; 0 when the end has come. */
static size_t records_wait(struct access_log *log)
{
    size_t count = slu_mpsc_pop_many(log->ring, log->records, RECORDS_AT_ONCE);
    if (count > 0) {
        return count;
    }
    mutex_lock(&log->lock);
    for (;;) {
        atomic_store_explicit(&log->is_asleep, true, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst); /* as access_log_add says */
        count = slu_mpsc_pop_many(log->ring, log->records, RECORDS_AT_ONCE);
        if (count > 0 || log->is_stopping) {
            break;
        }
        (void)condition_wait_until(&log->filled, &log->lock, DEADLINE_NEVER); /* woken, or not */
    }
    atomic_store_explicit(&log->is_asleep, false, memory_order_relaxed);
    mutex_unlock(&log->lock);
    return count;
}

static void run(struct slu_scope *scope, void *arg)
{
    (void)scope;
    for (size_t count; (count = records_wait(arg)) > 0;) {
        records_write(arg, count);
    }
}

int access_log_start(const struct access_log_options *options, struct access_log **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(options->budget, sizeof(struct access_log), &block);
    if (err != 0) {
        return err;
    }
    struct access_log *log = block;
    struct slu_ring_options ring = {
        .capacity = RECORDS_MAX, .record_bytes = sizeof(struct record), .policy = SLU_RING_REJECT};
    log->budget = options->budget;
    log->fd = options->fd;
    log->is_combined = options->is_combined;
    mutex_init(&log->lock);
    condition_init(&log->filled);
    err = slu_mpsc_create(options->budget, &ring, NULL, &log->ring);
    if (err == 0) {
        err = slu_go(options->scope, "net-log", run, log);
    }
    if (err != 0) {
        access_log_destroy(&log);
        return err;
    }
    *out = log;
    return 0;
}

void access_log_stop(struct access_log *log)
{
    mutex_lock(&log->lock);
    log->is_stopping = true;
    condition_signal(&log->filled);
    mutex_unlock(&log->lock);
}

void access_log_destroy(struct access_log **log)
{
    if (*log == NULL) {
        return;
    }
    slu_mpsc_destroy(&(*log)->ring);
    condition_deinit(&(*log)->filled);
    mutex_deinit(&(*log)->lock);
    slu_budget_free((*log)->budget, *log, sizeof(**log));
    *log = NULL;
}

uint64_t access_log_dropped(const struct access_log *log)
{
    struct slu_ring_stats stats;
    slu_mpsc_stats(log->ring, &stats);
    return stats.refused_count + atomic_load_explicit(&log->failed_count, memory_order_relaxed);
}

/* The daemon itself: whether it runs, what it counts, what it has in memory and on disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "net/net.h"
#include "serve/metrics_page.h"
#include "serve/web_query.h"
#include "store/block_cache.h"
#include "sys/file.h"

#define STATUS_BYTES  ((size_t)64 * 1024)
#define PROFILE_BYTES (UINT64_C(16) << 20)
#define PATH_BYTES    4096

static void store_signal_write(struct web *web, enum store_signal signal, struct json_writer *json)
{
    struct store_signal_stats stats;
    store_stats(web->store, signal, &stats);
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"disk_bytes", stats.disk_bytes},
        {"log_bytes", stats.log_bytes},
        {"head_bytes", stats.head_bytes},
        {"parts", stats.part_count},
        {"streams", stats.stream_count},
        {"stream_limit", stats.stream_max},
        {"records", stats.record_count},
        {"late", stats.late_count},
        {"future", stats.future_count},
        {"invalid", stats.invalid_count},
        {"refused", stats.streams_refused_count},
        {"flushes", stats.flush_count},
        {"merges", stats.merge_count},
        {"dropped_parts", stats.dropped_part_count},
        {"damaged", stats.damaged_count},
        {"disk_errors", stats.disk_error_count},
    };
    json_begin_object(json);
    json_write_key(json, "signal");
    json_write_string(json, store_signal_name(signal));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        json_write_key(json, numbers[i].key);
        json_write_uint(json, numbers[i].value);
    }
    json_write_key(json, "oldest");
    web_seconds_write(json, stats.oldest_ns);
    json_write_key(json, "newest");
    web_seconds_write(json, stats.newest_ns);
    json_end_object(json);
}

static void store_write(struct web *web, struct json_writer *json)
{
    json_write_key(json, "store_signals");
    json_begin_array(json);
    for (size_t i = 0; web->store != NULL && i < STORE_SIGNAL_COUNT; i++) {
        store_signal_write(web, (enum store_signal)i, json);
    }
    json_end_array(json);
}

static void cache_write(struct web *web, struct json_writer *json)
{
    struct block_cache_stats stats;
    store_cache_stats(web->store, &stats);
    json_write_key(json, "store_cache");
    json_begin_object(json);
    json_write_key(json, "used_bytes");
    json_write_uint(json, stats.used_bytes);
    json_write_key(json, "limit_bytes");
    json_write_uint(json, stats.limit_bytes);
    json_write_key(json, "hits");
    json_write_uint(json, stats.hit_count);
    json_write_key(json, "misses");
    json_write_uint(json, stats.miss_count);
    json_end_object(json);
}

static void status_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct block text = {0};
    struct json_writer json;
    struct sink sink;
    if (block_begin(web->budget, STATUS_BYTES, &text) != 0) {
        web_busy(request, "unavailable", "no memory for the answer");
        return;
    }
    sink_init_fixed(&sink, text.data, text.size_bytes);
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "version");
    json_write_string(&json, web->options.version);
    if (web->options.status != NULL) {
        web->options.status(web->options.status_arg, &json);
    }
    store_write(web, &json);
    if (web->store != NULL) {
        cache_write(web, &json);
    }
    json_end_object(&json);
    json_writer_end(&json);
    if (sink.err == 0) {
        net_respond(request, 200, "application/json", (struct slu_bytes){text.data, sink.len});
    } else {
        web_fail(request, 500, "internal", "the status does not fit its room");
    }
    block_free(web->budget, &text);
}

static void metrics_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    metrics_page_answer(request, web->budget, web->options.graph);
}

static void health_answer(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain; charset=utf-8", net_text("ok\n"));
}

/* What tools look for there, and people. */
static void profiles_answer(struct net_request *request, void *arg)
{
    static const char page[] = "<!DOCTYPE html><html lang=\"en\"><title>/debug/pprof/</title>"
                               "<h1>/debug/pprof/</h1><ul><li><a href=\"/debug/pprof/heap\">heap"
                               "</a>: what the daemon holds in memory, by who allocated it; "
                               "<code>sluice heap top URL</code>, <code>go tool pprof URL</code>"
                               "</ul>\n";
    (void)arg;
    net_respond(request, 200, "text/html; charset=utf-8", net_text(page));
}

/* The profiler writes files: it goes through one. */
static void heap_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct block bytes = {0};
    struct slu_diag diag = {0};
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/web-heap-%d", web->options.data_path, gettid());
    if (web->options.heap_write == NULL || len < 0 || (size_t)len >= sizeof(path)) {
        web_fail(request, 501, "unavailable", "this build has no heap profiler");
        return;
    }
    int err = web->options.heap_write(path);
    err = err != 0 ? err : file_read_all(web->budget, path, PROFILE_BYTES, &bytes, &diag);
    (void)unlink(path); /* it may not have been made */
    if (err == 0) {
        net_respond(request, 200, "application/octet-stream",
                    (struct slu_bytes){bytes.data, bytes.len});
        block_free(web->budget, &bytes);
    } else {
        web_fail(request, 503, "unavailable", strerror(-err));
    }
}

size_t web_status_routes(struct web *web, struct net_route *routes)
{
    const struct net_route all[] = {
        {.path = "/api/status", .handle = status_answer, .place = NET_ON_WORKER},
        {.path = "/metrics", .handle = metrics_answer, .place = NET_ON_WORKER},
        {.path = "/healthz", .handle = health_answer},
        {.path = "/readyz", .handle = health_answer},
        {.path = "/debug/pprof/", .handle = profiles_answer},
        {.path = "/debug/pprof/heap", .handle = heap_answer, .place = NET_ON_WORKER},
    };
    (void)web;
    memcpy(routes, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

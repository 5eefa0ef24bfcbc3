#include "serve/daemon_status.h"

#include <sluice/budget.h>

#include "codec/json_writer.h"
#include "pipeline/graph.h"
#include "serve/daemon_store.h"
#include "serve/memory_watch.h"
#include "sys/wall_clock.h"

static void budget_write(const struct slu_budget *budget, struct json_writer *json)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    json_begin_object(json);
    json_write_key(json, "name");
    json_write_string(json, slu_budget_name(budget));
    json_write_key(json, "used_bytes");
    json_write_uint(json, stats.used_bytes);
    json_write_key(json, "limit_bytes");
    json_write_uint(json, stats.limit_bytes);
    json_write_key(json, "peak_bytes");
    json_write_uint(json, stats.high_water_bytes);
    json_write_key(json, "refused");
    json_write_uint(json, stats.refused_count);
    json_end_object(json);
}

static void memory_write(const struct daemon_status *status, struct json_writer *json)
{
    struct memory_usage usage;
    memory_watch_usage(status->watch, &usage);
    json_write_key(json, "memory");
    json_begin_object(json);
    json_write_key(json, "limit_bytes");
    json_write_uint(json, usage.limit_bytes);
    json_write_key(json, "resident_bytes");
    json_write_uint(json, usage.resident_bytes);
    json_write_key(json, "budget_bytes");
    json_write_uint(json, usage.budget_bytes);
    json_write_key(json, "overhead_bytes");
    json_write_uint(json, usage.overhead_bytes);
    json_write_key(json, "budgets");
    json_begin_array(json);
    budget_write(status->payloads, json);
    if (status->store->budget != NULL) {
        budget_write(status->store->budget, json);
    }
    budget_write(status->configs, json);
    json_end_array(json);
    json_end_object(json);
}

static void receivers_write(struct graph *graph, struct json_writer *json)
{
    struct receiver_stats stats;
    const char *name = NULL;
    json_write_key(json, "receivers");
    json_begin_array(json);
    for (size_t i = 0; (name = graph_receiver(graph, i, &stats)) != NULL; i++) {
        json_begin_object(json);
        json_write_key(json, "name");
        json_write_string(json, name);
        json_write_key(json, "accepted");
        json_write_uint(json, stats.accepted_count);
        json_write_key(json, "refused");
        json_write_uint(json, stats.refused_count);
        json_write_key(json, "invalid");
        json_write_uint(json, stats.invalid_count);
        json_end_object(json);
    }
    json_end_array(json);
}

static void exporters_write(struct graph *graph, struct json_writer *json)
{
    struct exporter_stats stats;
    const char *name = NULL;
    json_write_key(json, "exporters");
    json_begin_array(json);
    for (size_t i = 0; (name = graph_exporter(graph, i, &stats)) != NULL; i++) {
        json_begin_object(json);
        json_write_key(json, "name");
        json_write_string(json, name);
        json_write_key(json, "sent");
        json_write_uint(json, stats.sent_count);
        json_write_key(json, "failed");
        json_write_uint(json, stats.failed_count);
        json_write_key(json, "lost");
        json_write_uint(json, stats.lost_count);
        json_write_key(json, "refused");
        json_write_uint(json, stats.refused_count);
        json_write_key(json, "waiting");
        json_write_uint(json, stats.waiting_count);
        json_write_key(json, "waiting_bytes");
        json_write_uint(json, stats.waiting_bytes);
        json_end_object(json);
    }
    json_end_array(json);
}

void daemon_status_write(const struct daemon_status *status, struct json_writer *json)
{
    json_write_key(json, "started");
    json_write_double(json, (double)(status->started_ns / 1000000) / 1000);
    json_write_key(json, "now");
    json_write_double(json, (double)(wall_clock_ns() / 1000000) / 1000);
    memory_write(status, json);
    receivers_write(status->graph, json);
    exporters_write(status->graph, json);
    if (status->store->store != NULL) {
        json_write_key(json, "store");
        json_begin_object(json);
        json_write_key(json, "path");
        json_write_string(json, status->store->path);
        json_write_key(json, "disk_limit_bytes");
        json_write_uint(json, status->store->settings.size_bytes_max);
        json_write_key(json, "retention_seconds");
        json_write_uint(json, status->store->settings.retention_ns / 1000000000);
        json_end_object(json);
    }
}

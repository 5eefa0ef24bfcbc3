#include "serve/daemon_status.h"

#include <sluice/budget.h>

#include "codec/json_writer.h"
#include "pipeline/config_pipelines.h"
#include "pipeline/graph.h"
#include "pipeline/receiver.h"
#include "pipeline/refusals.h"
#include "serve/daemon_store.h"
#include "serve/memory_watch.h"
#include "sys/wall_clock.h"

static void seconds_write(struct json_writer *json, const char *key, int64_t time_ns)
{
    json_write_key(json, key);
    json_write_double(json, (double)(time_ns / 1000000) / 1000);
}

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
    budget_write(status->queries, json);
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

static void targets_write(struct graph *graph, struct json_writer *json)
{
    struct receiver_target target;
    json_write_key(json, "targets");
    json_begin_array(json);
    for (size_t i = 0; graph_target(graph, i, &target) == 0; i++) {
        json_begin_object(json);
        json_write_key(json, "endpoint");
        json_write_string(json, target.endpoint);
        json_write_key(json, "service");
        json_write_string(json, target.service == NULL ? "" : target.service);
        json_write_key(json, "optional");
        json_write_bool(json, target.is_optional);
        json_write_key(json, "profiles");
        json_write_uint(json, target.taken_count);
        seconds_write(json, "answered", target.answered_ns);
        json_write_key(json, "error");
        json_write_string(json, target.why);
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

static void names_write(struct json_writer *json, const char *key,
                        const struct config_component *const *components, size_t count)
{
    json_write_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_write_string(json, components[i]->name);
    }
    json_end_array(json);
}

static void pipelines_write(const struct graph *graph, struct json_writer *json)
{
    const struct config_pipelines *all = graph_pipelines(graph);
    json_write_key(json, "pipelines");
    json_begin_array(json);
    for (size_t i = 0; i < all->pipeline_count; i++) {
        const struct config_pipeline *pipeline = &all->pipelines[i];
        json_begin_object(json);
        json_write_key(json, "name");
        json_write_string(json, pipeline->name);
        names_write(json, "receivers", pipeline->receivers, pipeline->receiver_count);
        names_write(json, "processors", pipeline->processors, pipeline->processor_count);
        names_write(json, "exporters", pipeline->exporters, pipeline->exporter_count);
        json_end_object(json);
    }
    json_end_array(json);
}

static void refusals_write(struct refusals *refusals, struct json_writer *json)
{
    struct refusal all[REFUSALS_MAX];
    size_t count = refusals_list(refusals, all);
    json_write_key(json, "refusals");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        json_write_key(json, "signal");
        json_write_string(json, otlp_signal_name(all[i].signal));
        json_write_key(json, "kind");
        json_write_string(json, refusal_kind_name(all[i].kind));
        json_write_key(json, "reason");
        json_write_string(json, all[i].reason);
        json_write_key(json, "count");
        json_write_uint(json, all[i].count);
        seconds_write(json, "last", all[i].last_ns);
        json_end_object(json);
    }
    json_end_array(json);
}

void daemon_status_write(const struct daemon_status *status, struct json_writer *json)
{
    seconds_write(json, "started", status->started_ns);
    seconds_write(json, "now", wall_clock_ns());
    memory_write(status, json);
    receivers_write(status->graph, json);
    targets_write(status->graph, json);
    exporters_write(status->graph, json);
    pipelines_write(status->graph, json);
    refusals_write(status->refusals, json);
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

#include "net/measures.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/meter.h>

#include "net/request.h"
#include "net/server.h"

#define CLASS_COUNT 6 /* of status: 0 for clients that have gone, 1xx to 5xx */

/* What a loop looks up once for each route and class. */
struct series {
    struct slu_series requests;
    bool is_resolved;
};

struct measures {
    struct net_server *server;
    size_t block_bytes;
    uint32_t requests; /* metrics, by number */
    uint32_t seconds;
    uint32_t gauges[8];
    struct series series[]; /* by loop, route (the last: none), class */
};

static const char *const gauge_names[8] = {
    "sluice_net_connections",   "sluice_net_active_requests", "sluice_net_accepted",
    "sluice_net_refused",       "sluice_net_timeouts",        "sluice_net_rejected_requests",
    "sluice_net_shed_requests", "sluice_net_gone_clients",
};

static int metrics_register(struct measures *measures, struct slu_meter *meter)
{
    static const char *const labels[] = {"route", "status"};
    struct slu_metric_options requests = {.name = "sluice_net_requests",
                                          .help = "Requests by route and class of status.",
                                          .kind = SLU_METRIC_COUNTER,
                                          .labels = labels,
                                          .label_count = 2};
    struct slu_metric_options seconds = {.name = "sluice_net_request_seconds",
                                         .help = "The sum of the time that requests took.",
                                         .kind = SLU_METRIC_COUNTER,
                                         .scale = 1e-9,
                                         .labels = labels,
                                         .label_count = 1};
    int err = slu_meter_register(meter, &requests, NULL, &measures->requests);
    if (err == 0) {
        err = slu_meter_register(meter, &seconds, NULL, &measures->seconds);
    }
    for (size_t i = 0; err == 0 && i < 8; i++) {
        struct slu_metric_options gauge = {.name = gauge_names[i], .kind = SLU_METRIC_GAUGE};
        err = slu_meter_register(meter, &gauge, NULL, &measures->gauges[i]);
    }
    return err;
}

int measures_start(struct net_server *server, struct measures **out)
{
    const struct net_server_options *options = &server->options;
    size_t count = (size_t)options->loop_count * (options->route_count + 1) * CLASS_COUNT;
    size_t block_bytes = sizeof(struct measures) + count * sizeof(struct series);
    void *block = NULL;
    int err = slu_budget_alloc(server->budget, block_bytes, &block);
    if (err != 0) {
        return err;
    }
    struct measures *measures = block;
    measures->server = server;
    measures->block_bytes = block_bytes;
    err = metrics_register(measures, options->meter);
    if (err != 0) {
        measures_destroy(&measures);
        return err;
    }
    *out = measures;
    return 0;
}

void measures_destroy(struct measures **measures)
{
    if (*measures != NULL) {
        slu_budget_free((*measures)->server->budget, *measures, (*measures)->block_bytes);
        *measures = NULL;
    }
}

static const char *class_name(unsigned class_id)
{
    static const char *const names[CLASS_COUNT] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};
    return names[class_id];
}

static struct slu_bytes route_name(const struct net_request *request)
{
    return net_text(request->route == NULL ? "none" : request->route->path);
}

void measures_add(struct measures *measures, const struct net_request *request, uint64_t now_ns)
{
    const struct net_server_options *options = &measures->server->options;
    uint32_t writer = options->meter_writer + request->loop->index;
    uint32_t route = request->route == NULL ? options->route_count
                                            : (uint32_t)(request->route - options->routes);
    bool is_gone = request->connection == NULL && request->response.status != 101;
    unsigned class_id = is_gone ? 0 : request->response.status / 100;
    size_t row = (size_t)request->loop->index * (options->route_count + 1) + route;
    struct series *series = &measures->series[row * CLASS_COUNT + class_id];
    struct slu_bytes values[2] = {route_name(request), net_text(class_name(class_id))};
    struct slu_meter_key key = {.metric = measures->requests, .label_count = 2, .values = values};
    if (!series->is_resolved ||
        slu_meter_count(options->meter, writer, series->requests, now_ns, 1) == -ESTALE) {
        series->is_resolved =
            slu_meter_resolve(options->meter, writer, &key, now_ns, &series->requests) == 0 &&
            slu_meter_count(options->meter, writer, series->requests, now_ns, 1) == 0;
    }
    key.metric = measures->seconds;
    key.label_count = 1;
    if (slu_meter_count_key(options->meter, writer, &key, now_ns, now_ns - request->start_ns) !=
        0) {
        series->is_resolved = false; /* a meter without room counts that itself */
    }
}

int net_server_measure(struct net_server *server, uint64_t now_ns)
{
    struct measures *measures = server->measures;
    struct net_server_stats stats;
    if (measures == NULL) {
        return 0;
    }
    net_server_stats(server, &stats);
    const uint64_t values[8] = {stats.connection_count, stats.active_count,  stats.accepted_count,
                                stats.refused_count,    stats.timeout_count, stats.rejected_count,
                                stats.shed_count,       stats.gone_count};
    int err = 0;
    for (size_t i = 0; err == 0 && i < 8; i++) {
        struct slu_meter_key key = {.metric = measures->gauges[i]};
        err = slu_meter_set_key(server->options.meter, SLU_METER_ANY_THREAD, &key, now_ns,
                                (double)values[i]);
    }
    return err;
}

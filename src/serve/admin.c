#include "serve/admin.h"

#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "base/sink.h"
#include "net/net.h"
#include "pipeline/graph.h"
#include "pipeline/self_metrics.h"

#define LISTEN_MAX      128
#define PAGE_BYTES      ((size_t)128 * 1024)
#define GRACE_NS        UINT64_C(1000000000)
#define CONNECTIONS_MAX 32
#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define ROUTE_COUNT     3

struct admin {
    struct slu_budget *budget;
    struct graph *graph;
    struct net_server *server;
    char listen[LISTEN_MAX];
    struct net_route routes[ROUTE_COUNT];
};

/* A page of metrics: each name is described when it comes first. */
struct page {
    struct sink sink;
    const char *name;
};

static void metric_write(void *arg, const struct self_metric *metric)
{
    struct page *page = arg;
    const char *suffix = metric->is_counter ? "_total" : "";
    if (page->name == NULL || strcmp(page->name, metric->name) != 0) {
        sink_format(&page->sink, "# HELP %s%s %s\n# TYPE %s%s %s\n", metric->name, suffix,
                    metric->help, metric->name, suffix, metric->is_counter ? "counter" : "gauge");
        page->name = metric->name;
    }
    if (metric->label_name != NULL) {
        sink_format(&page->sink, "%s%s{%s=\"%s\"} %llu\n", metric->name, suffix, metric->label_name,
                    metric->label, (unsigned long long)metric->value);
    } else {
        sink_format(&page->sink, "%s%s %llu\n", metric->name, suffix,
                    (unsigned long long)metric->value);
    }
}

/* Names of one metric must stand together: the page is written once for each. */
struct names {
    const char *items[64];
    size_t count;
};

static void name_note(void *arg, const struct self_metric *metric)
{
    struct names *names = arg;
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], metric->name) == 0) {
            return;
        }
    }
    if (names->count < sizeof(names->items) / sizeof(names->items[0])) {
        names->items[names->count++] = metric->name;
    }
}

struct one_name {
    struct page *page;
    const char *name;
};

static void one_write(void *arg, const struct self_metric *metric)
{
    const struct one_name *one = arg;
    if (strcmp(one->name, metric->name) == 0) {
        metric_write(one->page, metric);
    }
}

static void metrics_answer(struct net_request *request, void *arg)
{
    struct admin *admin = arg;
    struct block room = {0};
    struct names names = {.count = 0};
    struct page page = {.name = NULL};
    if (block_begin(admin->budget, PAGE_BYTES, &room) != 0) {
        net_respond_status(request, 503);
        return;
    }
    sink_init_fixed(&page.sink, room.data, room.size_bytes);
    graph_metrics(admin->graph, name_note, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct one_name one = {.page = &page, .name = names.items[i]};
        graph_metrics(admin->graph, one_write, &one);
    }
    size_t len = page.sink.len;
    if (sink_end(&page.sink) == 0) {
        net_respond(request, 200, EXPOSITION_TYPE, (struct slu_bytes){room.data, len});
    } else {
        net_respond_status(request, 500);
    }
    block_free(admin->budget, &room);
}

static void health_answer(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "application/json", net_text("{\"status\":\"Server available\"}\n"));
}

static void routes_fill(struct admin *admin)
{
    static const char *const paths[ROUTE_COUNT] = {"/metrics", "/", "/:any*"};
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        admin->routes[i] = (struct net_route){.methods = NET_GET,
                                              .path = paths[i],
                                              .handle = i == 0 ? metrics_answer : health_answer,
                                              .arg = admin,
                                              .is_open = true};
    }
}

int admin_start(struct slu_budget *budget, struct slu_scope *scope, const char *endpoint,
                struct graph *graph, struct slu_diag *diag, struct admin **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct admin), &memory);
    if (err != 0) {
        return err;
    }
    struct admin *admin = memory;
    bool is_local = strncmp(endpoint, "localhost:", 10) == 0;
    (void)snprintf(admin->listen, sizeof(admin->listen), "%s%s", is_local ? "127.0.0.1" : "",
                   is_local ? endpoint + 9 : endpoint); /* one that is cut is no address */
    admin->budget = budget;
    admin->graph = graph;
    routes_fill(admin);
    struct net_server_options options = {.budget = budget,
                                         .scope = scope,
                                         .listen = admin->listen,
                                         .allow_open = true, /* the configuration names it */
                                         .routes = admin->routes,
                                         .route_count = ROUTE_COUNT,
                                         .connections_max = CONNECTIONS_MAX,
                                         .requests_max = CONNECTIONS_MAX};
    err = net_server_start(&options, diag, &admin->server);
    if (err != 0) {
        slu_budget_free(budget, admin, sizeof(*admin));
        return err;
    }
    *out = admin;
    return 0;
}

void admin_stop(struct admin **out)
{
    struct admin *admin = *out;
    if (admin != NULL) {
        net_server_stop(&admin->server, GRACE_NS);
        slu_budget_free(admin->budget, admin, sizeof(*admin));
        *out = NULL;
    }
}

unsigned admin_port(const struct admin *admin)
{
    return net_server_port(admin->server);
}

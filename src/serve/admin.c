#include "serve/admin.h"

#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "net/net.h"
#include "serve/metrics_page.h"

#define LISTEN_MAX      128
#define GRACE_NS        UINT64_C(1000000000)
#define CONNECTIONS_MAX 32
#define ROUTE_COUNT     3

struct admin {
    struct slu_budget *budget;
    struct graph *graph;
    struct net_server *server;
    char listen[LISTEN_MAX];
    struct net_route routes[ROUTE_COUNT];
};

static void metrics_answer(struct net_request *request, void *arg)
{
    struct admin *admin = arg;
    metrics_page_answer(request, admin->budget, admin->graph);
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

#include "serve/web.h"

#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "net/net.h"
#include "serve/web_query.h"

#define GRACE_NS        UINT64_C(2000000000)
#define QUERY_NS        UINT64_C(60000000000)
#define CONNECTIONS_MAX 128
#define STACK_BYTES     ((size_t)512 * 1024)

static void listen_write(struct web *web, const char *endpoint)
{
    bool is_local = strncmp(endpoint, "localhost:", 10) == 0;
    (void)snprintf(web->listen, sizeof(web->listen), "%s%s", is_local ? "127.0.0.1" : "",
                   is_local ? endpoint + 9 : endpoint); /* one that is cut is no address */
}

static void routes_fill(struct web *web)
{
    struct net_route *routes = web->routes;
    size_t count = web_metrics_routes(web, routes);
    count += web_logs_routes(web, routes + count);
    count += web_traces_routes(web, routes + count);
    count += web_profiles_routes(web, routes + count);
    count += web_status_routes(web, routes + count);
    count += web_page_routes(web, routes + count);
    web->route_count = count;
    for (size_t i = 0; i < count; i++) {
        routes[i].methods |= NET_GET;
        routes[i].arg = web;
        routes[i].is_open = true;
    }
}

static int server_start(struct web *web, const struct web_options *options, struct slu_diag *diag)
{
    struct net_server_options server = {.budget = web->budget,
                                        .scope = options->scope,
                                        .listen = web->listen,
                                        .allow_open = true, /* the configuration names it */
                                        .routes = web->routes,
                                        .route_count = (uint32_t)web->route_count,
                                        .worker_count = WEB_WORKERS,
                                        .worker_stack_bytes = STACK_BYTES,
                                        .connections_max = CONNECTIONS_MAX,
                                        .requests_max = CONNECTIONS_MAX,
                                        .request_timeout_ns = QUERY_NS};
    return net_server_start(&server, diag, &web->server);
}

int web_start(const struct web_options *options, struct slu_diag *diag, struct web **out)
{
    void *memory = NULL;
    void *routes = NULL;
    size_t routes_bytes = WEB_ROUTES_MAX * sizeof(struct net_route);
    int err = slu_budget_alloc(options->budget, sizeof(struct web), &memory);
    if (err != 0) {
        return err;
    }
    err = slu_budget_alloc(options->budget, routes_bytes, &routes);
    if (err != 0) {
        slu_budget_free(options->budget, memory, sizeof(struct web));
        return err;
    }
    struct web *web = memory;
    memset(web, 0, sizeof(*web));
    memset(routes, 0, routes_bytes);
    web->options = *options;
    web->budget = options->budget;
    web->store = options->store;
    web->routes = routes;
    listen_write(web, options->endpoint);
    routes_fill(web);
    err = server_start(web, options, diag);
    if (err != 0) {
        web_stop(&web);
        return err;
    }
    *out = web;
    return 0;
}

void web_stop(struct web **out)
{
    struct web *web = *out;
    *out = NULL;
    if (web != NULL) {
        net_server_stop(&web->server, GRACE_NS);
        slu_budget_free(web->budget, web->routes, WEB_ROUTES_MAX * sizeof(struct net_route));
        slu_budget_free(web->budget, web, sizeof(*web));
    }
}

unsigned web_port(const struct web *web)
{
    return net_server_port(web->server);
}

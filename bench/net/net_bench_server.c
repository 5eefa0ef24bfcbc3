/* What tools/bench-net measures: a server of one loop that answers, takes bodies and keeps quiet
 * connections. Prints its port, and ends with its standard input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "net/net.h"

#define SECOND_NS UINT64_C(1000000000)

static char page[1024];

static void answer(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain", (struct slu_bytes){page, sizeof(page)});
}

static void take(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain", net_text("ok\n"));
}

static void on_message(struct net_websocket *socket, enum net_message kind,
                       struct slu_bytes message, void *arg)
{
    (void)arg;
    if (net_websocket_send(socket, kind, message) != 0) {
        net_websocket_close(socket, 1013);
    }
}

static void websocket(struct net_request *request, void *arg)
{
    static const struct net_websocket_events events = {.on_message = on_message};
    struct net_websocket *socket = NULL;
    (void)arg;
    if (net_websocket_accept(request, &events, NULL, &socket) != 0) {
        net_respond_status(request, 426);
    }
}

static void grpc_echo(struct net_request *request, void *arg)
{
    struct slu_bytes message;
    (void)arg;
    if (net_grpc_message(request, &message) == 0) {
        net_grpc_reply(request, message);
    }
}

static int serve(struct slu_budget *budget, struct slu_scope *scope)
{
    static const struct net_route routes[] = {
        {.methods = NET_GET, .path = "/one", .handle = answer},
        {.methods = NET_GET, .path = "/ws", .handle = websocket},
        {.methods = NET_POST,
         .path = "/bench.Echo/Say",
         .handle = grpc_echo,
         .body_bytes_max = 1 << 20},
        {.methods = NET_POST, .path = "/body", .handle = take, .body_bytes_max = 1 << 20},
    };
    struct net_server_options options = {
        .budget = budget,
        .scope = scope,
        .listen = ":0",
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .connections_max = 20000,
        .ping_ns = NET_NEVER / 4,
    };
    struct net_server *server = NULL;
    struct slu_diag diag;
    if (net_server_start(&options, &diag, &server) != 0) {
        fprintf(stderr, "%s\n", diag.message);
        return EXIT_FAILURE;
    }
    printf("%u\n", net_server_port(server));
    fflush(stdout);
    while (getchar() != EOF) {
        struct slu_budget_stats stats;
        slu_budget_stats(budget, &stats);
        printf("%llu\n", (unsigned long long)stats.used_bytes);
        fflush(stdout);
    }
    net_server_stop(&server, SECOND_NS);
    return EXIT_SUCCESS;
}

int main(void)
{
    struct slu_budget *budget = NULL;
    struct slu_scope *scope = NULL;
    struct slu_scope_options options = {.name = "bench"};
    memset(page, 'x', sizeof(page));
    if (slu_budget_create(NULL, "bench", (uint64_t)2 << 30, &budget) != 0) {
        return EXIT_FAILURE;
    }
    options.budget = budget;
    if (slu_scope_create(NULL, &options, NULL, &scope) != 0) {
        return EXIT_FAILURE;
    }
    int status = serve(budget, scope);
    if (slu_scope_close(&scope) != 0) {
        return EXIT_FAILURE;
    }
    slu_budget_destroy(&budget);
    return status;
}

/*
 * Property: whatever a client sends over HTTP/1, HTTP/2 or as a WebSocket, the server answers or
 * closes, and when the client has gone nothing of it is left.
 */
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct net_server *server;
static struct slu_budget *budget;
static struct slu_scope *scope;

static void echo(struct net_request *request, void *arg)
{
    char value[16];
    (void)arg;
    (void)net_request_query_value(request, "q", value, sizeof(value)); /* only to be read */
    net_respond(request, 200, "text/plain", net_request_body(request));
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

static void grpc(struct net_request *request, void *arg)
{
    struct slu_bytes message;
    (void)arg;
    if (net_grpc_message(request, &message) == 0) {
        net_grpc_reply(request, message);
    }
}

static void stop(void)
{
    net_server_stop(&server, 0);
    SLU_ASSERT(slu_scope_close(&scope) == 0);
    slu_budget_destroy(&budget); /* asserts that nothing is left */
}

static void start(void)
{
    static const struct net_route routes[] = {
        {.methods = NET_GET, .path = "/:id", .handle = echo},
        {.methods = NET_POST, .path = "/", .handle = echo, .body_bytes_max = 65536},
        {.methods = NET_GET, .path = "/ws", .handle = websocket},
        {.methods = NET_POST, .path = "/a.B/C", .handle = grpc, .body_bytes_max = 65536},
    };
    struct net_server_options options = {
        .listen = ":0", .routes = routes, .route_count = 4, .connections_max = 64};
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", 64 << 20, &budget) == 0);
    options.budget = budget;
    SLU_ASSERT(slu_scope_create(NULL, &(struct slu_scope_options){.name = "fuzz", .budget = budget},
                                NULL, &scope) == 0);
    options.scope = scope;
    SLU_ASSERT(net_server_start(&options, NULL, &server) == 0);
    SLU_ASSERT(atexit(stop) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct net_server_stats stats;
    char answer[4096];
    if (server == NULL) {
        start();
    }
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(net_server_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {.l_onoff = 1};
    SLU_ASSERT(client >= 0);
    SLU_ASSERT(connect(client, (struct sockaddr *)(void *)&address, sizeof(address)) == 0);
    for (size_t at = 0; at < len;) {
        ssize_t sent = send(client, bytes + at, len - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            break; /* it has had enough */
        }
        at += (size_t)sent;
    }
    (void)shutdown(client, SHUT_WR);
    while (recv(client, answer, sizeof(answer), 0) > 0) {
    }
    SLU_ASSERT(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    close(client);
    do {
        net_server_stats(server, &stats);
    } while (stats.connection_count > 0 || stats.active_count > 0);
    return 0;
}

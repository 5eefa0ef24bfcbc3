/*
 * Three routes: a plain one, one that writes piece by piece, and one that works for long and stops
 * when its client has gone. Ends when its standard input does.
 */
#include <stdio.h>
#include <stdlib.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "net/net.h"

#define SECOND_NS UINT64_C(1000000000)

static void hello(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain", net_text("hello\n"));
}

static void count(struct net_request *request, void *arg)
{
    (void)arg;
    char line[32];
    int err = net_response_begin(request, 200, "text/plain");
    for (int i = 0; err == 0 && i < 100000; i++) {
        int len = snprintf(line, sizeof(line), "line %d\n", i);
        err = net_response_write(request, (struct slu_bytes){line, (size_t)len});
    }
    net_response_end(request);
}

static void work(struct net_request *request, void *arg)
{
    (void)arg;
    struct slu_scope *scope = net_request_scope(request);
    puts("working");
    fflush(stdout);
    int err = slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + 30 * SECOND_NS);
    printf("the work ended with %d\n", err);
    fflush(stdout);
    net_respond(request, 200, "text/plain", net_text("done\n"));
}

int main(int argc, char **argv)
{
    static const struct net_route routes[] = {
        {.methods = NET_GET, .path = "/", .handle = hello},
        {.methods = NET_GET, .path = "/count", .handle = count, .place = NET_ON_WORKER},
        {.methods = NET_GET, .path = "/work", .handle = work, .place = NET_ON_WORKER},
    };
    struct slu_scope_options scope = {.name = "main"};
    struct net_server_options options = {
        .listen = argc > 1 ? argv[1] : ":8080", .routes = routes, .route_count = 3};
    struct net_server *server = NULL;
    struct slu_diag diag = {.message = "no memory"};
    int err = slu_budget_create(NULL, "server", 64 << 20, &options.budget);
    scope.budget = options.budget;
    err = err != 0 ? err : slu_scope_create(NULL, &scope, &diag, &options.scope);
    err = err != 0 ? err : net_server_start(&options, &diag, &server);
    if (err != 0) {
        fprintf(stderr, "%s\n", diag.message);
        return EXIT_FAILURE;
    }
    printf("http://127.0.0.1:%u/\n", net_server_port(server));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    net_server_stop(&server, SECOND_NS);
    err = slu_scope_close(&options.scope);
    slu_budget_destroy(&options.budget);
    return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

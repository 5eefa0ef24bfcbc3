/*
 * A real service around a case: it listens on loopback, says "ready PORT" when it does, serves
 * until SIGTERM, and then tells what it has served and what the case tells of itself, in one line
 * of JSON. It ends with the process that has started it.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "net/net.h"

#include "case.h"
#include "options.h"

#define BUDGET_BYTES     (UINT64_C(4) << 30)
#define ADVANCE_NS       UINT64_C(10000000)
#define GRACE_NS         UINT64_C(2000000000)
#define PATH_BYTES       1024
#define TASKS_MAX        4096
#define LINE_BYTES       4096
#define TASK_STACK_BYTES ((size_t)32 << 10)

struct service {
    struct lab_settings settings;
    void *state;
    pthread_mutex_t lock; /* of the case, unless it is concurrent */
    _Atomic uint64_t served_count;
    _Atomic uint64_t refused_count;
    uint64_t begun_ns;
    struct socket_place *places; /* of WebSockets */
    struct socket_place *free_place;
};

/* A WebSocket's connection. */
struct socket_place {
    struct service *service;
    struct socket_place *next_free;
    uint32_t connection;
};

static uint64_t now_of(const struct service *service)
{
    uint64_t passed_ns = slu_clock_monotonic_ns() - service->begun_ns;
    return service->begun_ns + (uint64_t)((double)passed_ns * service->settings.speed);
}

static void enter(struct service *service)
{
    if (!lab_case.is_concurrent) {
        pthread_mutex_lock(&service->lock);
    }
}

static void leave(struct service *service)
{
    if (!lab_case.is_concurrent) {
        pthread_mutex_unlock(&service->lock);
    }
}

static uint64_t number_in(const struct net_request *request, const char *name)
{
    char digits[32];
    return net_request_query_value(request, name, digits, sizeof(digits)) == 0
               ? strtoull(digits, NULL, 10)
               : 0;
}

static void path_of(const struct net_request *request, char path[PATH_BYTES])
{
    struct slu_bytes raw = net_request_path(request);
    struct slu_bytes query = net_request_query(request);
    snprintf(path, PATH_BYTES, "%.*s%s%.*s", (int)raw.len, (const char *)raw.data,
             query.len > 0 ? "?" : "", (int)query.len, (const char *)query.data);
}

static void serve(struct net_request *net, void *arg)
{
    struct service *service = arg;
    char path[PATH_BYTES];
    path_of(net, path);
    struct lab_request request = {
        .now_ns = now_of(service),
        .connection = (uint32_t)(number_in(net, "connection") % service->settings.connections_max),
        .client = number_in(net, "client"),
        .path = path,
    };
    enter(service);
    unsigned status = lab_case.serve(service->state, &request);
    leave(service);
    atomic_fetch_add_explicit(&service->served_count, 1, memory_order_relaxed);
    if (status != 200) {
        atomic_fetch_add_explicit(&service->refused_count, 1, memory_order_relaxed);
    }
    (void)net_respond(net, status, "text/plain", net_text(status == 200 ? "ok\n" : "no\n"));
}

static void socket_message(struct net_websocket *socket, enum net_message kind,
                           struct slu_bytes message, void *arg)
{
    struct socket_place *place = arg;
    struct service *service = place->service;
    (void)socket;
    (void)kind;
    (void)message;
    struct lab_request request = {
        .now_ns = now_of(service), .connection = place->connection, .path = "/beat"};
    enter(service);
    (void)lab_case.serve(service->state, &request);
    leave(service);
    atomic_fetch_add_explicit(&service->served_count, 1, memory_order_relaxed);
}

static void socket_closed(struct net_websocket *socket, unsigned code, void *arg)
{
    struct socket_place *place = arg;
    struct service *service = place->service;
    (void)socket;
    (void)code;
    struct lab_request request = {.now_ns = now_of(service), .connection = place->connection};
    enter(service);
    if (lab_case.close != NULL) {
        lab_case.close(service->state, &request);
    }
    place->next_free = service->free_place;
    service->free_place = place;
    leave(service);
}

static void socket_open(struct net_request *net, void *arg)
{
    static const struct net_websocket_events events = {.on_message = socket_message,
                                                       .on_close = socket_closed};
    struct service *service = arg;
    struct net_websocket *socket = NULL;
    enter(service);
    struct socket_place *place = service->free_place;
    if (place != NULL && net_websocket_accept(net, &events, place, &socket) == 0) {
        struct lab_request request = {.now_ns = now_of(service), .connection = place->connection};
        service->free_place = place->next_free;
        if (lab_case.open != NULL) {
            lab_case.open(service->state, &request);
        }
    }
    leave(service);
    if (socket == NULL) {
        net_respond_status(net, place == NULL ? 503 : 426);
    }
}

static int places_make(struct service *service)
{
    void *block = NULL;
    uint32_t count = service->settings.connections_max;
    int err = slu_budget_alloc(service->settings.budget, count * sizeof(*service->places), &block);
    service->places = block;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        service->places[i] =
            (struct socket_place){service, i + 1 < count ? &service->places[i + 1] : NULL, i};
    }
    service->free_place = service->places;
    return err;
}

/* Until SIGTERM. The case's time goes on with or without requests. */
static void run(struct service *service, const sigset_t *ends)
{
    const struct timespec pause = {.tv_nsec = (long)ADVANCE_NS};
    while (sigtimedwait(ends, NULL, &pause) < 0) {
        if (lab_case.advance != NULL) {
            enter(service);
            lab_case.advance(service->state, now_of(service));
            leave(service);
        }
    }
}

static int write_output(void *context, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, context) == len ? 0 : -EIO;
}

static void tell(struct service *service)
{
    struct lab_figure figures[LAB_FIGURES_MAX];
    struct json_writer json;
    struct sink sink;
    char stage[LINE_BYTES];
    struct slu_budget_stats stats;
    size_t count = lab_case.figures(service->state, figures);
    slu_budget_stats(service->settings.budget, &stats);
    sink_init(&sink, write_output, stdout, stage, sizeof(stage));
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "served");
    json_write_uint(&json, atomic_load(&service->served_count));
    json_write_key(&json, "refused");
    json_write_uint(&json, atomic_load(&service->refused_count));
    json_write_key(&json, "figures");
    json_begin_object(&json);
    for (size_t i = 0; i < count; i++) {
        json_write_key(&json, figures[i].name);
        json_write_double(&json, figures[i].value);
    }
    json_end_object(&json);
    json_end_object(&json);
    json_writer_end(&json);
    if (sink_end(&sink) == 0) { /* else whoever reads has gone */
        fflush(stdout);
    }
}

static int serve_until_told(struct service *service, const sigset_t *ends)
{
    const struct net_route routes[] = {
        {.methods = NET_GET, .path = "/beat", .handle = socket_open, .arg = service},
        {.methods = NET_GET,
         .path = "/:rest*",
         .handle = serve,
         .arg = service,
         .place = lab_case.is_concurrent ? NET_ON_WORKER : NET_ON_LOOP},
    };
    struct net_server_options options = {
        .budget = service->settings.budget,
        .scope = service->settings.scope,
        .listen = "127.0.0.1:0",
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .connections_max = service->settings.connections_max + 16,
        .requests_max = service->settings.connections_max + 16,
        .worker_count = 8,
        .worker_queue_max = service->settings.connections_max,
    };
    struct net_server *server = NULL;
    struct slu_diag diag = {0};
    int err = net_server_start(&options, &diag, &server);
    if (err != 0) {
        fprintf(stderr, "cannot serve: %s\n", diag.message);
        return err;
    }
    printf("ready %u\n", net_server_port(server));
    fflush(stdout);
    run(service, ends);
    net_server_stop(&server, GRACE_NS);
    return 0;
}

static int service_run(struct service *service, const sigset_t *ends)
{
    struct slu_scope_options scope_options = {.name = "lab",
                                              .budget = service->settings.budget,
                                              .task_max = TASKS_MAX,
                                              .callback_max = TASKS_MAX,
                                              .task_stack_bytes = TASK_STACK_BYTES};
    int err = slu_scope_create(NULL, &scope_options, NULL, &service->settings.scope);
    err = err != 0 ? err : places_make(service);
    err = err != 0 ? err : lab_case.create(&service->settings, &service->state);
    if (err != 0) {
        fprintf(stderr, "cannot begin: %s\n", strerror(-err));
        return 3;
    }
    service->begun_ns = slu_clock_monotonic_ns();
    err = serve_until_told(service, ends);
    if (err == 0) {
        tell(service);
    }
    slu_scope_cancel(service->settings.scope);
    lab_case.destroy(service->state);
    int closed = slu_scope_close(&service->settings.scope); /* this thread is no task of it */
    return err == 0 && closed == 0 ? 0 : 3;
}

int main(int argc, char **argv)
{
    double seed = 1;
    double speed = 1;
    double connections = 64;
    double span = 0;
    const char *behind = NULL;
    const struct lab_option options[] = {{"seed", &seed, NULL},
                                         {"speed", &speed, NULL},
                                         {"connections", &connections, NULL},
                                         {"span-seconds", &span, NULL},
                                         {"behind", NULL, &behind}};
    if (lab_options_read(options, sizeof(options) / sizeof(options[0]), argc, argv) != 0 ||
        connections < 1 || connections > NET_CONNECTIONS_MAX) {
        return 2;
    }
    struct service service = {.lock = PTHREAD_MUTEX_INITIALIZER};
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* also in all threads that follow */
    service.settings = (struct lab_settings){.seed = (uint64_t)seed,
                                             .speed = speed,
                                             .connections_max = (uint32_t)connections,
                                             .span_ns = (uint64_t)(span * 1e9),
                                             .behind = behind};
    if (slu_budget_create(NULL, "lab", BUDGET_BYTES, &service.settings.budget) != 0) {
        return 3;
    }
    int status = service_run(&service, &ends);
    _exit(status); /* what a faulty form has not given back stays as it is */
}

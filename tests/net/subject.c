/*
 * The server that the tests of this folder speak to: subject [name=value ...]. Prints its port;
 * answers "stats" on its standard input with a line of numbers; ends with its standard input.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/meter.h>
#include <sluice/scope.h>

#include "net/net.h"

#include "held.h"
#include "measured.h"
#include "stored.h"

#define SECOND_NS  UINT64_C(1000000000)
#define MILLI_NS   UINT64_C(1000000)
#define LARGE_BODY ((size_t)3 * 1024 * 1024)

static char page[1024];
static char large[LARGE_BODY];

static void hello(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain", net_text("hello\n"));
}

static void one(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "text/plain", (struct slu_bytes){page, sizeof(page)});
}

static void borrow(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond_borrowed(request, 200, NULL, (struct slu_bytes){large, sizeof(large)});
}

static void asset(struct net_request *request, void *arg)
{
    static const unsigned char packed[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x57"
                                          "\x28\xcf\x2f\xca\x49\x01\0\x85\x11\x4a\x0d\x0b\0\0";
    static const struct net_asset page_asset = {.type = "text/html",
                                                .bytes = {"hello world", 11},
                                                .gzip = {packed, sizeof(packed)},
                                                .etag = "\"v1\""};
    (void)arg;
    net_respond_asset(request, &page_asset);
}

static void echo(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 200, "application/octet-stream", net_request_body(request));
}

static void parts(struct net_request *request, void *arg)
{
    char text[256];
    char value[32] = "-";
    (void)arg;
    struct slu_bytes id = net_request_parameter(request, "id");
    struct slu_bytes rest = net_request_parameter(request, "rest");
    int err = net_request_query_value(request, "q", value, sizeof(value));
    int len = snprintf(text, sizeof(text), "%.*s|%.*s|%s|%d\n", (int)id.len, (const char *)id.data,
                       (int)rest.len, (const char *)rest.data, value, err);
    net_response_header(request, "X-Sluice", net_text("yes"));
    net_respond(request, 200, "text/plain", (struct slu_bytes){text, (size_t)len});
}

static void nothing(struct net_request *request, void *arg)
{
    (void)arg;
    net_respond(request, 204, NULL, (struct slu_bytes){0});
}

/* As many lines as ?q says, from a worker that waits for its reader. */
static void count(struct net_request *request, void *arg)
{
    char line[32];
    char value[32] = "100000";
    (void)arg;
    (void)net_request_query_value(request, "q", value, sizeof(value));
    long lines = strtol(value, NULL, 10);
    int err = net_response_begin(request, 200, "text/plain");
    for (long i = 0; err == 0 && i < lines; i++) {
        int len = snprintf(line, sizeof(line), "line %ld\n", i);
        err = net_response_write(request, (struct slu_bytes){line, (size_t)len});
    }
    if (net_request_query_value(request, "broken", value, sizeof(value)) != 0) {
        net_response_end(request);
    }
}

/* The same on the loop, which goes on when there is room. */
struct lines {
    long next;
    long max;
};

static void lines_write(struct net_request *request, void *arg)
{
    struct lines *lines = arg;
    char line[32];
    while (lines->next < lines->max) {
        int len = snprintf(line, sizeof(line), "line %ld\n", lines->next);
        int err = net_response_write(request, (struct slu_bytes){line, (size_t)len});
        if (err == -EAGAIN) {
            net_request_on_room(request, lines_write, lines);
            return;
        }
        if (err != 0) {
            return;
        }
        lines->next++;
    }
    net_response_end(request);
}

static void stream(struct net_request *request, void *arg)
{
    void *block = NULL;
    char value[32] = "100000";
    (void)arg;
    struct slu_arena *arena = net_request_arena(request);
    if (arena == NULL || slu_arena_alloc(arena, sizeof(struct lines), 8, &block) != 0) {
        net_respond_status(request, 503);
        return;
    }
    (void)net_request_query_value(request, "q", value, sizeof(value));
    struct lines *lines = block;
    *lines = (struct lines){.max = strtol(value, NULL, 10)};
    if (net_response_begin(request, 200, "text/plain") == 0) {
        lines_write(request, lines);
    }
}

/* Three events, some milliseconds apart. */
static void event_send(struct net_request *request, void *arg)
{
    uintptr_t number = (uintptr_t)arg;
    int err = net_event_write(request, number == 0 ? NULL : "tick", net_text("first\nsecond"));
    if (err != 0 || number == 2 ||
        net_request_after(request, 5 * MILLI_NS, event_send, (void *)(number + 1)) != 0) {
        net_response_end(request);
    }
}

static void events(struct net_request *request, void *arg)
{
    (void)arg;
    if (net_events_begin(request) == 0) {
        event_send(request, NULL);
    }
}

static void told_gone(struct net_request *request, void *arg)
{
    (void)request;
    (void)arg;
    printf("gone\n");
    fflush(stdout);
}

/* Says nothing, ever. */
static void silence(struct net_request *request, void *arg)
{
    (void)arg;
    net_request_on_gone(request, told_gone, NULL);
}

static void work(struct net_request *request, void *arg)
{
    (void)arg;
    struct slu_scope *scope = net_request_scope(request);
    printf("working\n");
    fflush(stdout);
    int err = slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + 60 * SECOND_NS);
    printf("work ended: %d\n", err);
    fflush(stdout);
    if (err == 0) {
        net_respond(request, 200, "text/plain", net_text("done\n"));
    }
}

static void forgetful(struct net_request *request, void *arg)
{
    (void)request;
    (void)arg;
}

static void on_message(struct net_websocket *socket, enum net_message kind,
                       struct slu_bytes message, void *arg)
{
    (void)arg;
    if (message.len == 3 && memcmp(message.data, "bye", 3) == 0) {
        net_websocket_close(socket, 1000);
    } else if (net_websocket_send(socket, kind, message) != 0) {
        net_websocket_close(socket, 1013);
    }
}

static void on_close(struct net_websocket *socket, unsigned code, void *arg)
{
    (void)socket;
    (void)arg;
    printf("closed: %u\n", code);
    fflush(stdout);
}

static void websocket(struct net_request *request, void *arg)
{
    static const struct net_websocket_events handlers = {.on_message = on_message,
                                                         .on_close = on_close};
    struct net_websocket *socket = NULL;
    (void)arg;
    if (net_websocket_accept(request, &handlers, NULL, &socket) != 0) {
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

static void grpc_fail(struct net_request *request, void *arg)
{
    struct slu_bytes message;
    (void)arg;
    if (net_grpc_message(request, &message) == 0) {
        net_grpc_fail(request, NET_GRPC_FAILED_PRECONDITION, net_text("not yet: 50% ü"),
                      net_text("\x08\x09"));
    }
}

#define EXACT(method, at, function)                                                                \
    {                                                                                              \
        .methods = (method), .path = (at), .handle = (function)                                    \
    }
#define TAKES(at, function, bytes)                                                                 \
    {                                                                                              \
        .methods = NET_POST, .path = (at), .handle = (function), .body_bytes_max = (bytes)         \
    }
#define HELD(method, at, function, answer)                                                         \
    {                                                                                              \
        .methods = (method), .path = (at), .handle = (function), .arg = (answer),                  \
        .body_bytes_max = 1 << 20                                                                  \
    }
#define STORES(at, function, where, admits, sheds)                                                 \
    {                                                                                              \
        .methods = NET_POST, .path = (at), .handle = (function), .place = (where),                 \
        .body_bytes_max = 4 << 20, .admit = (admits), .shed = (sheds)                              \
    }
#define WORKS(method, at, function, bytes)                                                         \
    {                                                                                              \
        .methods = (method), .path = (at), .handle = (function), .place = NET_ON_WORKER,           \
        .body_bytes_max = (bytes)                                                                  \
    }

static struct held_answer held_hello = {hello};
static struct held_answer held_grpc = {grpc_echo};

static struct net_route routes[] = {
    EXACT(NET_GET, "/", hello),
    EXACT(NET_GET, "/one", one),
    EXACT(NET_GET, "/asset", asset),
    EXACT(NET_GET, "/large", borrow),
    EXACT(NET_GET, "/users/:id", parts),
    EXACT(NET_GET, "/users/me", hello),
    EXACT(NET_GET, "/files/:rest*", parts),
    EXACT(NET_GET, "/none", nothing),
    EXACT(NET_GET, "/stream", stream),
    EXACT(NET_GET, "/events", events),
    EXACT(NET_GET, "/silence", silence),
    EXACT(NET_GET, "/ws", websocket),
    HELD(NET_GET, "/held", held_keep, &held_hello),
    HELD(NET_GET, "/posted", held_pass, &held_hello),
    HELD(NET_POST, "/test.Echo/Held", held_keep, &held_grpc),
    HELD(NET_POST, "/test.Echo/Posted", held_pass, &held_grpc),
    TAKES("/echo", echo, 4 << 20),
    TAKES("/small", echo, 1000),
    TAKES("/test.Echo/Say", grpc_echo, 1 << 20),
    TAKES("/test.Echo/Fail", grpc_fail, 1 << 20),
    STORES("/store", stored_take, NET_ON_LOOP, stored_admit, stored_shed),
    STORES("/worker-store", stored_take, NET_ON_WORKER, stored_admit, stored_shed),
    STORES("/plain-store", stored_take, NET_ON_LOOP, NULL, NULL),
    STORES("/test.Echo/Store", stored_take_call, NET_ON_LOOP, stored_admit_call, stored_shed_call),
    WORKS(NET_POST, "/test.Echo/Wait", work, 1 << 20),
    WORKS(NET_GET, "/count", count, 0),
    WORKS(NET_GET, "/work", work, 0),
    WORKS(NET_GET, "/forgetful", forgetful, 0),
    WORKS(NET_POST, "/worker-echo", echo, 4 << 20),
    {.methods = NET_GET, .path = "/open", .handle = hello, .is_open = true},
};

struct setting {
    const char *name;
    uint64_t value;
};

static struct setting settings[] = {
    {"budget", 64 << 20},
    {"store", 32 << 20},
    {"loops", 1},
    {"workers", 2},
    {"queue", 4},
    {"connections", 1000},
    {"requests", 200},
    {"rate", 0},
    {"header_ms", 0},
    {"body_ms", 0},
    {"write_ms", 0},
    {"idle_ms", 0},
    {"request_ms", 0},
    {"ping_ms", 0},
    {"auth", 0},
    {"response_max", 0},
    {"grace_ms", 1000},
    {"streams", 0},
    {"fd", 0},
    {"websocket_max", 0},
    {"tls", 0},
    {"log", 0},
    {"combined", 0},
    {"meter", 0},
};

static uint64_t setting(const char *name)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return settings[i].value;
        }
    }
    abort();
}

static void settings_read(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        for (size_t j = 0; j < sizeof(settings) / sizeof(settings[0]); j++) {
            size_t len = strlen(settings[j].name);
            if (strncmp(argv[i], settings[j].name, len) == 0 && argv[i][len] == '=') {
                settings[j].value = strtoull(argv[i] + len + 1, NULL, 10);
            }
        }
    }
}

static void stats_print(struct net_server *server, struct slu_budget *budget)
{
    struct net_server_stats stats;
    struct slu_budget_stats memory;
    net_server_stats(server, &stats);
    slu_budget_stats(budget, &memory);
    printf("{\"accepted\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"connections\": %" PRIu64
           ", \"requests\": %" PRIu64 ", \"active\": %" PRIu64 ", \"timeouts\": %" PRIu64
           ", \"rejected\": %" PRIu64 ", \"shed\": %" PRIu64 ", \"gone\": %" PRIu64
           ", \"used\": %" PRIu64 ", \"high\": %" PRIu64 "}\n",
           stats.accepted_count, stats.refused_count, stats.connection_count, stats.request_count,
           stats.active_count, stats.timeout_count, stats.rejected_count, stats.shed_count,
           stats.gone_count, memory.used_bytes, memory.high_water_bytes);
    fflush(stdout);
}

static struct net_server_options options_of(struct slu_budget *budget, struct slu_scope *scope)
{
    return (struct net_server_options){
        .budget = budget,
        .scope = scope,
        .listen = ":0",
        .listen_fd = (int)setting("fd"),
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .loop_count = (uint32_t)setting("loops"),
        .worker_count = (uint32_t)setting("workers"),
        .worker_queue_max = (uint32_t)setting("queue"),
        .connections_max = (uint32_t)setting("connections"),
        .requests_max = (uint32_t)setting("requests"),
        .address_rate = (uint32_t)setting("rate"),
        .streams_max = (uint32_t)setting("streams"),
        .response_bytes_max = setting("response_max"),
        .websocket_bytes_max = setting("websocket_max"),
        .header_timeout_ns = MILLI_NS * setting("header_ms"),
        .body_timeout_ns = MILLI_NS * setting("body_ms"),
        .write_timeout_ns = MILLI_NS * setting("write_ms"),
        .idle_timeout_ns = MILLI_NS * setting("idle_ms"),
        .request_timeout_ns = MILLI_NS * setting("request_ms"),
        .ping_ns = MILLI_NS * setting("ping_ms"),
    };
}

/* The routes whose bodies are stored. */
static void store_assign(struct slu_budget *store)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (routes[i].handle == stored_take || routes[i].handle == stored_take_call) {
            routes[i].body_budget = store;
        }
    }
}

static int serve(struct slu_budget *budget, struct slu_budget *store, struct slu_scope *scope)
{
    static const char *const tokens[] = {"sesame", "second"};
    static const char *const logins[] = {"ann:secret"};
    static const struct net_auth auth = {tokens, 2, logins, 1};
    struct net_server_options options = options_of(budget, scope);
    struct net_server *server = NULL;
    struct slu_diag diag = {.message = ""};
    char line[64];
    options.access_log_fd = (int)setting("log");
    options.access_log_combined = setting("combined") != 0;
    static const struct net_tls tls = {"certificate.pem", "key.pem"};
    options.tls = setting("tls") != 0 ? &tls : NULL;
    options.auth = setting("auth") != 0 ? &auth : NULL;
    options.meter =
        setting("meter") != 0 ? measured_create(budget, (uint32_t)setting("loops")) : NULL;
    held_start();
    store_assign(store);
    stored_begin(store);
    if (net_server_start(&options, &diag, &server) != 0) {
        printf("%s\n", diag.message);
        return EXIT_FAILURE;
    }
    printf("%u\n", net_server_port(server));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (strcmp(line, "reload\n") == 0) {
            printf("reloaded: %d\n", net_server_reload(server, &diag));
            fflush(stdout);
        } else if (strcmp(line, "release\n") == 0) {
            held_release();
        } else if (strcmp(line, "metrics\n") == 0) {
            measured_print(options.meter, server);
        } else if (strcmp(line, "drop\n") == 0) {
            stored_drop(store);
        } else {
            stats_print(server, budget);
        }
    }
    held_stop(); /* the requests are let go while the server stops, or before */
    net_server_stop(&server, MILLI_NS * setting("grace_ms"));
    slu_meter_destroy(&options.meter);
    held_end();
    stored_drop(store);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct slu_budget *budget = NULL;
    struct slu_budget *store = NULL;
    struct slu_scope *scope = NULL;
    struct slu_scope_options options = {.name = "subject"};
    struct slu_budget_stats stats;
    settings_read(argc, argv);
    memset(page, 'x', sizeof(page));
    for (size_t i = 0; i < LARGE_BODY; i++) {
        large[i] = (char)(i % 251);
    }
    if (slu_budget_create(NULL, "subject", setting("budget"), &budget) != 0 ||
        slu_budget_create(NULL, "store", setting("store"), &store) != 0) {
        return EXIT_FAILURE;
    }
    options.budget = budget;
    if (slu_scope_create(NULL, &options, NULL, &scope) != 0) {
        return EXIT_FAILURE;
    }
    slu_budget_stats(budget, &stats);
    uint64_t used_before = stats.used_bytes;
    int status = serve(budget, store, scope);
    slu_budget_stats(budget, &stats);
    if (stats.used_bytes != used_before || slu_scope_close(&scope) != 0) {
        printf("left: %" PRIu64 " bytes\n", stats.used_bytes - used_before);
        return EXIT_FAILURE;
    }
    slu_budget_destroy(&store); /* where nothing is left, as it asserts */
    slu_budget_destroy(&budget);
    return status;
}

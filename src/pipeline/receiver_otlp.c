/*
 * The receiver `otlp`: gRPC and HTTP, Protocol Buffers and JSON.
 *
 * Source  opentelemetry.io/docs/specs/otlp; the options are the collector's
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "net/net.h"
#include "pipeline/config.h"
#include "pipeline/otlp_call.h"
#include "pipeline/receiver.h"

#define MEBIBYTE   (UINT64_C(1) << 20)
#define LISTEN_MAX 128

enum otlp_place {
    PLACE_GRPC,
    PLACE_HTTP
};

#define PLACE_COUNT 2

struct tls_files {
    const char *cert_file;
    const char *key_file;
};

/* Of `grpc` and of `http`; each has fields that the other has not. */
struct place_options {
    const char *endpoint;
    uint64_t message_mebibytes;
    uint64_t body_bytes_max;
    const char *paths[OTLP_SIGNAL_COUNT];
    struct tls_files tls;
    bool has_metadata; /* taken for the collector's sake: what batches go by is always there */
};

struct protocol_nodes {
    const struct config_node *nodes[PLACE_COUNT];
};

struct otlp_receiver_options {
    const struct config_node *protocols;
};

static const struct config_field tls_fields[] = {
    {.key = "cert_file", .kind = CONFIG_STRING, .offset = offsetof(struct tls_files, cert_file)},
    {.key = "key_file", .kind = CONFIG_STRING, .offset = offsetof(struct tls_files, key_file)},
};

static const struct config_object tls_object = {
    .what = "tls",
    .fields = tls_fields,
    .field_count = sizeof(tls_fields) / sizeof(tls_fields[0]),
    .size_bytes = sizeof(struct tls_files),
};

static const struct config_field grpc_fields[] = {
    {.key = "endpoint", .kind = CONFIG_STRING, .offset = offsetof(struct place_options, endpoint)},
    {.key = "max_recv_msg_size_mib",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct place_options, message_mebibytes),
     .min = 1,
     .max = 1024},
    {.key = "include_metadata",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct place_options, has_metadata)},
    {.key = "tls",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct place_options, tls),
     .object = &tls_object},
};

static const struct config_field http_fields[] = {
    {.key = "endpoint", .kind = CONFIG_STRING, .offset = offsetof(struct place_options, endpoint)},
    {.key = "max_request_body_size",
     .kind = CONFIG_SIZE,
     .offset = offsetof(struct place_options, body_bytes_max),
     .min = 1,
     .max = UINT64_C(1) << 30},
    {.key = "traces_url_path",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct place_options, paths[OTLP_TRACES])},
    {.key = "metrics_url_path",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct place_options, paths[OTLP_METRICS])},
    {.key = "logs_url_path",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct place_options, paths[OTLP_LOGS])},
    {.key = "include_metadata",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct place_options, has_metadata)},
    {.key = "tls",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct place_options, tls),
     .object = &tls_object},
};

static const struct config_object place_objects[] = {
    [PLACE_GRPC] = {.what = "the otlp receiver's grpc",
                    .fields = grpc_fields,
                    .field_count = sizeof(grpc_fields) / sizeof(grpc_fields[0]),
                    .size_bytes = sizeof(struct place_options)},
    [PLACE_HTTP] = {.what = "the otlp receiver's http",
                    .fields = http_fields,
                    .field_count = sizeof(http_fields) / sizeof(http_fields[0]),
                    .size_bytes = sizeof(struct place_options)},
};

static const struct place_options place_defaults[] = {
    [PLACE_GRPC] = {.endpoint = "localhost:4317", .message_mebibytes = 4},
    [PLACE_HTTP] = {.endpoint = "localhost:4318",
                    .body_bytes_max = 20 * MEBIBYTE,
                    .paths = {"/v1/traces", "/v1/metrics", "/v1/logs"}},
};

static const struct config_field protocol_fields[] = {
    {.key = "grpc", .kind = CONFIG_NODE, .offset = offsetof(struct protocol_nodes, nodes[0])},
    {.key = "http", .kind = CONFIG_NODE, .offset = offsetof(struct protocol_nodes, nodes[1])},
};

static const struct config_object protocols_object = {
    .what = "the otlp receiver's protocols",
    .fields = protocol_fields,
    .field_count = PLACE_COUNT,
    .size_bytes = sizeof(struct protocol_nodes),
};

static const struct config_field receiver_fields[] = {
    {.key = "protocols",
     .kind = CONFIG_NODE,
     .offset = offsetof(struct otlp_receiver_options, protocols),
     .is_required = true},
};

static const struct config_object receiver_object = {
    .what = "the otlp receiver",
    .fields = receiver_fields,
    .field_count = 1,
    .size_bytes = sizeof(struct otlp_receiver_options),
};

static const char *const grpc_paths[] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
};

/* One server, of gRPC or of HTTP. */
struct place {
    bool is_wanted;
    struct place_options options;
    char listen[LISTEN_MAX];
    struct net_route routes[OTLP_SIGNAL_COUNT];
    struct net_tls tls;
    struct net_server *server;
};

struct otlp_receiver {
    struct receiver_context context;
    struct otlp_intake intakes[OTLP_SIGNAL_COUNT];
    struct place places[PLACE_COUNT];
};

/* "localhost" is the loopback address, whatever the system's files make of it. */
static bool listen_write(struct place *place)
{
    static const char localhost[] = "localhost:";
    const char *endpoint = place->options.endpoint;
    bool is_local = strncmp(endpoint, localhost, sizeof(localhost) - 1) == 0;
    int len = snprintf(place->listen, sizeof(place->listen), "%s%s", is_local ? "127.0.0.1:" : "",
                       is_local ? endpoint + sizeof(localhost) - 1 : endpoint);
    return len > 0 && (size_t)len < sizeof(place->listen);
}

static int place_read(struct otlp_receiver *receiver, enum otlp_place index,
                      const struct config_node *node)
{
    struct config *config = receiver->context.config;
    struct place *place = &receiver->places[index];
    place->is_wanted = true;
    place->options = place_defaults[index];
    int err = config_read(config, node, &place_objects[index], &place->options);
    if (err == 0 && !listen_write(place)) {
        config_mistake(config, node, "the endpoint is too long");
        err = -EINVAL;
    }
    return err;
}

static int options_read(struct otlp_receiver *receiver)
{
    struct config *config = receiver->context.config;
    struct otlp_receiver_options options = {0};
    struct protocol_nodes protocols = {0};
    int err = config_read(config, receiver->context.node, &receiver_object, &options);
    if (err == 0) {
        err = config_read(config, options.protocols, &protocols_object, &protocols);
    }
    if (err == 0 && protocols.nodes[0] == NULL && protocols.nodes[1] == NULL) {
        config_mistake(config, receiver->context.node,
                       "%s needs one protocol at least: grpc or http", receiver->context.name);
        err = -EINVAL;
    }
    for (int i = 0; i < PLACE_COUNT; i++) {
        if (protocols.nodes[i] != NULL) {
            int failed = place_read(receiver, (enum otlp_place)i, protocols.nodes[i]);
            err = err == 0 ? failed : err;
        }
    }
    return err;
}

static void intakes_fill(struct otlp_receiver *receiver)
{
    for (int i = 0; i < OTLP_SIGNAL_COUNT; i++) {
        struct otlp_intake *intake = &receiver->intakes[i];
        intake->signal = (enum otlp_signal)i;
        intake->budget = receiver->context.budget;
        intake->payloads = receiver->context.payloads;
        intake->next = receiver->context.next[i];
        intake->refusals = receiver->context.refusals;
        intake->metadata_keys = receiver->context.metadata_keys;
        intake->metadata_count = receiver->context.metadata_count;
    }
}

static void receiver_destroy(void *self)
{
    struct otlp_receiver *receiver = self;
    slu_budget_free(receiver->context.budget, receiver, sizeof(*receiver));
}

static int receiver_create(const struct receiver_context *context, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(context->budget, sizeof(struct otlp_receiver), &memory);
    if (err != 0) {
        return err;
    }
    struct otlp_receiver *receiver = memory;
    receiver->context = *context;
    intakes_fill(receiver);
    err = options_read(receiver);
    if (err != 0) {
        receiver_destroy(receiver);
        return err;
    }
    *out = receiver;
    return 0;
}

/* Signals that no pipeline wants have no route. Returns how many there are. */
static uint32_t routes_fill(struct otlp_receiver *receiver, enum otlp_place index)
{
    struct place *place = &receiver->places[index];
    bool is_grpc = index == PLACE_GRPC;
    uint32_t count = 0;
    for (int i = 0; i < OTLP_SIGNAL_COUNT; i++) {
        if (receiver->context.next[i] == NULL) {
            continue;
        }
        place->routes[count++] = (struct net_route){
            .methods = NET_POST,
            .path = is_grpc ? grpc_paths[i] : place->options.paths[i],
            .handle = is_grpc ? otlp_grpc_handle : otlp_http_handle,
            .arg = &receiver->intakes[i],
            .body_bytes_max = is_grpc ? place->options.message_mebibytes * MEBIBYTE
                                      : place->options.body_bytes_max,
            .admit = is_grpc ? otlp_grpc_admit : otlp_http_admit,
            .shed = is_grpc ? otlp_grpc_shed : otlp_http_shed,
            .body_budget = receiver->context.payloads,
            .is_open = true,
        };
    }
    return count;
}

static int place_start(struct otlp_receiver *receiver, enum otlp_place index, struct slu_diag *diag)
{
    struct place *place = &receiver->places[index];
    struct net_server_options options = {
        .budget = receiver->context.budget,
        .scope = receiver->context.scope,
        .listen = place->listen,
        .allow_open = true, /* the configuration names the address */
        .routes = place->routes,
        .route_count = routes_fill(receiver, index),
    };
    if (place->options.tls.cert_file != NULL) {
        place->tls = (struct net_tls){.certificate_path = place->options.tls.cert_file,
                                      .key_path = place->options.tls.key_file};
        options.tls = &place->tls;
    }
    return net_server_start(&options, diag, &place->server);
}

static int receiver_start(void *self, struct slu_diag *diag)
{
    struct otlp_receiver *receiver = self;
    int err = 0;
    for (int i = 0; i < PLACE_COUNT && err == 0; i++) {
        if (receiver->places[i].is_wanted) {
            err = place_start(receiver, (enum otlp_place)i, diag);
        }
    }
    return err;
}

static void receiver_stop(void *self, uint64_t grace_ns)
{
    struct otlp_receiver *receiver = self;
    for (int i = 0; i < PLACE_COUNT; i++) {
        net_server_stop(&receiver->places[i].server, grace_ns);
    }
}

static void receiver_stats(void *self, struct receiver_stats *out)
{
    struct otlp_receiver *receiver = self;
    *out = (struct receiver_stats){0};
    for (int i = 0; i < OTLP_SIGNAL_COUNT; i++) {
        struct otlp_intake *intake = &receiver->intakes[i];
        out->accepted_count += atomic_load_explicit(&intake->accepted_count, memory_order_relaxed);
        out->refused_count += atomic_load_explicit(&intake->refused_count, memory_order_relaxed);
        out->invalid_count += atomic_load_explicit(&intake->invalid_count, memory_order_relaxed);
    }
}

/* The port is what the system gave, where any was asked for. */
static int receiver_place(void *self, size_t index, char *text, size_t size_bytes)
{
    struct otlp_receiver *receiver = self;
    for (int i = 0; i < PLACE_COUNT; i++) {
        struct place *place = &receiver->places[i];
        if (place->server == NULL || index-- > 0) {
            continue;
        }
        const char *colon = strrchr(place->listen, ':');
        int host_len = colon != NULL ? (int)(colon - place->listen) : 0;
        (void)snprintf(text, size_bytes, "%s: OTLP over %s on %.*s:%u", receiver->context.name,
                       i == PLACE_GRPC ? "gRPC" : "HTTP", host_len > 0 ? host_len : 9,
                       host_len > 0 ? place->listen : "127.0.0.1", net_server_port(place->server));
        return 0;
    }
    return -ENOENT;
}

const struct receiver_type otlp_receiver = {
    .name = "otlp",
    .create = receiver_create,
    .start = receiver_start,
    .stop = receiver_stop,
    .destroy = receiver_destroy,
    .stats = receiver_stats,
    .place = receiver_place,
};

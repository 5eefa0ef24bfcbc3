/*
 * The exporters `otlp` (gRPC) and `otlphttp`: a message as it came, to another daemon.
 *
 * Source  opentelemetry.io/docs/specs/otlp; the options are the collector's
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "codec/gzip.h"
#include "net/curl_library.h"
#include "net/net.h"
#include "net/sender.h"
#include "pipeline/config.h"
#include "pipeline/exporter.h"
#include "pipeline/exporter_types.h"
#include "pipeline/otlp_outcome.h"

#define URL_BYTES_MAX     1024
#define GRPC_PREFIX_BYTES 5
#define NO_ROOM_RETRY_NS  UINT64_C(1000000000)

enum otlp_compression {
    COMPRESS_GZIP,
    COMPRESS_NONE
};

static const char *const compressions[] = {"gzip", "none", NULL};

struct tls_options {
    bool is_insecure;
    bool is_unverified;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
};

struct otlp_options {
    struct remote_options remote; /* at the front: exporter.h */
    const char *endpoint;
    const char *endpoints[OTLP_SIGNAL_COUNT]; /* of one signal, in place of `endpoint` */
    struct tls_options tls;
    struct config_map headers;
    unsigned compression;
};

static const struct config_field tls_fields[] = {
    {.key = "insecure", .kind = CONFIG_BOOL, .offset = offsetof(struct tls_options, is_insecure)},
    {.key = "insecure_skip_verify",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct tls_options, is_unverified)},
    {.key = "ca_file", .kind = CONFIG_STRING, .offset = offsetof(struct tls_options, ca_file)},
    {.key = "cert_file", .kind = CONFIG_STRING, .offset = offsetof(struct tls_options, cert_file)},
    {.key = "key_file", .kind = CONFIG_STRING, .offset = offsetof(struct tls_options, key_file)},
};

static const struct config_object tls_object = {
    .what = "tls",
    .fields = tls_fields,
    .field_count = sizeof(tls_fields) / sizeof(tls_fields[0]),
    .size_bytes = sizeof(struct tls_options),
};

#define COMMON_FIELDS                                                                              \
    {.key = "endpoint", .kind = CONFIG_STRING, .offset = offsetof(struct otlp_options, endpoint)}, \
        {.key = "tls",                                                                             \
         .kind = CONFIG_OBJECT,                                                                    \
         .offset = offsetof(struct otlp_options, tls),                                             \
         .object = &tls_object},                                                                   \
        {.key = "headers", .kind = CONFIG_MAP, .offset = offsetof(struct otlp_options, headers)},  \
        {.key = "compression",                                                                     \
         .kind = CONFIG_CHOICE,                                                                    \
         .offset = offsetof(struct otlp_options, compression),                                     \
         .choices = compressions},                                                                 \
        {.key = "timeout",                                                                         \
         .kind = CONFIG_DURATION,                                                                  \
         .offset = offsetof(struct otlp_options, remote.timeout_ns),                               \
         .min = 1000000},                                                                          \
        {.key = "sending_queue",                                                                   \
         .kind = CONFIG_OBJECT,                                                                    \
         .offset = offsetof(struct otlp_options, remote.queue),                                    \
         .object = &queue_settings_object},                                                        \
    {                                                                                              \
        .key = "retry_on_failure", .kind = CONFIG_OBJECT,                                          \
        .offset = offsetof(struct otlp_options, remote.retry), .object = &retry_object             \
    }

static const struct config_field grpc_fields[] = {COMMON_FIELDS};

static const struct config_field http_fields[] = {
    COMMON_FIELDS,
    {.key = "traces_endpoint",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct otlp_options, endpoints[OTLP_TRACES])},
    {.key = "metrics_endpoint",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct otlp_options, endpoints[OTLP_METRICS])},
    {.key = "logs_endpoint",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct otlp_options, endpoints[OTLP_LOGS])},
};

static const struct config_object grpc_object = {
    .what = "the otlp exporter",
    .fields = grpc_fields,
    .field_count = sizeof(grpc_fields) / sizeof(grpc_fields[0]),
    .size_bytes = sizeof(struct otlp_options),
};

static const struct config_object http_object = {
    .what = "the otlphttp exporter",
    .fields = http_fields,
    .field_count = sizeof(http_fields) / sizeof(http_fields[0]),
    .size_bytes = sizeof(struct otlp_options),
};

static const struct otlp_options defaults = {.remote = REMOTE_DEFAULTS};

struct otlp_exporter {
    struct slu_budget *budget;
    const char *name;
    const struct otlp_options *options;
    struct sender_options sender_options;
    struct net_header *headers;
    struct sender *sender;
    bool is_grpc;
    char urls[OTLP_SIGNAL_COUNT][URL_BYTES_MAX];
};

static const char *const grpc_paths[] = {
    [OTLP_TRACES] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    [OTLP_METRICS] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    [OTLP_LOGS] = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
};

static const char *const http_paths[] = {
    [OTLP_TRACES] = "/v1/traces",
    [OTLP_METRICS] = "/v1/metrics",
    [OTLP_LOGS] = "/v1/logs",
};

static bool has_scheme(const char *endpoint)
{
    return strncmp(endpoint, "http://", 7) == 0 || strncmp(endpoint, "https://", 8) == 0;
}

static bool url_print(char *url, const char *scheme, const char *endpoint, const char *path)
{
    size_t len = strlen(endpoint);
    while (path[0] != '\0' && len > 0 && endpoint[len - 1] == '/') {
        len--;
    }
    int written = snprintf(url, URL_BYTES_MAX, "%s%.*s%s", scheme, (int)len, endpoint, path);
    return written > 0 && written < URL_BYTES_MAX;
}

/* Write one signal's URL; false if it is too long. */
static bool url_write(struct otlp_exporter *exporter, enum otlp_signal signal)
{
    const struct otlp_options *options = exporter->options;
    char *url = exporter->urls[signal];
    if (options->endpoints[signal] != NULL) {
        return url_print(url, "", options->endpoints[signal], "");
    }
    const char *scheme = options->tls.is_insecure ? "http://" : "https://";
    return url_print(url, has_scheme(options->endpoint) ? "" : scheme, options->endpoint,
                     exporter->is_grpc ? grpc_paths[signal] : http_paths[signal]);
}

static bool has_all_endpoints(const struct otlp_options *options)
{
    for (int i = 0; i < OTLP_SIGNAL_COUNT; i++) {
        if (options->endpoints[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* Tell what is wrong with the endpoints. */
static bool endpoint_is_bad(const struct exporter_context *context,
                            const struct otlp_options *options, bool is_grpc)
{
    const struct config_node *node = config_child(context->node, "endpoint");
    if (options->endpoint == NULL && (is_grpc || !has_all_endpoints(options))) {
        config_mistake(context->config, context->node, "%s needs an endpoint, such as %s",
                       context->name, is_grpc ? "collector:4317" : "http://collector:4318");
        return true;
    }
    if (options->endpoint != NULL && !is_grpc && !has_scheme(options->endpoint)) {
        config_mistake(context->config, node,
                       "the endpoint \"%s\" needs http:// or https:// in front", options->endpoint);
        return true;
    }
    return false;
}

/* The configuration's headers. Returns 0; -EDQUOT; -ENOMEM */
static int headers_take(struct otlp_exporter *exporter)
{
    const struct config_map *map = &exporter->options->headers;
    void *memory = NULL;
    if (map->count == 0) {
        return 0;
    }
    int err = slu_budget_alloc(exporter->budget, map->count * sizeof(struct net_header), &memory);
    if (err != 0) {
        return err;
    }
    exporter->headers = memory;
    for (size_t i = 0; i < map->count; i++) {
        exporter->headers[i] =
            (struct net_header){.name = map->entries[i].key, .value = map->entries[i].value.text};
    }
    return 0;
}

static void sender_options_fill(struct otlp_exporter *exporter)
{
    const struct otlp_options *options = exporter->options;
    exporter->sender_options = (struct sender_options){
        .ca_file = options->tls.ca_file,
        .cert_file = options->tls.cert_file,
        .key_file = options->tls.key_file,
        .is_unverified = options->tls.is_unverified,
        .headers = exporter->headers,
        .header_count = options->headers.count,
        .timeout_ns = options->remote.timeout_ns,
    };
}

static int otlp_open(struct otlp_exporter *exporter, const struct exporter_context *context)
{
    for (int i = 0; i < OTLP_SIGNAL_COUNT; i++) {
        if (exporter->options->endpoint == NULL && exporter->options->endpoints[i] == NULL) {
            continue;
        }
        if (!url_write(exporter, (enum otlp_signal)i)) {
            config_mistake(context->config, context->node, "the endpoint is too long");
            return -EINVAL;
        }
    }
    struct slu_diag diag = {0};
    int err = headers_take(exporter);
    if (err != 0) {
        return err;
    }
    sender_options_fill(exporter);
    err = curl_library_load(context->curl, context->budget, &diag);
    if (err != 0) {
        config_mistake(context->config, context->node, "%s", diag.message);
        return -EINVAL;
    }
    return sender_create(context->budget, context->curl, &exporter->sender_options,
                         &exporter->sender);
}

static void otlp_destroy(void *self)
{
    struct otlp_exporter *exporter = self;
    sender_destroy(&exporter->sender);
    slu_budget_free(exporter->budget, exporter->headers,
                    exporter->options->headers.count * sizeof(struct net_header));
    slu_budget_free(exporter->budget, exporter, sizeof(*exporter));
}

static int otlp_create(const struct exporter_context *context, const struct otlp_options *options,
                       bool is_grpc, void **out)
{
    if (endpoint_is_bad(context, options, is_grpc)) {
        return -EINVAL;
    }
    void *memory = NULL;
    int err = slu_budget_alloc(context->budget, sizeof(struct otlp_exporter), &memory);
    if (err != 0) {
        return err;
    }
    struct otlp_exporter *exporter = memory;
    exporter->budget = context->budget;
    exporter->name = context->name;
    exporter->options = options;
    exporter->is_grpc = is_grpc;
    err = otlp_open(exporter, context);
    if (err != 0) {
        otlp_destroy(exporter);
        return err;
    }
    *out = exporter;
    return 0;
}

static int grpc_create(const struct exporter_context *context, const void *options, void **out)
{
    return otlp_create(context, options, true, out);
}

static int http_create(const struct exporter_context *context, const void *options, void **out)
{
    return otlp_create(context, options, false, out);
}

static const char *const grpc_headers[] = {"Content-Type: application/grpc", "TE: trailers", NULL};
static const char *const grpc_gzip_headers[] = {"Content-Type: application/grpc", "TE: trailers",
                                                "grpc-encoding: gzip", NULL};
static const char *const http_headers[] = {"Content-Type: application/x-protobuf", NULL};
static const char *const http_gzip_headers[] = {"Content-Type: application/x-protobuf",
                                                "Content-Encoding: gzip", NULL};

/* The five bytes before a message of gRPC. */
static void prefix_write(unsigned char prefix[GRPC_PREFIX_BYTES], bool is_packed, size_t len)
{
    prefix[0] = is_packed;
    for (int i = 1; i < GRPC_PREFIX_BYTES; i++) {
        prefix[i] = (unsigned char)(len >> (8 * (GRPC_PREFIX_BYTES - 1 - i)));
    }
}

static void exchange(struct otlp_exporter *exporter, struct slu_scope *scope,
                     const struct export_message *message, struct slu_bytes body, bool is_packed,
                     struct sender_answer *answer)
{
    unsigned char prefix[GRPC_PREFIX_BYTES];
    struct sender_request request = {
        .url = exporter->urls[message->signal],
        .headers = is_packed ? http_gzip_headers : http_headers,
        .body = body,
        .is_grpc = exporter->is_grpc,
    };
    if (exporter->is_grpc) {
        prefix_write(prefix, is_packed, body.len);
        request.headers = is_packed ? grpc_gzip_headers : grpc_headers;
        request.prefix = (struct slu_bytes){prefix, sizeof(prefix)};
    }
    sender_send(exporter->sender, scope, &request, answer);
}

/* Without memory to compress it goes as it is. */
static void otlp_send(void *self, struct slu_scope *scope, const struct export_message *message,
                      struct outcome *outcome)
{
    struct otlp_exporter *exporter = self;
    struct slu_bytes body = message->bytes;
    struct block packed = {0};
    struct sender_answer answer = {0};
    void *memory = NULL;
    if (message->signal >= OTLP_SIGNAL_COUNT) { /* which the configuration rules out */
        outcome->kind = OUTCOME_REFUSED;
        return;
    }
    if (slu_budget_alloc(exporter->budget, SENDER_ANSWER_BYTES_MAX, &memory) != 0) {
        outcome->kind = OUTCOME_LATER;
        outcome->retry_ns = NO_ROOM_RETRY_NS;
        return;
    }
    answer.body = memory;
    bool is_packed = exporter->options->compression == COMPRESS_GZIP &&
                     gzip_all(exporter->budget, body, &packed) == 0;
    if (is_packed) {
        body = (struct slu_bytes){packed.data, packed.len};
    }
    exchange(exporter, scope, message, body, is_packed, &answer);
    if (exporter->is_grpc) {
        otlp_grpc_outcome(&answer, exporter->name, outcome);
    } else {
        otlp_http_outcome(&answer, exporter->name, outcome);
    }
    block_free(exporter->budget, &packed);
    slu_budget_free(exporter->budget, memory, SENDER_ANSWER_BYTES_MAX);
}

const struct exporter_type otlp_exporter = {
    .name = "otlp",
    .options = &grpc_object,
    .defaults = &defaults,
    .is_remote = true,
    .create = grpc_create,
    .destroy = otlp_destroy,
    .send = otlp_send,
};

const struct exporter_type otlphttp_exporter = {
    .name = "otlphttp",
    .options = &http_object,
    .defaults = &defaults,
    .is_remote = true,
    .create = http_create,
    .destroy = otlp_destroy,
    .send = otlp_send,
};

/* Metrics, as Prometheus answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sink_block.h"
#include "net/net.h"
#include "serve/web_query.h"

#define SELECTOR      "match[]"
#define FORM_MAX      UINT64_C(65536)
#define METRICS_LIMIT 1000
#define FACTS_MAX     4096
#define FIRST_BYTES   ((size_t)64 * 1024)

static void names_answer(struct net_request *request, void *arg)
{
    web_label_names_answer(arg, request, STORE_METRICS, SELECTOR);
}

static void values_answer(struct net_request *request, void *arg)
{
    web_label_values_answer(arg, request, STORE_METRICS, SELECTOR);
}

static void series_answer(struct net_request *request, void *arg)
{
    web_series_answer(arg, request, STORE_METRICS, SELECTOR);
}

/* A text of three lines: type, unit, help. */
static int facts_write(void *arg, struct slu_bytes name, struct slu_bytes text)
{
    static const char *const keys[] = {"type", "unit", "help"};
    struct web_query *query = arg;
    struct json_writer *json = &query->json;
    const char *at = text.data;
    size_t left = text.len;
    json_write_key_bytes(json, name.data, name.len);
    json_begin_array(json);
    json_begin_object(json);
    for (size_t i = 0; i < 3; i++) {
        const char *end = i < 2 && left > 0 ? memchr(at, '\n', left) : NULL;
        size_t len = end != NULL ? (size_t)(end - at) : left;
        json_write_key(json, keys[i]);
        json_write_string_bytes(json, len > 0 ? at : "", len);
        size_t used = end != NULL ? len + 1 : len;
        at += used;
        left -= used;
    }
    json_end_object(json);
    json_end_array(json);
    return 0;
}

/* Into memory first: the store is locked meanwhile, and a slow reader must not hold it. */
static void metadata_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    char metric[FACTS_MAX];
    struct web_query *query = web_query_begin(web, request, NULL, 0, METRICS_LIMIT);
    if (query == NULL) {
        return;
    }
    int err = web_parameter(query, "metric", metric, sizeof(metric));
    struct slu_bytes name = {metric, err == 0 ? strlen(metric) : 0};
    struct sink_block text = {.budget = query->budget};
    err = err == -ENOENT ? 0 : err;
    err = err != 0 ? err : block_begin(query->budget, FIRST_BYTES, &text.bytes);
    if (err == 0) {
        sink_init(&query->sink, sink_block_append, &text, query->staging, sizeof(query->staging));
        json_writer_init(&query->json, &query->sink, JSON_COMPACT);
        json_begin_object(&query->json);
        json_write_key(&query->json, "status");
        json_write_string(&query->json, "success");
        json_write_key(&query->json, "data");
        json_begin_object(&query->json);
        err = store_metadata(web->store, name, facts_write, query);
        json_end_object(&query->json);
        json_end_object(&query->json);
        json_writer_end(&query->json);
        int failed = sink_end(&query->sink);
        err = err != 0 ? err : failed;
    }
    if (err == 0) {
        net_respond(request, 200, "application/json",
                    (struct slu_bytes){text.bytes.data, text.bytes.len});
    }
    block_free(query->budget, &text.bytes);
    web_query_end(query, err);
}

static void build_answer(struct net_request *request, void *arg)
{
    const struct web *web = arg;
    char text[256];
    int len = snprintf(text, sizeof(text),
                       "{\"status\":\"success\",\"data\":{\"version\":\"%s\",\"application\":"
                       "\"sluice\"}}\n",
                       web->options.version);
    net_respond(request, 200, "application/json", (struct slu_bytes){text, (size_t)len});
}

size_t web_metrics_routes(struct web *web, struct net_route *routes)
{
    const struct net_route all[] = {
        {.methods = NET_POST,
         .body_bytes_max = FORM_MAX,
         .path = "/api/v1/labels",
         .handle = names_answer,
         .place = NET_ON_WORKER},
        {.path = "/api/v1/label/:name/values", .handle = values_answer, .place = NET_ON_WORKER},
        {.methods = NET_POST,
         .body_bytes_max = FORM_MAX,
         .path = "/api/v1/series",
         .handle = series_answer,
         .place = NET_ON_WORKER},
        {.path = "/api/v1/samples", .handle = web_samples_answer, .place = NET_ON_WORKER},
        {.methods = NET_POST,
         .body_bytes_max = FORM_MAX,
         .path = "/api/v1/query_exemplars",
         .handle = web_exemplars_answer,
         .place = NET_ON_WORKER},
        {.path = "/api/v1/metadata", .handle = metadata_answer, .place = NET_ON_WORKER},
        {.path = "/api/v1/status/buildinfo", .handle = build_answer},
    };
    (void)web;
    memcpy(routes, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

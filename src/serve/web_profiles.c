/* Profiles: which there are. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "net/net.h"
#include "serve/profile_rows.h"
#include "serve/row_ranking.h"
#include "serve/web_query.h"

#define SELECTOR       "query"
#define RANGE_NS       UINT64_C(86400000000000)
#define PROFILES_LIMIT 100
#define PROFILES_MAX   2000
#define TEXT_MAX       8192
#define TYPE_MAX       64

struct profiles_answering {
    struct web_query *query;
    struct row_ranking *ranking;
    struct store_row_query rows;
    char type[TYPE_MAX];
};

static bool is_of_type(const struct profiles_answering *answering, const struct row *row)
{
    struct slu_bytes type = {answering->type, strlen(answering->type)};
    return type.len == 0 || bytes_equal(type, row->text);
}

static int profile_list(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct profiles_answering *answering = arg;
    char text[TEXT_MAX];
    char id[32];
    struct sink sink;
    struct json_writer json;
    if (!is_of_type(answering, row) || !row_ranking_wants(answering->ranking, row->time_ns)) {
        return 0;
    }
    sink_init_fixed(&sink, text, sizeof(text));
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "time");
    web_seconds_write(&json, row->time_ns);
    (void)snprintf(id, sizeof(id), "%" PRId64, row->time_ns);
    json_write_key(&json, "id");
    json_write_string(&json, id);
    json_write_key(&json, "type");
    json_write_string_bytes(&json, row->text.len > 0 ? row->text.data : "", row->text.len);
    json_write_key(&json, "bytes");
    json_write_uint(&json, profile_row_pprof(row).len);
    json_write_key(&json, "labels");
    web_labels_write(&json, labels);
    json_end_object(&json);
    return sink.err != 0 ? 0
                         : row_ranking_add(answering->ranking, row->time_ns,
                                           (struct slu_bytes){text, sink.len});
}

static struct profiles_answering *profiles_begin(struct web *web, struct net_request *request)
{
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, PROFILES_LIMIT);
    void *memory = NULL;
    if (query == NULL) {
        return NULL;
    }
    int err = slu_budget_alloc(query->budget, sizeof(struct profiles_answering), &memory);
    if (err != 0) {
        web_query_end(query, err);
        return NULL;
    }
    struct profiles_answering *answering = memory;
    memset(answering, 0, sizeof(*answering));
    answering->query = query;
    answering->rows.query = query->store;
    answering->rows.is_backward = true;
    answering->rows.columns = (1U << ROW_COLUMN_COUNT) - 1;
    err = web_parameter(query, "type", answering->type, sizeof(answering->type));
    answering->type[err == 0 ? TYPE_MAX - 1 : 0] = '\0';
    query->limit = query->limit > PROFILES_MAX ? PROFILES_MAX : query->limit;
    err = err == -ENOENT ? 0 : err;
    err =
        err != 0 ? err : row_ranking_create(query->budget, query->limit, true, &answering->ranking);
    if (err != 0) {
        slu_budget_free(query->budget, answering, sizeof(*answering));
        web_query_end(query, err);
        return NULL;
    }
    return answering;
}

static void profiles_end(struct profiles_answering *answering, int err)
{
    struct web_query *query = answering->query;
    row_ranking_destroy(&answering->ranking);
    slu_budget_free(query->budget, answering, sizeof(*answering));
    web_query_end(query, err);
}

static int list_send(struct profiles_answering *answering)
{
    struct web_query *query = answering->query;
    size_t count = row_ranking_sort(answering->ranking);
    web_answer_begin(query, "application/json");
    sink_text(&query->sink, "{\"profiles\":[");
    for (size_t i = 0; i < count; i++) {
        struct slu_bytes text = row_ranking_text(answering->ranking, i);
        sink_text(&query->sink, i == 0 ? "" : ",");
        sink_put(&query->sink, text.data, text.len);
    }
    sink_text(&query->sink, "]}\n");
    return web_answer_end(query);
}

static void list_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct profiles_answering *answering = profiles_begin(web, request);
    if (answering != NULL) {
        int err = store_rows(web->store, STORE_PROFILES, &answering->rows, profile_list, answering);
        profiles_end(answering, err != 0 ? err : list_send(answering));
    }
}

static void names_answer(struct net_request *request, void *arg)
{
    web_label_names_answer(arg, request, STORE_PROFILES, SELECTOR);
}

static void values_answer(struct net_request *request, void *arg)
{
    web_label_values_answer(arg, request, STORE_PROFILES, SELECTOR);
}

static void series_answer(struct net_request *request, void *arg)
{
    web_series_answer(arg, request, STORE_PROFILES, SELECTOR);
}

size_t web_profiles_routes(struct web *web, struct net_route *routes)
{
    const struct net_route all[] = {
        {.path = "/api/profiles", .handle = list_answer, .place = NET_ON_WORKER},
        {.path = "/api/profiles/pprof", .handle = web_pprof_answer, .place = NET_ON_WORKER},
        {.path = "/api/profiles/flame", .handle = web_flame_answer, .place = NET_ON_WORKER},
        {.path = "/api/profiles/timeline", .handle = web_timeline_answer, .place = NET_ON_WORKER},
        {.path = "/api/verdicts", .handle = web_verdicts_answer, .place = NET_ON_WORKER},
        {.path = "/api/profiles/labels", .handle = names_answer, .place = NET_ON_WORKER},
        {.path = "/api/profiles/label/:name/values",
         .handle = values_answer,
         .place = NET_ON_WORKER},
        {.path = "/api/profiles/series", .handle = series_answer, .place = NET_ON_WORKER},
    };
    (void)web;
    memcpy(routes, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

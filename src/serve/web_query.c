#include "serve/web_query.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "base/sink_number.h"
#include "net/net.h"
#include "query/time_text.h"
#include "sys/wall_clock.h"

#define FORM_TYPE  "application/x-www-form-urlencoded"
#define JSON_TYPE  "application/json"
#define FAIL_MAX   1024
#define NUMBER_MAX 40

#define DAMAGE_WARNING "parts of the store are damaged, and left out: the daemon has said which"

void web_fail(struct net_request *request, unsigned status, const char *type, const char *text)
{
    char bytes[FAIL_MAX];
    struct sink sink;
    struct json_writer json;
    sink_init_fixed(&sink, bytes, sizeof(bytes));
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "status");
    json_write_string(&json, "error");
    json_write_key(&json, "errorType");
    json_write_string(&json, type);
    json_write_key(&json, "error");
    json_write_string(&json, text);
    json_end_object(&json);
    json_writer_end(&json);
    net_respond(request, status, JSON_TYPE, (struct slu_bytes){bytes, sink.len});
}

static void selector_clear(struct web_query *query)
{
    query->selector.count = 0;
    memset(query->selector.regexes, 0, sizeof(query->selector.regexes));
}

/* The form of a POST follows on the query. */
static int parameter_at(struct web_query *query, const char *name, size_t index, char *value,
                        size_t size_bytes)
{
    struct slu_bytes parts[2] = {net_request_query(query->request), query->form};
    int err = -ENOENT;
    for (size_t i = 0; err == -ENOENT && i < 2; i++) {
        size_t here = 0;
        err = net_form_value(parts[i], name, index, value, size_bytes);
        while (err == -ENOENT && here < index &&
               net_form_value(parts[i], name, here, value, size_bytes) != -ENOENT) {
            here++;
        }
        index -= here;
    }
    if (err != 0 && err != -ENOENT) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message), "%s: %s", name,
                       err == -ENOBUFS ? "it is too long" : "a broken escape");
        return -EINVAL;
    }
    return err;
}

int web_parameter(struct web_query *query, const char *name, char *value, size_t size_bytes)
{
    return parameter_at(query, name, 0, value, size_bytes);
}

static int time_parameter(struct web_query *query, const char *name, int64_t *time_ns)
{
    char text[64];
    int err = web_parameter(query, name, text, sizeof(text));
    if (err == -ENOENT || (err == 0 && text[0] == '\0')) {
        return 0;
    }
    if (err == 0 &&
        time_text_read((struct slu_bytes){text, strlen(text)}, query->now_ns, time_ns) != 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "%s: seconds since 1970, RFC 3339, or -15m is expected", name);
        return -EINVAL;
    }
    return err;
}

static int limit_parameter(struct web_query *query)
{
    char text[32];
    char *end = NULL;
    int err = web_parameter(query, "limit", text, sizeof(text));
    if (err == -ENOENT || (err == 0 && text[0] == '\0')) {
        return 0;
    }
    unsigned long long limit = err == 0 ? strtoull(text, &end, 10) : 0;
    if (err == 0 && (*end != '\0' || limit > WEB_LIMIT_MAX)) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "limit: a number up to %d is expected", WEB_LIMIT_MAX);
        return -EINVAL;
    }
    query->limit = limit == 0 ? query->limit : limit;
    return err;
}

int web_selector_take(struct web_query *query, const char *name, size_t index)
{
    char text[WEB_VALUE_MAX];
    int err = parameter_at(query, name, index, text, sizeof(text));
    if (err != 0) {
        return err;
    }
    selector_deinit(&query->selector);
    selector_clear(query);
    err = selector_read(&query->selector, query->budget, (struct slu_bytes){text, strlen(text)},
                        &query->diag);
    query->store.matchers = query->selector.matchers;
    query->store.matcher_count = query->selector.count;
    return err;
}

static int parameters_read(struct web_query *query, const char *selector, uint64_t range_ns)
{
    query->store.to_ns = query->now_ns + INT64_C(3600000000000);
    query->store.from_ns = range_ns == 0 ? INT64_MIN : query->now_ns - (int64_t)range_ns;
    int err = time_parameter(query, "start", &query->store.from_ns);
    err = err != 0 ? err : time_parameter(query, "end", &query->store.to_ns);
    err = err != 0 ? err : limit_parameter(query);
    if (err == 0 && selector != NULL) {
        err = web_selector_take(query, selector, 0);
        err = err == -ENOENT ? 0 : err;
    }
    return err;
}

static struct slu_bytes form_of(const struct net_request *request)
{
    struct slu_bytes type = {0};
    bool is_form = net_request_method(request) == NET_POST &&
                   net_request_header(request, "content-type", &type) &&
                   type.len >= strlen(FORM_TYPE) &&
                   strncasecmp(type.data, FORM_TYPE, strlen(FORM_TYPE)) == 0;
    return is_form ? net_request_body(request) : (struct slu_bytes){"", 0};
}

static struct web_query *query_create(struct web *web, struct net_request *request)
{
    struct slu_budget *budget = NULL;
    void *memory = NULL;
    if (slu_budget_create(web->budget, "query", WEB_QUERY_BYTES, &budget) != 0) {
        return NULL;
    }
    if (slu_budget_alloc(budget, sizeof(struct web_query), &memory) != 0) {
        slu_budget_destroy(&budget);
        return NULL;
    }
    struct web_query *query = memory;
    query->web = web;
    query->request = request;
    query->budget = budget;
    return query;
}

struct web_query *web_query_begin(struct web *web, struct net_request *request,
                                  const char *selector, uint64_t range_ns, uint64_t limit)
{
    if (web->store == NULL) {
        web_fail(request, 503, "unavailable", "this daemon keeps nothing: add the exporter store");
        return NULL;
    }
    struct web_query *query = query_create(web, request);
    if (query == NULL) {
        web_fail(request, 503, "unavailable", "no memory for the query: try again in a moment");
        return NULL;
    }
    selector_clear(query);
    query->form = form_of(request);
    query->diag = (struct slu_diag){0};
    query->is_begun = false;
    query->limit = limit;
    query->now_ns = wall_clock_ns();
    query->damage = 0;
    query->store = (struct store_query){
        .budget = query->budget, .scope = net_request_scope(request), .damage = &query->damage};
    int err = parameters_read(query, selector, range_ns);
    if (err != 0) {
        web_query_end(query, err);
        return NULL;
    }
    return query;
}

static void error_tell(struct web_query *query, int err)
{
    const char *text = query->diag.message[0] != '\0' ? query->diag.message : strerror(-err);
    switch (err) {
    case -EINVAL:
        web_fail(query->request, 400, "bad_data", text);
        break;
    case -ENOENT:
        web_fail(query->request, 404, "not_found", text);
        break;
    case -EDQUOT:
    case -ENOMEM:
        web_fail(query->request, 422, "execution",
                 "the query needs more memory than one may have: ask for less at a time");
        break;
    case -ECANCELED:
        web_fail(query->request, 503, "canceled", "the query was cancelled");
        break;
    case -ETIMEDOUT:
        web_fail(query->request, 503, "timeout", "the query took too long: ask for less");
        break;
    default:
        web_fail(query->request, 500, "internal", text);
        break;
    }
}

void web_query_end(struct web_query *query, int err)
{
    struct slu_budget *budget = query->budget;
    if (err != 0 && !query->is_begun) {
        error_tell(query, err);
    } else if (query->is_begun) {
        net_response_end(query->request);
    }
    selector_deinit(&query->selector);
    slu_budget_free(budget, query, sizeof(*query));
    slu_budget_destroy(&budget);
}

static int piece_write(void *context, const char *bytes, size_t len)
{
    struct web_query *query = context;
    return net_response_write(query->request, (struct slu_bytes){bytes, len});
}

int web_json_begin(struct web_query *query)
{
    int err = net_response_begin(query->request, 200, JSON_TYPE);
    query->is_begun = err == 0;
    sink_init(&query->sink, piece_write, query, query->staging, sizeof(query->staging));
    json_writer_init(&query->json, &query->sink, JSON_COMPACT);
    return err;
}

int web_json_finish(struct web_query *query)
{
    json_writer_end(&query->json);
    return sink_end(&query->sink);
}

int web_success_begin(struct web_query *query)
{
    int err = web_json_begin(query);
    json_begin_object(&query->json);
    json_write_key(&query->json, "status");
    json_write_string(&query->json, "success");
    json_write_key(&query->json, "data");
    return err;
}

int web_success_finish(struct web_query *query, bool is_cut)
{
    if (is_cut || query->damage > 0) {
        json_write_key(&query->json, "warnings");
        json_begin_array(&query->json);
        if (is_cut) {
            json_write_string(&query->json, "results truncated due to limit");
        }
        if (query->damage > 0) {
            json_write_string(&query->json, DAMAGE_WARNING);
        }
        json_end_array(&query->json);
    }
    json_end_object(&query->json);
    return web_json_finish(query);
}

void web_labels_write(struct json_writer *json, struct slu_bytes labels)
{
    struct label label;
    json_begin_object(json);
    while (labels_next(&labels, &label)) {
        json_write_key_bytes(json, label.name.data, label.name.len);
        json_write_string_bytes(json, label.value.data, label.value.len);
    }
    json_end_object(json);
}

void web_number_write(struct json_writer *json, double number)
{
    char text[NUMBER_MAX];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    if (isnan(number)) {
        sink_text(&sink, "NaN");
    } else if (isinf(number)) {
        sink_text(&sink, number > 0 ? "+Inf" : "-Inf");
    } else {
        sink_double(&sink, number);
    }
    json_write_string_bytes(json, text, sink.len);
}

void web_seconds_write(struct json_writer *json, int64_t time_ns)
{
    json_write_double(json, (double)(time_ns / 1000000) / 1000);
}

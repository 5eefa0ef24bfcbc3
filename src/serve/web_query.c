#include "serve/web_query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "net/net.h"
#include "query/time_text.h"
#include "sys/wall_clock.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

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
    struct slu_budget_stats all;
    struct slu_budget *budget = NULL;
    void *memory = NULL;
    slu_budget_stats(web->options.queries, &all);
    uint64_t limit_bytes = all.limit_bytes < WEB_QUERY_BYTES ? all.limit_bytes : WEB_QUERY_BYTES;
    if (slu_budget_create(web->options.queries, "query", limit_bytes, &budget) != 0) {
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
        web_busy(request, "unavailable", "no memory for the query: try again in a moment");
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

void web_query_end(struct web_query *query, int err)
{
    struct slu_budget *budget = query->budget;
    if (err != 0 && !query->is_begun) {
        web_error_tell(query, err);
    } else if (err == 0 && query->is_begun) {
        net_response_end(query->request);
    }
    selector_deinit(&query->selector);
    slu_budget_free(budget, query, sizeof(*query));
    slu_budget_destroy(&budget);
}

/* Logs: rows as server-sent events, live ones too, and how many there are over time. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/scope.h>

#include "match/regex.h"
#include "net/net.h"
#include "serve/row_ranking.h"
#include "serve/web_query.h"
#include "serve/web_row.h"

#define SELECTOR       "query"
#define RANGE_NS       UINT64_C(3600000000000)
#define ROWS_LIMIT     100
#define ROWS_MAX       5000
#define BUCKETS_LIMIT  60
#define BUCKETS_MAX    1000
#define TAIL_PERIOD_NS UINT64_C(400000000)
#define TAIL_ROWS_MAX  500 /* of one period: what is more is counted */

/* What is asked of texts. */
struct text_filter {
    char contains[WEB_VALUE_MAX];
    char word[256];
    char pattern[WEB_VALUE_MAX];
    struct regex *regex;
    unsigned char trace_id[WEB_TRACE_ID_BYTES];
};

struct logs_answering {
    struct web_query *query;
    struct row_ranking *ranking;
    struct store_row_query rows;
    struct text_filter filter;
    uint64_t row_count;
    uint64_t dropped_count;
    int64_t step_ns;
    uint64_t *buckets;
    size_t bucket_count;
    char text[WEB_ROW_TEXT_MAX];
};

static struct slu_bytes parameter_text(struct web_query *query, const char *name, char *room,
                                       size_t size_bytes, int *err)
{
    int found = web_parameter(query, name, room, size_bytes);
    if (found != 0 && found != -ENOENT) {
        *err = found;
    }
    return (struct slu_bytes){room, found == 0 ? strlen(room) : 0};
}

/* Lines of one trace alone, if its id is given. */
static int trace_read(struct logs_answering *answering)
{
    struct web_query *query = answering->query;
    char text[2 * WEB_TRACE_ID_BYTES + 2];
    int err = 0;
    struct slu_bytes id = parameter_text(query, "trace_id", text, sizeof(text), &err);
    if (err != 0 || id.len == 0) {
        return err;
    }
    err = web_trace_id_read(id, answering->filter.trace_id);
    if (err != 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "trace_id: a trace's id is up to 32 hexadecimal digits");
        return err;
    }
    answering->rows.key = (struct slu_bytes){answering->filter.trace_id, WEB_TRACE_ID_BYTES};
    return 0;
}

static int filter_read(struct logs_answering *answering)
{
    struct web_query *query = answering->query;
    struct text_filter *filter = &answering->filter;
    struct slu_diag diag = {0};
    int err = 0;
    answering->rows.query = query->store;
    answering->rows.needle =
        parameter_text(query, "contains", filter->contains, sizeof(filter->contains), &err);
    answering->rows.word = parameter_text(query, "word", filter->word, sizeof(filter->word), &err);
    struct slu_bytes pattern =
        parameter_text(query, "regex", filter->pattern, sizeof(filter->pattern), &err);
    err = err != 0 ? err : trace_read(answering);
    if (err == 0 && pattern.len > 0) {
        err = regex_create(query->budget, pattern, &diag, &filter->regex);
        if (err == -EINVAL) {
            (void)snprintf(query->diag.message, sizeof(query->diag.message), "regex: %.180s",
                           diag.message);
        }
    }
    return err;
}

/* Begin a query of logs; NULL if it has been answered. */
static struct logs_answering *logs_begin(struct web *web, struct net_request *request,
                                         uint64_t limit)
{
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, limit);
    void *memory = NULL;
    if (query == NULL) {
        return NULL;
    }
    int err = slu_budget_alloc(query->budget, sizeof(struct logs_answering), &memory);
    if (err != 0) {
        web_query_end(query, err);
        return NULL;
    }
    struct logs_answering *answering = memory;
    memset(answering, 0, sizeof(*answering));
    answering->query = query;
    err = filter_read(answering);
    if (err != 0) {
        regex_destroy(&answering->filter.regex);
        slu_budget_free(query->budget, answering, sizeof(*answering));
        web_query_end(query, err);
        return NULL;
    }
    return answering;
}

static void logs_end(struct logs_answering *answering, int err)
{
    struct web_query *query = answering->query;
    row_ranking_destroy(&answering->ranking);
    regex_destroy(&answering->filter.regex);
    slu_budget_free(query->budget, answering, sizeof(*answering));
    web_query_end(query, err);
}

static bool filter_takes(const struct logs_answering *answering, const struct row *row)
{
    return answering->filter.regex == NULL || regex_is_found(answering->filter.regex, row->text);
}

static int row_rank(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct logs_answering *answering = arg;
    struct store_query *range = &answering->rows.query;
    int64_t bound_ns = 0;
    if (!filter_takes(answering, row)) {
        return 0;
    }
    if (!row_ranking_wants(answering->ranking, row->time_ns)) {
        return 0;
    }
    struct slu_bytes text = web_row_text(labels, row, answering->text, sizeof(answering->text));
    int err = row_ranking_add(answering->ranking, row->time_ns, text);
    if (err == 0 && row_ranking_bound(answering->ranking, &bound_ns)) {
        if (answering->rows.is_backward) {
            range->from_ns = bound_ns > range->from_ns ? bound_ns : range->from_ns;
        } else {
            range->to_ns = bound_ns < range->to_ns ? bound_ns : range->to_ns;
        }
    }
    return err;
}

static int end_event(struct logs_answering *answering, size_t count, bool is_cut)
{
    char text[192];
    int len = snprintf(text, sizeof(text),
                       "{\"rows\":%zu,\"scanned_bytes\":%llu,\"truncated\":%s,\"damaged\":%llu}",
                       count, (unsigned long long)answering->rows.scanned_bytes,
                       is_cut ? "true" : "false", (unsigned long long)answering->query->damage);
    return net_event_write(answering->query->request, "end", (struct slu_bytes){text, (size_t)len});
}

static int ranked_send(struct logs_answering *answering)
{
    struct web_query *query = answering->query;
    size_t found = row_ranking_sort(answering->ranking);
    size_t count = found < query->limit ? found : (size_t)query->limit;
    int err = net_events_begin(query->request);
    query->is_begun = err == 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = net_event_write(query->request, "row", row_ranking_text(answering->ranking, i));
    }
    return err != 0 ? err : end_event(answering, count, found > count);
}

static void rows_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    char direction[16];
    struct logs_answering *answering = logs_begin(web, request, ROWS_LIMIT);
    if (answering == NULL) {
        return;
    }
    struct web_query *query = answering->query;
    int err = 0;
    struct slu_bytes asked = parameter_text(query, "direction", direction, sizeof(direction), &err);
    answering->rows.is_backward = asked.len == 0 || direction[0] != 'f';
    answering->rows.columns = (1U << ROW_COLUMN_COUNT) - 1;
    query->limit = query->limit > ROWS_MAX ? ROWS_MAX : query->limit;
    size_t most = (size_t)query->limit + 1; /* one more tells that there are more */
    err = err != 0 ? err
                   : row_ranking_create(query->budget, most, answering->rows.is_backward,
                                        &answering->ranking);
    err =
        err != 0 ? err : store_rows(web->store, STORE_LOGS, &answering->rows, row_rank, answering);
    err = err != 0 ? err : ranked_send(answering);
    logs_end(answering, err);
}

static int row_count(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct logs_answering *answering = arg;
    (void)labels;
    if (!filter_takes(answering, row)) {
        return 0;
    }
    size_t bucket = (size_t)((row->time_ns - answering->query->store.from_ns) / answering->step_ns);
    answering->buckets[bucket < answering->bucket_count ? bucket : answering->bucket_count - 1]++;
    answering->row_count++;
    return 0;
}

static int histogram_write(struct logs_answering *answering)
{
    struct web_query *query = answering->query;
    struct json_writer *json = &query->json;
    web_success_begin(query);
    json_begin_object(json);
    json_write_key(json, "start");
    web_seconds_write(json, query->store.from_ns);
    json_write_key(json, "step");
    json_write_double(json, (double)answering->step_ns / 1e9);
    json_write_key(json, "counts");
    json_begin_array(json);
    for (size_t i = 0; i < answering->bucket_count; i++) {
        json_write_uint(json, answering->buckets[i]);
    }
    json_end_array(json);
    json_write_key(json, "total");
    json_write_uint(json, answering->row_count);
    json_write_key(json, "scanned_bytes");
    json_write_uint(json, answering->rows.scanned_bytes);
    json_end_object(json);
    return web_success_end(query, false);
}

static int buckets_prepare(struct logs_answering *answering, uint64_t *buckets)
{
    struct web_query *query = answering->query;
    char text[16];
    int err = 0;
    struct slu_bytes asked = parameter_text(query, "buckets", text, sizeof(text), &err);
    unsigned long count = asked.len > 0 ? strtoul(text, NULL, 10) : BUCKETS_LIMIT;
    count = count == 0 ? 1 : count > BUCKETS_MAX ? BUCKETS_MAX : count;
    struct store_query *range = &query->store;
    if (range->from_ns == INT64_MIN || range->to_ns <= range->from_ns ||
        range->to_ns - range->from_ns < 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "start must be before end");
        return -EINVAL;
    }
    answering->buckets = buckets;
    answering->bucket_count = count;
    answering->step_ns = (range->to_ns - range->from_ns) / (int64_t)count + 1;
    return err;
}

static void histogram_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    uint64_t buckets[BUCKETS_MAX] = {0};
    struct logs_answering *answering = logs_begin(web, request, ROWS_LIMIT);
    if (answering == NULL) {
        return;
    }
    int err = buckets_prepare(answering, buckets);
    answering->rows.columns =
        answering->filter.regex != NULL ? 1U << ROW_TEXT | 1U << ROW_TIME : 1U << ROW_TIME;
    err =
        err != 0 ? err : store_rows(web->store, STORE_LOGS, &answering->rows, row_count, answering);
    err = err != 0 ? err : histogram_write(answering);
    logs_end(answering, err);
}

static int row_tail(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct logs_answering *answering = arg;
    if (!filter_takes(answering, row)) {
        return 0;
    }
    if (answering->row_count++ >= TAIL_ROWS_MAX) {
        answering->dropped_count++;
        return 0;
    }
    struct slu_bytes text = web_row_text(labels, row, answering->text, sizeof(answering->text));
    return net_event_write(answering->query->request, "row", text);
}

/* One look: what came; a comment where nothing did, so that a client that has gone is noticed. */
static int tail_look(struct logs_answering *answering, struct store_tail *tail)
{
    char text[64];
    answering->row_count = 0;
    answering->dropped_count = 0;
    int err = store_tail_read(tail, &answering->rows, row_tail, answering);
    answering->dropped_count += store_tail_missed(tail);
    if (err == 0 && answering->dropped_count > 0) {
        int len = snprintf(text, sizeof(text), "{\"rows\":%llu}",
                           (unsigned long long)answering->dropped_count);
        err = net_event_write(answering->query->request, "dropped",
                              (struct slu_bytes){text, (size_t)len});
    }
    return err;
}

static int tail_run(struct logs_answering *answering, struct store_tail *tail)
{
    struct web_query *query = answering->query;
    int err = net_events_begin(query->request);
    query->is_begun = err == 0;
    while (err == 0) {
        err = tail_look(answering, tail);
        err = err != 0 ? err
                       : slu_scope_sleep_until(query->store.scope,
                                               slu_clock_monotonic_ns() + TAIL_PERIOD_NS);
    }
    return err;
}

static void tail_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct store_tail *tail = NULL;
    if (atomic_fetch_add(&web->tail_count, 1) >= WEB_TAILS_MAX) {
        atomic_fetch_sub(&web->tail_count, 1);
        web_fail(request, 429, "too_many", "too many live tails: close one and try again");
        return;
    }
    struct logs_answering *answering = logs_begin(web, request, ROWS_LIMIT);
    if (answering != NULL) {
        answering->rows.query.from_ns = INT64_MIN;
        answering->rows.query.to_ns = INT64_MAX;
        int err = store_tail_open(web->store, STORE_LOGS, answering->query->budget, &tail);
        err = err != 0 ? err : tail_run(answering, tail);
        store_tail_close(&tail);
        logs_end(answering, err);
    }
    atomic_fetch_sub(&web->tail_count, 1);
}

static void names_answer(struct net_request *request, void *arg)
{
    web_label_names_answer(arg, request, STORE_LOGS, SELECTOR);
}

static void values_answer(struct net_request *request, void *arg)
{
    web_label_values_answer(arg, request, STORE_LOGS, SELECTOR);
}

static void series_answer(struct net_request *request, void *arg)
{
    web_series_answer(arg, request, STORE_LOGS, SELECTOR);
}

size_t web_logs_routes(struct web *web, struct net_route *routes)
{
    const struct net_route all[] = {
        {.path = "/api/logs", .handle = rows_answer, .place = NET_ON_WORKER},
        {.path = "/api/logs/tail",
         .handle = tail_answer,
         .place = NET_ON_WORKER,
         .timeout_ns = NET_NEVER},
        {.path = "/api/logs/histogram", .handle = histogram_answer, .place = NET_ON_WORKER},
        {.path = "/api/logs/labels", .handle = names_answer, .place = NET_ON_WORKER},
        {.path = "/api/logs/label/:name/values", .handle = values_answer, .place = NET_ON_WORKER},
        {.path = "/api/logs/series", .handle = series_answer, .place = NET_ON_WORKER},
    };
    (void)web;
    memcpy(routes, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

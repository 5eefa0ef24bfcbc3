/* Traces: one by its id, as OTLP; and a list of those that have spans in a range. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "net/net.h"
#include "pipeline/store_intake.h"
#include "query/time_text.h"
#include "serve/web_query.h"
#include "serve/web_row.h"
#include "wire/otlp_fields.h"
#include "wire/otlp_json_write.h"

#define SELECTOR       "query"
#define RANGE_NS       UINT64_C(3600000000000)
#define TRACES_LIMIT   20
#define TRACES_MAX     500
#define TABLE_SLOTS    4096 /* traces that are looked at, at the most half of it */
#define SPANS_MAX      2000000
#define NAME_MAX_BYTES 96
#define SPAN_PARENT    4
#define SPAN_STATUS    15
#define STATUS_CODE    3
#define STATUS_ERROR   2
#define PROTOBUF_TYPE  "application/protobuf"
#define TRACE_BYTES    ((size_t)64 * 1024)
#define SPAN_COLUMNS                                                                               \
    (1U << ROW_TIME | 1U << ROW_DURATION | 1U << ROW_KEY | 1U << ROW_TEXT | 1U << ROW_REST)

struct trace_answering {
    struct web_query *query;
    struct block request; /* an ExportTraceServiceRequest, which is a TracesData */
};

static int span_append(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct trace_answering *answering = arg;
    (void)labels;
    return store_row_write(answering->query->budget, OTLP_TRACES, row, &answering->request);
}

static bool wants_protobuf(struct net_request *request)
{
    struct slu_bytes accept;
    return net_request_header(request, "accept", &accept) &&
           memmem(accept.data, accept.len, PROTOBUF_TYPE, strlen(PROTOBUF_TYPE)) != NULL;
}

static int trace_send(struct trace_answering *answering)
{
    struct web_query *query = answering->query;
    struct slu_bytes message = {answering->request.data, answering->request.len};
    if (message.len == 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "there is no trace of this id: it may be older than the retention");
        return -ENOENT;
    }
    if (wants_protobuf(query->request)) {
        return net_respond(query->request, 200, PROTOBUF_TYPE, message);
    }
    web_json_begin(query);
    int err = otlp_json_write(query->budget, &query->sink, OTLP_TRACES, message);
    return err != 0 ? err : web_answer_end(query);
}

static void trace_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    unsigned char id[WEB_TRACE_ID_BYTES];
    int wrong = web_trace_id_read(net_request_parameter(request, "id"), id);
    struct web_query *query = web_query_begin(web, request, NULL, 0, 1);
    if (query == NULL) {
        return;
    }
    struct trace_answering answering = {.query = query};
    struct store_row_query rows = {.query = query->store,
                                   .key = {id, WEB_TRACE_ID_BYTES},
                                   .columns = (1U << ROW_COLUMN_COUNT) - 1};
    if (wrong != 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "a trace's id is up to 32 hexadecimal digits");
    }
    int err = wrong != 0 ? wrong : block_begin(query->budget, TRACE_BYTES, &answering.request);
    err = err != 0 ? err : store_rows(web->store, STORE_TRACES, &rows, span_append, &answering);
    err = err != 0 ? err : trace_send(&answering);
    block_free(query->budget, &answering.request);
    web_query_end(query, err);
}

/* What is known of a trace so far. */
struct trace {
    unsigned char id[WEB_TRACE_ID_BYTES];
    int64_t begin_ns;
    int64_t end_ns;
    int64_t root_ns; /* of what is taken for its root */
    uint32_t span_count;
    uint32_t error_count;
    bool is_used;
    bool has_root;
    char service[NAME_MAX_BYTES];
    char name[NAME_MAX_BYTES];
};

struct search {
    struct web_query *query;
    struct trace *slots;
    size_t trace_count;
    uint64_t span_count;
    int64_t least_ns; /* of duration */
    int64_t most_ns;
    bool is_full;
};

static struct trace *trace_find(struct search *search, struct slu_bytes id)
{
    size_t at = hash_bytes(id, 0) % TABLE_SLOTS;
    while (search->slots[at].is_used &&
           memcmp(search->slots[at].id, id.data, WEB_TRACE_ID_BYTES) != 0) {
        at = (at + 1) % TABLE_SLOTS;
    }
    struct trace *trace = &search->slots[at];
    if (!trace->is_used) {
        if (search->trace_count == TABLE_SLOTS / 2) {
            search->is_full = true;
            return NULL;
        }
        search->trace_count++;
        memset(trace, 0, sizeof(*trace));
        memcpy(trace->id, id.data, WEB_TRACE_ID_BYTES);
        trace->is_used = true;
        trace->begin_ns = INT64_MAX;
        trace->end_ns = INT64_MIN;
    }
    return trace;
}

static void text_copy(char room[NAME_MAX_BYTES], struct slu_bytes text)
{
    size_t len = text.len < NAME_MAX_BYTES - 1 ? text.len : NAME_MAX_BYTES - 1;
    if (len > 0) {
        memcpy(room, text.data, len);
    }
    room[len] = '\0';
}

/* What a span's rest says: whether it has a parent, and an error. */
struct span_facts {
    bool has_parent;
    bool is_error;
};

static struct span_facts span_read(struct slu_bytes rest)
{
    struct span_facts facts = {.has_parent = false};
    struct otlp_fields fields = otlp_fields_of(rest);
    struct otlp_part part;
    while (otlp_fields_next(&fields, &part)) {
        facts.has_parent |= part.number == SPAN_PARENT && part.bytes.len > 0;
        if (part.number == SPAN_STATUS) {
            struct otlp_fields status = otlp_fields_of(part.bytes);
            struct otlp_part member;
            while (otlp_fields_next(&status, &member)) {
                facts.is_error |= member.number == STATUS_CODE && member.value == STATUS_ERROR;
            }
        }
    }
    return facts;
}

static int span_note(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct search *search = arg;
    struct slu_bytes service;
    if (search->span_count++ >= SPANS_MAX) {
        search->is_full = true;
        return -ENOBUFS;
    }
    struct trace *trace = row->key.len == WEB_TRACE_ID_BYTES ? trace_find(search, row->key) : NULL;
    if (trace == NULL) {
        return 0;
    }
    struct span_facts facts = span_read(row->rest);
    int64_t end_ns = (int64_t)((uint64_t)row->time_ns + (uint64_t)row->duration_ns);
    trace->begin_ns = row->time_ns < trace->begin_ns ? row->time_ns : trace->begin_ns;
    trace->end_ns = end_ns > trace->end_ns ? end_ns : trace->end_ns;
    trace->span_count++;
    trace->error_count += facts.is_error;
    bool is_root = !facts.has_parent;
    if (trace->name[0] == '\0' || (is_root && !trace->has_root) ||
        (is_root == trace->has_root && row->time_ns < trace->root_ns)) {
        (void)labels_find(labels, (struct slu_bytes){"service_name", 12}, &service);
        text_copy(trace->service, service);
        text_copy(trace->name, row->text);
        trace->root_ns = row->time_ns;
        trace->has_root |= is_root;
    }
    return 0;
}

static int64_t trace_duration(const struct trace *trace)
{
    return trace->end_ns > trace->begin_ns ? trace->end_ns - trace->begin_ns : 0;
}

static int newest_first(const void *left, const void *right)
{
    const struct trace *first = left;
    const struct trace *second = right;
    if (first->is_used != second->is_used) {
        return first->is_used ? -1 : 1;
    }
    return (first->begin_ns < second->begin_ns) - (first->begin_ns > second->begin_ns);
}

static void trace_write(struct json_writer *json, const struct trace *trace)
{
    char text[2 * WEB_TRACE_ID_BYTES];
    char start[24];
    size_t len =
        web_hex_write((struct slu_bytes){trace->id, WEB_TRACE_ID_BYTES}, text, sizeof(text));
    (void)snprintf(start, sizeof(start), "%lld", (long long)trace->begin_ns);
    json_begin_object(json);
    json_write_key(json, "traceID");
    json_write_string_bytes(json, text, len);
    json_write_key(json, "rootServiceName");
    json_write_string(json, trace->service);
    json_write_key(json, "rootTraceName");
    json_write_string(json, trace->name);
    json_write_key(json, "startTimeUnixNano");
    json_write_string(json, start);
    json_write_key(json, "durationMs");
    json_write_double(json, (double)(trace_duration(trace) / 1000) / 1000);
    json_write_key(json, "spanCount");
    json_write_uint(json, trace->span_count);
    json_write_key(json, "errorCount");
    json_write_uint(json, trace->error_count);
    json_end_object(json);
}

static int search_send(struct search *search)
{
    struct web_query *query = search->query;
    uint64_t count = 0;
    web_json_begin(query);
    qsort(search->slots, TABLE_SLOTS, sizeof(struct trace), newest_first);
    json_begin_object(&query->json);
    json_write_key(&query->json, "traces");
    json_begin_array(&query->json);
    for (size_t i = 0; i < search->trace_count && count <= query->limit; i++) {
        int64_t duration_ns = trace_duration(&search->slots[i]);
        if (duration_ns < search->least_ns || duration_ns > search->most_ns) {
            continue;
        }
        if (count++ < query->limit) {
            trace_write(&query->json, &search->slots[i]);
        }
    }
    json_end_array(&query->json);
    json_write_key(&query->json, "truncated");
    json_write_bool(&query->json, search->is_full || count > query->limit);
    json_write_key(&query->json, "damaged");
    json_write_uint(&query->json, query->damage);
    json_end_object(&query->json);
    return web_json_end(query);
}

static int duration_parameter(struct web_query *query, const char *name, int64_t *duration_ns)
{
    char text[32];
    int err = web_parameter(query, name, text, sizeof(text));
    if (err == -ENOENT || (err == 0 && text[0] == '\0')) {
        return 0;
    }
    if (err == 0 && duration_text_read((struct slu_bytes){text, strlen(text)}, duration_ns) != 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "%s: a duration as 100ms or 1.5s is expected", name);
        return -EINVAL;
    }
    return err;
}

static int search_run(struct web *web, struct search *search)
{
    struct web_query *query = search->query;
    char name[WEB_VALUE_MAX];
    void *memory = NULL;
    size_t bytes = TABLE_SLOTS * sizeof(struct trace);
    int err = duration_parameter(query, "minDuration", &search->least_ns);
    err = err != 0 ? err : duration_parameter(query, "maxDuration", &search->most_ns);
    int named = web_parameter(query, "name", name, sizeof(name));
    err = err != 0 || named == -ENOENT ? err : named;
    err = err != 0 ? err : slu_budget_alloc(query->budget, bytes, &memory);
    if (err != 0) {
        return err;
    }
    memset(memory, 0, bytes);
    search->slots = memory;
    query->limit = query->limit > TRACES_MAX ? TRACES_MAX : query->limit;
    struct store_row_query rows = {.query = query->store,
                                   .needle = {name, named == 0 ? strlen(name) : 0},
                                   .columns = SPAN_COLUMNS,
                                   .is_backward = true};
    err = store_rows(web->store, STORE_TRACES, &rows, span_note, search);
    err = err == -ENOBUFS ? 0 : err;
    err = err != 0 ? err : search_send(search);
    slu_budget_free(query->budget, memory, bytes);
    return err;
}

static void search_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, TRACES_LIMIT);
    if (query == NULL) {
        return;
    }
    struct search search = {.query = query, .most_ns = INT64_MAX};
    web_query_end(query, search_run(web, &search));
}

static void names_answer(struct net_request *request, void *arg)
{
    web_label_names_answer(arg, request, STORE_TRACES, SELECTOR);
}

static void values_answer(struct net_request *request, void *arg)
{
    web_label_values_answer(arg, request, STORE_TRACES, SELECTOR);
}

size_t web_traces_routes(struct web *web, struct net_route *routes)
{
    const struct net_route all[] = {
        {.path = "/api/traces/labels", .handle = names_answer, .place = NET_ON_WORKER},
        {.path = "/api/traces/label/:name/values", .handle = values_answer, .place = NET_ON_WORKER},
        {.path = "/api/traces/:id", .handle = trace_answer, .place = NET_ON_WORKER},
        {.path = "/api/search", .handle = search_answer, .place = NET_ON_WORKER},
    };
    (void)web;
    memcpy(routes, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

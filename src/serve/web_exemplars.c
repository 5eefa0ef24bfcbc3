/* Exemplars of series, as Prometheus answers them. */
#include <errno.h>

#include "base/bytes.h"
#include "serve/web_query.h"
#include "serve/web_row.h"
#include "wire/otlp_fields.h"

#define SELECTOR            "query"
#define RANGE_NS            UINT64_C(3600000000000)
#define SERIES_LIMIT        1000
#define EXEMPLARS_MAX       UINT64_C(100000) /* of one answer */
#define MS_NS               INT64_C(1000000)
#define EXEMPLAR_DOUBLE     3
#define EXEMPLAR_SPAN_ID    4
#define EXEMPLAR_TRACE_ID   5
#define EXEMPLAR_INTEGER    6
#define EXEMPLAR_ATTRIBUTES 7
#define ATTRIBUTE_KEY       1

struct exemplars_answering {
    struct web_query *query;
    uint64_t series_count;
    uint64_t exemplar_count;
    bool is_cut;
};

/* Those of the ids are the exemplar's own. */
static bool has_name_of_id(struct slu_bytes attribute)
{
    static const struct slu_bytes trace = {"trace_id", 8};
    static const struct slu_bytes span = {"span_id", 7};
    struct otlp_fields fields = otlp_fields_of(attribute);
    struct otlp_part part;
    struct slu_bytes key = {"", 0};
    while (otlp_fields_next(&fields, &part)) {
        key = part.number == ATTRIBUTE_KEY ? part.bytes : key;
    }
    return bytes_equal(key, trace) || bytes_equal(key, span);
}

/* Returns its value. */
static double labels_write(struct json_writer *json, struct slu_bytes exemplar)
{
    struct otlp_fields fields = otlp_fields_of(exemplar);
    struct otlp_part part;
    double value = 0;
    json_write_key(json, "labels");
    json_begin_object(json);
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == EXEMPLAR_DOUBLE) {
            value = otlp_double(part.value);
        } else if (part.number == EXEMPLAR_INTEGER) {
            value = (double)(int64_t)part.value;
        } else if (part.number == EXEMPLAR_TRACE_ID && part.bytes.len > 0) {
            web_hex_member_write(json, "trace_id", part.bytes);
        } else if (part.number == EXEMPLAR_SPAN_ID && part.bytes.len > 0) {
            web_hex_member_write(json, "span_id", part.bytes);
        } else if (part.number == EXEMPLAR_ATTRIBUTES && !has_name_of_id(part.bytes)) {
            web_attribute_write(json, part.bytes);
        }
    }
    json_end_object(json);
    return value;
}

static void exemplar_write(struct json_writer *json, const struct sample_message *exemplar)
{
    json_begin_object(json);
    double value = labels_write(json, exemplar->bytes);
    json_write_key(json, "value");
    web_number_write(json, value);
    json_write_key(json, "timestamp");
    web_seconds_write(json, exemplar->time_ms * MS_NS);
    json_end_object(json);
}

static int series_write(void *arg, const struct store_series *series)
{
    struct exemplars_answering *answering = arg;
    struct json_writer *json = &answering->query->json;
    if (answering->series_count == answering->query->limit ||
        answering->exemplar_count + series->count > EXEMPLARS_MAX) {
        answering->is_cut = true;
        return -ENOBUFS;
    }
    answering->series_count++;
    answering->exemplar_count += series->count;
    json_begin_object(json);
    json_write_key(json, "seriesLabels");
    web_labels_write(json, series->labels);
    json_write_key(json, "exemplars");
    json_begin_array(json);
    for (size_t i = 0; i < series->count; i++) {
        exemplar_write(json, &series->messages[i]);
    }
    json_end_array(json);
    json_end_object(json);
    return answering->query->sink.err;
}

void web_exemplars_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, SERIES_LIMIT);
    if (query == NULL) {
        return;
    }
    struct exemplars_answering answering = {.query = query};
    web_success_begin(query);
    json_begin_array(&query->json);
    int err = store_samples(web->store, &query->store, STORE_EXEMPLAR, series_write, &answering);
    json_end_array(&query->json);
    err = err == -ENOBUFS ? 0 : err;
    web_query_end(query, err != 0 ? err : web_success_end(query, answering.is_cut));
}

/* Raw samples of series: numbers, and exponential histograms, as Prometheus answers. */
#include <errno.h>
#include <stdio.h>

#include "serve/histogram_json.h"
#include "serve/web_query.h"

#define SELECTOR     "match[]"
#define RANGE_NS     UINT64_C(3600000000000)
#define SERIES_LIMIT 1000
#define SAMPLES_MAX  UINT64_C(2000000) /* of one answer */
#define MS_NS        INT64_C(1000000)

struct samples_answering {
    struct web_query *query;
    uint64_t series_count;
    uint64_t sample_count;
    bool is_cut;
};

static void values_write(struct json_writer *json, const struct store_series *series)
{
    json_write_key(json, "values");
    json_begin_array(json);
    for (size_t i = 0; i < series->count; i++) {
        json_begin_array(json);
        web_seconds_write(json, series->samples[i].time_ms * MS_NS);
        web_number_write(json, series->samples[i].value);
        json_end_array(json);
    }
    json_end_array(json);
}

static int histograms_write(struct web_query *query, const struct store_series *series)
{
    struct json_writer *json = &query->json;
    int err = 0;
    json_write_key(json, "histograms");
    json_begin_array(json);
    for (size_t i = 0; err == 0 && i < series->count; i++) {
        json_begin_array(json);
        web_seconds_write(json, series->messages[i].time_ms * MS_NS);
        err = histogram_json_write(json, query->budget, series->messages[i].bytes);
        json_end_array(json);
    }
    json_end_array(json);
    return err;
}

static int series_write(void *arg, const struct store_series *series)
{
    struct samples_answering *answering = arg;
    struct json_writer *json = &answering->query->json;
    int err = 0;
    if (answering->series_count == answering->query->limit ||
        answering->sample_count + series->count > SAMPLES_MAX) {
        answering->is_cut = true;
        return -ENOBUFS;
    }
    answering->series_count++;
    answering->sample_count += series->count;
    json_begin_object(json);
    json_write_key(json, "metric");
    web_labels_write(json, series->labels);
    if (series->kind == STORE_NUMBER) {
        values_write(json, series);
    } else {
        err = histograms_write(answering->query, series);
    }
    json_end_object(json);
    return err != 0 ? err : answering->query->sink.err;
}

void web_samples_answer(struct net_request *request, void *arg)
{
    struct web *web = arg;
    struct web_query *query = web_query_begin(web, request, SELECTOR, RANGE_NS, SERIES_LIMIT);
    if (query == NULL) {
        return;
    }
    struct samples_answering answering = {.query = query};
    struct json_writer *json = &query->json;
    if (web_selector_take(query, SELECTOR, 1) == 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "match[]: samples are read with one selector at a time");
        web_query_end(query, -EINVAL);
        return;
    }
    web_success_begin(query);
    json_begin_object(json);
    json_write_key(json, "resultType");
    json_write_string(json, "matrix");
    json_write_key(json, "result");
    json_begin_array(json);
    int err = store_samples(web->store, &query->store, STORE_NUMBER, series_write, &answering);
    if (err == 0) {
        err = store_samples(web->store, &query->store, STORE_HISTOGRAM, series_write, &answering);
    }
    json_end_array(json);
    json_end_object(json);
    err = err == -ENOBUFS ? 0 : err;
    web_query_end(query, err != 0 ? err : web_success_end(query, answering.is_cut));
}

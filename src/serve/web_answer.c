/*
 * Answers of queries. The first bytes go out when the staging is full: what goes wrong before has a
 * status, and what goes wrong behind it breaks the answer off.
 */
#include <math.h>

#include "base/sink_number.h"
#include "net/net.h"
#include "serve/web_query.h"

#define JSON_TYPE  "application/json"
#define NUMBER_MAX 40

#define DAMAGE_WARNING "parts of the store are damaged, and left out: the daemon has said which"

static int piece_write(void *context, const char *bytes, size_t len)
{
    struct web_query *query = context;
    struct slu_bytes piece = {bytes, len};
    if (query->is_begun) {
        return net_response_write(query->request, piece);
    }
    int err = net_response_begin_with(query->request, 200, query->type, piece);
    query->is_begun = err == 0;
    return err;
}

void web_answer_begin(struct web_query *query, const char *type)
{
    query->type = type;
    sink_init(&query->sink, piece_write, query, query->staging, sizeof(query->staging));
}

int web_answer_end(struct web_query *query)
{
    return sink_end(&query->sink);
}

void web_json_begin(struct web_query *query)
{
    web_answer_begin(query, JSON_TYPE);
    json_writer_init(&query->json, &query->sink, JSON_COMPACT);
}

int web_json_end(struct web_query *query)
{
    json_writer_end(&query->json);
    return web_answer_end(query);
}

void web_success_begin(struct web_query *query)
{
    web_json_begin(query);
    json_begin_object(&query->json);
    json_write_key(&query->json, "status");
    json_write_string(&query->json, "success");
    json_write_key(&query->json, "data");
}

int web_success_end(struct web_query *query, bool is_cut)
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
    return web_json_end(query);
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

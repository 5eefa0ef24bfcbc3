#include "store_load.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/protobuf_block.h"
#include "log_lines.h"

#define TIME_MARK   UINT64_C(0x54494d454d41524b) /* for what is not known yet */
#define VALUE_MARK  UINT64_C(0x56414c55454d4152)
#define MS_NS       INT64_C(1000000)
#define SPAN_TRACE  8 /* spans of one */
#define SPAN_GAP_NS INT64_C(20000)

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (*state ^ *state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

/* A KeyValue with a string. */
static void attribute_write(struct protobuf_block *out, uint32_t field, const char *key,
                            const char *value)
{
    struct protobuf_mark pair;
    struct protobuf_mark any;
    protobuf_block_begin(out, field, &pair);
    protobuf_block_bytes(out, 1, text_of(key));
    protobuf_block_begin(out, 2, &any);
    protobuf_block_bytes(out, 1, text_of(value));
    protobuf_block_end(out, any);
    protobuf_block_end(out, pair);
}

static void resource_write(struct protobuf_block *out, const char *service, const char *instance)
{
    struct protobuf_mark resource;
    protobuf_block_begin(out, 1, &resource);
    attribute_write(out, 1, "service.name", service);
    attribute_write(out, 1, "service.instance.id", instance);
    attribute_write(out, 1, "host.name", "node-17.example");
    protobuf_block_end(out, resource);
}

static void scope_write(struct protobuf_block *out, const char *name)
{
    struct protobuf_mark scope;
    protobuf_block_begin(out, 1, &scope);
    protobuf_block_bytes(out, 1, text_of(name));
    protobuf_block_end(out, scope);
}

static void fixed64_write(struct protobuf_block *out, uint32_t field, uint64_t value)
{
    protobuf_block_tag(out, field, PROTOBUF_FIXED64);
    protobuf_block_fixed64(out, value);
}

struct metric_message {
    struct block bytes;
    size_t times[LOAD_SERIES_EACH];
    size_t values[LOAD_SERIES_EACH];
};

struct metric_load {
    struct slu_budget *budget;
    struct protobuf_block remote;
    struct metric_message *messages;
    int64_t *numbers; /* counters; gauges in tenths */
    uint64_t series;
    int64_t step_ms;
    uint64_t random;
    int64_t time_ms;
    size_t next;
};

/* Counters first, then gauges, then constants, of each message. */
static unsigned kind_of(size_t at)
{
    return at % 4 < 2 ? 0 : (unsigned)(at % 4) - 1;
}

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
static const char *const metric_names[] = {"http.server.requests", "queue.temperature",
                                           "process.limit"};

static void point_write(struct protobuf_block *out, size_t series, bool is_integer)
{
    struct protobuf_mark point;
    char path[40];
    (void)snprintf(path, sizeof(path), "/api/v1/item%zu", series % LOAD_SERIES_EACH / 4);
    protobuf_block_begin(out, 1, &point);
    fixed64_write(out, 3, TIME_MARK);
    fixed64_write(out, is_integer ? 6 : 4, VALUE_MARK);
    attribute_write(out, 7, "method", methods[series % 4]);
    attribute_write(out, 7, "path", path);
    protobuf_block_end(out, point);
}

/* A metric of one kind, with the points of its series. */
static void metric_write(struct protobuf_block *out, size_t message, unsigned kind)
{
    struct protobuf_mark metric;
    struct protobuf_mark data;
    protobuf_block_begin(out, 2, &metric);
    protobuf_block_bytes(out, 1, text_of(metric_names[kind]));
    protobuf_block_begin(out, kind == 0 ? 7 : 5, &data);
    for (size_t i = 0; i < LOAD_SERIES_EACH; i++) {
        if (kind_of(i) == kind) {
            point_write(out, message * LOAD_SERIES_EACH + i, kind == 0);
        }
    }
    if (kind == 0) {
        protobuf_block_tag(out, 2, PROTOBUF_VARINT);
        protobuf_block_varint(out, 2);
        protobuf_block_tag(out, 3, PROTOBUF_VARINT);
        protobuf_block_varint(out, 1);
    }
    protobuf_block_end(out, data);
    protobuf_block_end(out, metric);
}

/* Where the marks stand, in the order of the points. */
static void marks_find(struct metric_message *message)
{
    const unsigned char *bytes = message->bytes.data;
    size_t times = 0;
    size_t values = 0;
    for (size_t at = 0; at + 8 <= message->bytes.len; at++) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, sizeof(word));
        if (word == TIME_MARK && times < LOAD_SERIES_EACH) {
            message->times[times++] = at;
        } else if (word == VALUE_MARK && values < LOAD_SERIES_EACH) {
            message->values[values++] = at;
        }
    }
    if (times != LOAD_SERIES_EACH || values != LOAD_SERIES_EACH) {
        abort();
    }
}

static void message_make(struct metric_load *load, size_t number)
{
    struct protobuf_block out;
    struct protobuf_mark resource;
    struct protobuf_mark scope;
    char instance[32];
    (void)snprintf(instance, sizeof(instance), "instance-%zu", number);
    protobuf_block_init(&out, load->budget);
    protobuf_block_begin(&out, 1, &resource);
    resource_write(&out, "shop", instance);
    protobuf_block_begin(&out, 2, &scope);
    scope_write(&out, "bench");
    for (unsigned kind = 0; kind < 3; kind++) {
        metric_write(&out, number, kind);
    }
    protobuf_block_end(&out, scope);
    protobuf_block_end(&out, resource);
    if (out.err != 0) {
        abort();
    }
    load->messages[number].bytes = out.block;
    marks_find(&load->messages[number]);
}

static void *zeros(size_t count, size_t size_bytes)
{
    void *memory = calloc(count, size_bytes);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

struct metric_load *metric_load_make(struct slu_budget *budget, uint64_t series, int64_t start_ms,
                                     int64_t step_ms)
{
    struct metric_load *load = zeros(1, sizeof(*load));
    load->budget = budget;
    protobuf_block_init(&load->remote, budget);
    load->series = series;
    load->time_ms = start_ms;
    load->step_ms = step_ms;
    load->messages = zeros(series / LOAD_SERIES_EACH, sizeof(*load->messages));
    load->numbers = zeros(series, sizeof(*load->numbers));
    for (size_t i = 0; i < series / LOAD_SERIES_EACH; i++) {
        message_make(load, i);
    }
    for (size_t i = 0; i < series; i++) {
        load->numbers[i] = (int64_t)(random_next(&load->random) % 1000);
    }
    return load;
}

void metric_load_free(struct metric_load **load)
{
    for (size_t i = 0; i < (*load)->series / LOAD_SERIES_EACH; i++) {
        block_free((*load)->budget, &(*load)->messages[i].bytes);
    }
    protobuf_block_deinit(&(*load)->remote);
    free((*load)->messages);
    free((*load)->numbers);
    free(*load);
    *load = NULL;
}

/* In a message the points of each kind stand together. */
static uint64_t value_next(struct metric_load *load, size_t series, unsigned kind)
{
    int64_t *number = &load->numbers[series];
    double value = 0;
    uint64_t bits = 0;
    if (kind == 0) {
        *number += 1000 + (int64_t)(random_next(&load->random) % LOAD_JITTER);
        return (uint64_t)*number;
    }
    *number += kind == 1 ? (int64_t)(random_next(&load->random) % 3) - 1 : 0;
    value = (double)*number / 10;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* The kind of the point at this place of a message. */
static unsigned kind_at(size_t place)
{
    return place < LOAD_SERIES_EACH / 2 ? 0 : place < LOAD_SERIES_EACH / 4 * 3 ? 1 : 2;
}

static void message_end(struct metric_load *load, int64_t *time_ms)
{
    *time_ms = load->time_ms;
    load->next = (load->next + 1) % (load->series / LOAD_SERIES_EACH);
    load->time_ms += load->next == 0 ? load->step_ms : 0;
}

struct slu_bytes metric_load_next(struct metric_load *load, int64_t *time_ms)
{
    struct metric_message *message = &load->messages[load->next];
    unsigned char *bytes = message->bytes.data;
    uint64_t time_ns = (uint64_t)(load->time_ms * MS_NS);
    for (size_t i = 0; i < LOAD_SERIES_EACH; i++) {
        uint64_t value = value_next(load, load->next * LOAD_SERIES_EACH + i, kind_at(i));
        memcpy(bytes + message->times[i], &time_ns, sizeof(time_ns));
        memcpy(bytes + message->values[i], &value, sizeof(value));
    }
    message_end(load, time_ms);
    return (struct slu_bytes){bytes, message->bytes.len};
}

static void label_write(struct protobuf_block *out, const char *name, const char *value)
{
    struct protobuf_mark label;
    protobuf_block_begin(out, 1, &label);
    protobuf_block_bytes(out, 1, text_of(name));
    protobuf_block_bytes(out, 2, text_of(value));
    protobuf_block_end(out, label);
}

static void remote_labels_write(struct protobuf_block *out, size_t message, size_t place)
{
    char text[40];
    static const char *const names[] = {"http_server_requests", "queue_temperature",
                                        "process_limit"};
    label_write(out, "__name__", names[kind_at(place)]);
    label_write(out, "host_name", "node-17.example");
    (void)snprintf(text, sizeof(text), "instance-%zu", message);
    label_write(out, "instance", text);
    label_write(out, "job", "shop");
    label_write(out, "method", methods[place % 4]);
    (void)snprintf(text, sizeof(text), "/api/v1/item%zu", place / 4);
    label_write(out, "path", text);
}

struct slu_bytes metric_load_next_remote(struct metric_load *load, int64_t *time_ms)
{
    struct protobuf_block *out = &load->remote;
    out->block.len = 0;
    for (size_t i = 0; i < LOAD_SERIES_EACH; i++) {
        struct protobuf_mark series;
        struct protobuf_mark sample;
        uint64_t bits = value_next(load, load->next * LOAD_SERIES_EACH + i, kind_at(i));
        if (kind_at(i) == 0) {
            double value = (double)bits;
            memcpy(&bits, &value, sizeof(bits));
        }
        protobuf_block_begin(out, 1, &series);
        remote_labels_write(out, load->next, i);
        protobuf_block_begin(out, 2, &sample);
        fixed64_write(out, 1, bits);
        protobuf_block_tag(out, 2, PROTOBUF_VARINT);
        protobuf_block_varint(out, (uint64_t)load->time_ms);
        protobuf_block_end(out, sample);
        protobuf_block_end(out, series);
    }
    message_end(load, time_ms);
    if (out->err != 0) {
        abort();
    }
    return (struct slu_bytes){out->block.data, out->block.len};
}

struct log_load {
    struct slu_budget *budget;
    struct log_stream *streams;
    uint64_t stream_count;
    uint64_t rare_each;
    uint64_t line_count;
    struct protobuf_block out;
    size_t next;
};

struct log_load *log_load_make(struct slu_budget *budget, uint64_t streams, uint64_t rare_each)
{
    struct log_load *load = zeros(1, sizeof(*load));
    load->budget = budget;
    load->streams = zeros(streams, sizeof(*load->streams));
    load->stream_count = streams;
    load->rare_each = rare_each;
    protobuf_block_init(&load->out, budget);
    for (size_t i = 0; i < streams; i++) {
        log_stream_init(&load->streams[i], i, 0);
    }
    return load;
}

void log_load_free(struct log_load **load)
{
    protobuf_block_deinit(&(*load)->out);
    free((*load)->streams);
    free(*load);
    *load = NULL;
}

static void line_next(struct log_load *load, struct log_stream *stream, struct log_line *line)
{
    log_line_next(stream, line);
    if (load->rare_each > 0 && ++load->line_count % load->rare_each == 0) {
        line->len = (size_t)snprintf(line->text, sizeof(line->text),
                                     "cannot release %s of the pool: held", LOAD_RARE_WORD);
    }
}

static void record_write(struct protobuf_block *out, const struct log_line *line)
{
    struct protobuf_mark record;
    struct protobuf_mark body;
    protobuf_block_begin(out, 2, &record);
    fixed64_write(out, 1, (uint64_t)line->time_ns);
    protobuf_block_tag(out, 2, PROTOBUF_VARINT);
    protobuf_block_varint(out, line->severity);
    protobuf_block_begin(out, 5, &body);
    protobuf_block_bytes(out, 1, (struct slu_bytes){line->text, line->len});
    protobuf_block_end(out, body);
    protobuf_block_end(out, record);
}

struct slu_bytes log_load_next(struct log_load *load, int64_t *time_ns, uint64_t *text_bytes)
{
    struct protobuf_block *out = &load->out;
    struct log_stream *stream = &load->streams[load->next];
    struct protobuf_mark resource;
    struct protobuf_mark scope;
    struct log_line line;
    char service[32];
    (void)snprintf(service, sizeof(service), "service-%zu", load->next);
    load->next = (load->next + 1) % load->stream_count;
    out->block.len = 0;
    protobuf_block_begin(out, 1, &resource);
    resource_write(out, service, "1");
    protobuf_block_begin(out, 2, &scope);
    scope_write(out, "logger");
    for (size_t i = 0; i < LOAD_LINES_EACH; i++) {
        line_next(load, stream, &line);
        record_write(out, &line);
        *time_ns = line.time_ns;
        *text_bytes += line.len;
    }
    protobuf_block_end(out, scope);
    protobuf_block_end(out, resource);
    if (out->err != 0) {
        abort();
    }
    return (struct slu_bytes){out->block.data, out->block.len};
}

struct span_load {
    struct slu_budget *budget;
    struct protobuf_block out;
    uint64_t random;
    uint64_t trace[2];
    uint64_t number;
    int64_t time_ns;
};

struct span_load *span_load_make(struct slu_budget *budget, int64_t start_ns)
{
    struct span_load *load = zeros(1, sizeof(*load));
    load->budget = budget;
    load->time_ns = start_ns;
    protobuf_block_init(&load->out, budget);
    return load;
}

void span_load_free(struct span_load **load)
{
    protobuf_block_deinit(&(*load)->out);
    free(*load);
    *load = NULL;
}

static void span_write(struct span_load *load)
{
    static const char *const names[] = {"GET /cart", "SELECT items", "charge", "GET /item"};
    struct protobuf_block *out = &load->out;
    struct protobuf_mark span;
    uint64_t id = random_next(&load->random);
    uint64_t duration_ns = 100000 + random_next(&load->random) % 5000000;
    char user[32];
    if (load->number++ % SPAN_TRACE == 0) {
        load->trace[0] = random_next(&load->random);
        load->trace[1] = random_next(&load->random);
    }
    (void)snprintf(user, sizeof(user), "user-%llu",
                   (unsigned long long)(random_next(&load->random) % 100000));
    protobuf_block_begin(out, 2, &span);
    protobuf_block_bytes(out, 1, (struct slu_bytes){load->trace, sizeof(load->trace)});
    protobuf_block_bytes(out, 2, (struct slu_bytes){&id, sizeof(id)});
    protobuf_block_bytes(out, 5, text_of(names[load->number % 4]));
    protobuf_block_tag(out, 6, PROTOBUF_VARINT);
    protobuf_block_varint(out, 2);
    fixed64_write(out, 7, (uint64_t)load->time_ns);
    fixed64_write(out, 8, (uint64_t)load->time_ns + duration_ns);
    attribute_write(out, 9, "http.request.method", "GET");
    attribute_write(out, 9, "http.route", "/api/v1/cart/{id}");
    attribute_write(out, 9, "http.response.status_code", "200");
    attribute_write(out, 9, "server.address", "shop.example");
    attribute_write(out, 9, "network.protocol.version", "1.1");
    attribute_write(out, 9, "enduser.id", user);
    protobuf_block_end(out, span);
    load->time_ns += SPAN_GAP_NS;
}

struct slu_bytes span_load_next(struct span_load *load, int64_t *time_ns)
{
    struct protobuf_block *out = &load->out;
    struct protobuf_mark resource;
    struct protobuf_mark scope;
    char service[32];
    (void)snprintf(service, sizeof(service), "service-%llu",
                   (unsigned long long)(load->number / LOAD_SPANS_EACH % 10));
    out->block.len = 0;
    protobuf_block_begin(out, 1, &resource);
    resource_write(out, service, "1");
    protobuf_block_begin(out, 2, &scope);
    scope_write(out, "tracer");
    for (size_t i = 0; i < LOAD_SPANS_EACH; i++) {
        span_write(load);
    }
    protobuf_block_end(out, scope);
    protobuf_block_end(out, resource);
    *time_ns = load->time_ns;
    if (out->err != 0) {
        abort();
    }
    return (struct slu_bytes){out->block.data, out->block.len};
}

/*
 * OTLP's bytes checked, and read as rows and samples, beside a walk over the same bytes that reads
 * each field with the Protocol Buffers reader, descends by the same schema and looks at nothing: no
 * UTF-8, no lengths of ids, no types. Requests are as SDKs send them: a resource and a scope with a
 * few attributes, 512 records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "codec/protobuf_block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_check.h"
#include "wire/otlp_rows.h"
#include "wire/otlp_samples.h"
#include "wire/otlp_schema.h"

#include "bench.h"

#define RECORD_COUNT  512
#define RECORDS_ROUND 400000
#define TIME_NS       UINT64_C(1700000000000000000)

struct load {
    enum otlp_signal signal;
    struct slu_bytes message;
    uint64_t round_count;
    struct slu_budget *budget;
    struct otlp_row_reader *rows;
    struct otlp_sample_reader *samples;
    struct block out; /* rows that are written */
};

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "wire_bench: %s\n", what);
        exit(3);
    }
}

static void attribute_put(struct protobuf_block *block, uint32_t field, const char *key,
                          const char *value)
{
    struct protobuf_mark pair;
    struct protobuf_mark any;
    protobuf_block_begin(block, field, &pair);
    protobuf_block_bytes(block, 1, text_of(key));
    protobuf_block_begin(block, 2, &any);
    protobuf_block_bytes(block, 1, text_of(value));
    protobuf_block_end(block, any);
    protobuf_block_end(block, pair);
}

static void attribute_put_int(struct protobuf_block *block, uint32_t field, const char *key,
                              uint64_t value)
{
    struct protobuf_mark pair;
    struct protobuf_mark any;
    protobuf_block_begin(block, field, &pair);
    protobuf_block_bytes(block, 1, text_of(key));
    protobuf_block_begin(block, 2, &any);
    protobuf_block_tag(block, 3, PROTOBUF_VARINT);
    protobuf_block_varint(block, value);
    protobuf_block_end(block, any);
    protobuf_block_end(block, pair);
}

static void fixed64_put(struct protobuf_block *block, uint32_t field, uint64_t value)
{
    protobuf_block_tag(block, field, PROTOBUF_FIXED64);
    protobuf_block_fixed64(block, value);
}

static void varint_put(struct protobuf_block *block, uint32_t field, uint64_t value)
{
    protobuf_block_tag(block, field, PROTOBUF_VARINT);
    protobuf_block_varint(block, value);
}

static const char *const english_bodies[] = {
    "request finished: method=GET path=/api/v1/orders/7731 status=200 duration=12.7ms bytes=5120",
    "cache miss for key session:5f2c9a71 in region eu-west-1, loading from the primary database",
    "worker 17 picked job 991231 off the queue after 31 ms, 4 attempts left, priority normal",
};

/* Three bytes a character, as many bytes as above. */
static const char *const chinese_bodies[] = {
    "\u8bf7\u6c42\u5b8c\u6210\uff1a\u65b9\u6cd5=GET \u8def\u5f84=/api/v1/orders/7731 "
    "\u72b6\u6001=200 \u8017\u65f6=12.7ms",
    "\u7f13\u5b58\u672a\u547d\u4e2d\uff0c\u6b63\u5728\u4ece\u4e3b\u6570\u636e\u5e93\u52a0"
    "\u8f7d\u4f1a\u8bdd\u6570\u636e\uff0c\u8bf7\u7a0d\u5019\u7247\u523b\u518d\u8bd5\u4e00"
    "\u6b21",
    "\u5de5\u4f5c\u7ebf\u7a0b 17 \u53d6\u51fa\u4efb\u52a1 991231\uff0c\u7b49\u5f85 31 "
    "\u6beb\u79d2\uff0c\u5269\u4f59 4 \u6b21\u5c1d\u8bd5\uff0c\u4f18\u5148\u7ea7\u666e"
    "\u901a",
};

static void log_put(struct protobuf_block *block, uint64_t at, const char *text)
{
    struct protobuf_mark record;
    struct protobuf_mark body;
    protobuf_block_begin(block, 2, &record);
    fixed64_put(block, 1, TIME_NS + at);
    varint_put(block, 2, 9);
    protobuf_block_bytes(block, 3, text_of("INFO"));
    protobuf_block_begin(block, 5, &body);
    protobuf_block_bytes(block, 1, text_of(text));
    protobuf_block_end(block, body);
    attribute_put(block, 6, "http.request.method", "GET");
    attribute_put(block, 6, "url.path", "/api/v1/orders/7731");
    attribute_put_int(block, 6, "http.response.status_code", 200);
    attribute_put(block, 6, "code.function.name", "com.example.Orders.get");
    attribute_put(block, 6, "k8s.pod.name", "orders-7d9f8b6c5-x2x9k");
    protobuf_block_bytes(block, 9, text_of("0123456789abcdef"));
    protobuf_block_bytes(block, 10, text_of("01234567"));
    fixed64_put(block, 11, TIME_NS + at + 1000);
    protobuf_block_end(block, record);
}

static void english_log_put(struct protobuf_block *block, uint64_t at)
{
    log_put(block, at, english_bodies[at % 3]);
}

static void chinese_log_put(struct protobuf_block *block, uint64_t at)
{
    log_put(block, at, chinese_bodies[at % 3]);
}

static void span_put(struct protobuf_block *block, uint64_t at)
{
    struct protobuf_mark span;
    struct protobuf_mark inner;
    protobuf_block_begin(block, 2, &span);
    protobuf_block_bytes(block, 1, text_of("0123456789abcdef"));
    protobuf_block_bytes(block, 2, text_of("01234567"));
    protobuf_block_bytes(block, 4, text_of("76543210"));
    protobuf_block_bytes(block, 5, text_of("GET /api/v1/orders/{id}"));
    varint_put(block, 6, 2);
    fixed64_put(block, 7, TIME_NS + at);
    fixed64_put(block, 8, TIME_NS + at + 12700000);
    attribute_put(block, 9, "http.request.method", "GET");
    attribute_put(block, 9, "http.route", "/api/v1/orders/{id}");
    attribute_put(block, 9, "server.address", "orders.example.internal");
    attribute_put_int(block, 9, "server.port", 8443);
    attribute_put_int(block, 9, "http.response.status_code", 200);
    protobuf_block_begin(block, 11, &inner);
    fixed64_put(block, 1, TIME_NS + at + 5000);
    protobuf_block_bytes(block, 2, text_of("cache.miss"));
    protobuf_block_end(block, inner);
    protobuf_block_begin(block, 15, &inner);
    varint_put(block, 3, 1);
    protobuf_block_end(block, inner);
    protobuf_block_end(block, span);
}

/* A metric with one point, which is how most of them come. */
static void metric_put(struct protobuf_block *block, uint64_t at)
{
    struct protobuf_mark metric;
    struct protobuf_mark sum;
    struct protobuf_mark point;
    protobuf_block_begin(block, 2, &metric);
    protobuf_block_bytes(block, 1, text_of("http.server.request.count"));
    protobuf_block_bytes(block, 3, text_of("{request}"));
    protobuf_block_begin(block, 7, &sum);
    protobuf_block_begin(block, 1, &point);
    fixed64_put(block, 2, TIME_NS);
    fixed64_put(block, 3, TIME_NS + at);
    fixed64_put(block, 6, at);
    attribute_put(block, 7, "http.request.method", "GET");
    attribute_put(block, 7, "http.route", "/api/v1/orders/{id}");
    attribute_put_int(block, 7, "http.response.status_code", 200);
    protobuf_block_end(block, point);
    varint_put(block, 2, 2);
    varint_put(block, 3, 1);
    protobuf_block_end(block, sum);
    protobuf_block_end(block, metric);
}

/* A gauge with a point of five attributes. */
static void gauge_put(struct protobuf_block *block, uint64_t at)
{
    struct protobuf_mark metric;
    struct protobuf_mark gauge;
    struct protobuf_mark point;
    protobuf_block_begin(block, 2, &metric);
    protobuf_block_bytes(block, 1, text_of("system.memory.usage"));
    protobuf_block_bytes(block, 3, text_of("By"));
    protobuf_block_begin(block, 5, &gauge);
    protobuf_block_begin(block, 1, &point);
    fixed64_put(block, 3, TIME_NS + at);
    fixed64_put(block, 4, at);
    attribute_put(block, 7, "system.memory.state", "used");
    attribute_put(block, 7, "host.name", "node-17.example.com");
    attribute_put(block, 7, "k8s.pod.name", "orders-7d9f8b6c5-x2x9k");
    attribute_put(block, 7, "k8s.namespace.name", "shop");
    attribute_put_int(block, 7, "process.pid", 4711);
    protobuf_block_end(block, point);
    protobuf_block_end(block, gauge);
    protobuf_block_end(block, metric);
}

/* A log record of about 200 bytes. */
static void short_log_put(struct protobuf_block *block, uint64_t at)
{
    struct protobuf_mark record;
    struct protobuf_mark body;
    protobuf_block_begin(block, 2, &record);
    fixed64_put(block, 1, TIME_NS + at);
    varint_put(block, 2, 9);
    protobuf_block_bytes(block, 3, text_of("INFO"));
    protobuf_block_begin(block, 5, &body);
    protobuf_block_bytes(block, 1, text_of(english_bodies[at % 3]));
    protobuf_block_end(block, body);
    attribute_put(block, 6, "http.request.method", "GET");
    attribute_put_int(block, 6, "http.response.status_code", 200);
    protobuf_block_bytes(block, 9, text_of("0123456789abcdef"));
    protobuf_block_bytes(block, 10, text_of("01234567"));
    protobuf_block_end(block, record);
}

typedef void (*record_put)(struct protobuf_block *block, uint64_t at);

static struct slu_bytes request_make(struct protobuf_block *block, record_put put)
{
    struct protobuf_mark resource;
    struct protobuf_mark inner;
    protobuf_block_begin(block, 1, &resource);
    protobuf_block_begin(block, 1, &inner);
    attribute_put(block, 1, "service.name", "orders");
    attribute_put(block, 1, "service.instance.id", "orders-7d9f8b6c5-x2x9k");
    protobuf_block_end(block, inner);
    protobuf_block_begin(block, 2, &inner);
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        put(block, i);
    }
    protobuf_block_end(block, inner);
    protobuf_block_end(block, resource);
    require(block->err == 0, "no memory for the requests");
    return (struct slu_bytes){block->block.data, block->block.len};
}

static double check_round(void *context)
{
    const struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    uint64_t record_count = 0;
    for (uint64_t round = 0; round < load->round_count; round++) {
        struct otlp_counts counts = {0};
        require(otlp_check(load->signal, load->message, &counts, NULL) == 0, "a check refused");
        record_count += counts.records;
    }
    return (double)record_count * 1e3 / (double)(bench_cpu_ns() - start_ns);
}

static uint64_t walk(const struct otlp_message *message, struct slu_bytes bytes)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t record_count = message->is_record;
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &field)) {
        const struct otlp_field *known = otlp_field_find(message, field.number);
        if (known != NULL && known->message != NULL) {
            record_count += walk(known->message, field.bytes);
        }
    }
    return record_count;
}

static double walk_round(void *context)
{
    const struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    uint64_t record_count = 0;
    for (uint64_t round = 0; round < load->round_count; round++) {
        record_count += walk(otlp_request(load->signal), load->message);
    }
    return (double)record_count * 1e3 / (double)(bench_cpu_ns() - start_ns);
}

static int row_pass(void *arg, const struct otlp_row *row)
{
    *(uint64_t *)arg += row->rest.len;
    return 0;
}

static int row_write(void *arg, const struct otlp_row *row)
{
    struct load *load = arg;
    load->out.len = 0;
    return otlp_row_write(load->budget, load->signal, row, &load->out);
}

static int sample_pass(void *arg, const struct otlp_sample *sample)
{
    *(uint64_t *)arg += sample->label_count;
    return 0;
}

static double record_ns(const struct load *load, uint64_t start_ns)
{
    return (double)(bench_cpu_ns() - start_ns) / (double)(load->round_count * RECORD_COUNT);
}

static double read_round(void *context)
{
    struct load *load = context;
    uint64_t sum = 0;
    const struct otlp_sample_visit visit = {.sample = sample_pass, .arg = &sum};
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t round = 0; round < load->round_count; round++) {
        int err = load->signal == OTLP_METRICS
                      ? otlp_samples_read(load->samples, load->message, &visit)
                      : otlp_rows_read(load->rows, load->signal, load->message, 1, row_pass, &sum);
        require(err == 0, "a reader refused");
    }
    bench_keep(sum);
    return record_ns(load, start_ns);
}

static double write_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t round = 0; round < load->round_count; round++) {
        int err = otlp_rows_read(load->rows, load->signal, load->message, 1, row_write, load);
        require(err == 0, "a row was not written");
    }
    return record_ns(load, start_ns);
}

static double walk_ns_round(void *context)
{
    const struct load *load = context;
    uint64_t record_count = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t round = 0; round < load->round_count; round++) {
        record_count += walk(otlp_request(load->signal), load->message);
    }
    bench_keep(record_count);
    return record_ns(load, start_ns);
}

static void readers_measure(struct bench *bench, struct slu_budget *budget)
{
    static const struct {
        enum otlp_signal signal;
        record_put put;
        double (*round)(void *context);
        const char *name;
        double goal;
    } lines[] = {
        {OTLP_LOGS, short_log_put, read_round, "a log record of 210 bytes read as a row", 150},
        {OTLP_LOGS, short_log_put, write_round, "a log record read as a row and written again", 0},
        {OTLP_TRACES, span_put, read_round, "a span of 280 bytes read as a row", 0},
        {OTLP_METRICS, gauge_put, read_round, "a gauge's point of five attributes as a sample",
         150},
        {OTLP_METRICS, metric_put, read_round, "a counter's point of three attributes as a sample",
         0},
    };
    struct load load = {.budget = budget,
                        .round_count = bench_scaled(bench, RECORDS_ROUND / RECORD_COUNT)};
    require(otlp_row_reader_create(budget, &load.rows) == 0 &&
                otlp_sample_reader_create(budget, &load.samples) == 0,
            "no readers");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct protobuf_block block;
        double median = 0;
        double peer_median = 0;
        protobuf_block_init(&block, budget);
        load.signal = lines[i].signal;
        load.message = request_make(&block, lines[i].put);
        bench_measure(bench, lines[i].round, walk_ns_round, &load, &median, &peer_median);
        bench_report(bench, (struct bench_line){.name = lines[i].name,
                                                .value = median,
                                                .unit = "ns",
                                                .goal_kind = lines[i].goal > 0 ? BENCH_AT_MOST
                                                                               : BENCH_NO_GOAL,
                                                .goal = lines[i].goal,
                                                .peer = "a walk that looks at nothing",
                                                .peer_value = peer_median});
        protobuf_block_deinit(&block);
    }
    block_free(budget, &load.out);
    otlp_sample_reader_destroy(&load.samples);
    otlp_row_reader_destroy(&load.rows);
}

static void measure(struct bench *bench, struct load *load, const char *name,
                    const char *name_bytes, double goal)
{
    static const char peer[] = "a walk that looks at nothing";
    double median = 0;
    double peer_median = 0;
    double record_bytes = (double)load->message.len / RECORD_COUNT;
    bench_measure(bench, check_round, walk_round, load, &median, &peer_median);
    bench_report(bench, (struct bench_line){.name = name,
                                            .value = median,
                                            .unit = "M/s",
                                            .goal_kind = goal > 0 ? BENCH_AT_LEAST : BENCH_NO_GOAL,
                                            .goal = goal,
                                            .peer = peer,
                                            .peer_value = peer_median});
    bench_report(bench, (struct bench_line){.name = name_bytes,
                                            .value = median * record_bytes / 1e3,
                                            .unit = "GB/s",
                                            .peer = peer,
                                            .peer_value = peer_median * record_bytes / 1e3});
}

static void body(struct bench *bench)
{
    static const struct {
        enum otlp_signal signal;
        record_put put;
        const char *name;
        const char *name_bytes;
        double goal;
    } lines[] = {
        {OTLP_LOGS, english_log_put, "log records of 340 bytes checked", "log records: bytes", 4},
        {OTLP_LOGS, chinese_log_put, "log records with Chinese bodies checked",
         "log records with Chinese bodies: bytes", 4},
        {OTLP_TRACES, span_put, "spans of 280 bytes checked", "spans: bytes", 0},
        {OTLP_METRICS, metric_put, "metrics of 180 bytes with a point checked", "metrics: bytes",
         0},
    };
    struct slu_budget *budget = NULL;
    require(slu_budget_create(NULL, "wire_bench", UINT64_C(1) << 24, &budget) == 0, "no budget");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct protobuf_block block;
        protobuf_block_init(&block, budget);
        struct load load = {.signal = lines[i].signal,
                            .message = request_make(&block, lines[i].put),
                            .round_count = bench_scaled(bench, RECORDS_ROUND / RECORD_COUNT)};
        measure(bench, &load, lines[i].name, lines[i].name_bytes, lines[i].goal);
        protobuf_block_deinit(&block);
    }
    readers_measure(bench, budget);
    slu_budget_destroy(&budget);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "OTLP's bytes", body);
}

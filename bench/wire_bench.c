/*
 * OTLP's bytes checked, beside a walk over the same bytes that reads each field with the Protocol
 * Buffers reader, descends by the same schema and looks at nothing: no UTF-8, no lengths of ids, no
 * types. Requests are as SDKs send them: a resource and a scope with a few attributes, 512 records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "codec/protobuf_block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_check.h"
#include "wire/otlp_schema.h"

#include "bench.h"

#define RECORD_COUNT  512
#define RECORDS_ROUND 400000
#define TIME_NS       UINT64_C(1700000000000000000)

struct load {
    enum otlp_signal signal;
    struct slu_bytes message;
    uint64_t round_count;
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
    slu_budget_destroy(&budget);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "OTLP's bytes", body);
}

/*
 * The JSON writer's work beside the C library's: numbers as the shortest decimals (the peer tries
 * 15, 16 and 17 digits until one reads back) and lines of samples (the peer prints them with 17
 * digits and escapes nothing).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/sink.h"
#include "codec/json_writer.h"

#include "bench.h"

#define VALUE_COUNT 4096

struct load {
    double values[VALUE_COUNT]; /* full mantissas, as means and rates have */
    uint64_t round_count;
    uint64_t byte_count;
};

static void load_init(struct load *load, uint64_t round_count)
{
    uint64_t random = 42;
    *load = (struct load){.round_count = round_count};
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        load->values[i] = (double)(random >> 11) * 0x1p-40;
    }
}

static double per_value(const struct load *load, uint64_t start_ns)
{
    return (double)(bench_cpu_ns() - start_ns) / (double)(load->round_count * VALUE_COUNT);
}

static double decimal_round(void *context)
{
    const struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t round = 0; round < load->round_count; round++) {
        for (size_t i = 0; i < VALUE_COUNT; i++) {
            char places[20];
            struct decimal decimal = decimal_from_double(load->values[i]);
            bench_keep(decimal_write(decimal.digits, places));
        }
    }
    return per_value(load, start_ns);
}

static double decimal_peer_round(void *context)
{
    const struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t round = 0; round < load->round_count; round++) {
        for (size_t i = 0; i < VALUE_COUNT; i++) {
            char text[32];
            int place_count = 15;
            do {
                snprintf(text, sizeof(text), "%.*g", place_count, load->values[i]);
            } while (place_count++ < 17 && strtod(text, NULL) != load->values[i]);
            bench_keep((uint64_t)text[0]);
        }
    }
    return per_value(load, start_ns);
}

static int take(void *context, const char *bytes, size_t len)
{
    struct load *load = context;
    bench_keep((uint64_t)bytes[0]);
    load->byte_count += len;
    return 0;
}

static double lines_round(void *context)
{
    struct load *load = context;
    char stage[4096];
    struct sink sink;
    uint64_t start_ns = bench_cpu_ns();
    sink_init(&sink, take, load, stage, sizeof(stage));
    for (uint64_t round = 0; round < load->round_count; round++) {
        for (size_t i = 0; i < VALUE_COUNT; i++) {
            struct json_writer json;
            json_writer_init(&json, &sink, JSON_COMPACT);
            json_begin_object(&json);
            json_write_key(&json, "name");
            json_write_string(&json, "http_request_duration_seconds");
            json_write_key(&json, "time_ns");
            json_write_uint(&json, UINT64_C(1700000000000000000) + i);
            json_write_key(&json, "value");
            json_write_double(&json, load->values[i]);
            json_end_object(&json);
            json_writer_end(&json);
        }
    }
    sink_flush(&sink);
    return per_value(load, start_ns);
}

static double lines_peer_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t round = 0; round < load->round_count; round++) {
        for (size_t i = 0; i < VALUE_COUNT; i++) {
            char line[256];
            int len = snprintf(line, sizeof(line),
                               "{\"name\":\"%s\",\"time_ns\":%" PRIu64 ",\"value\":%.17g}\n",
                               "http_request_duration_seconds", UINT64_C(1700000000000000000) + i,
                               load->values[i]);
            (void)take(load, line, (size_t)len); /* it refuses nothing */
        }
    }
    return per_value(load, start_ns);
}

static void body(struct bench *bench)
{
    static struct load load;
    double median = 0;
    double peer_median = 0;
    load_init(&load, bench_scaled(bench, 100));
    bench_measure(bench, decimal_round, decimal_peer_round, &load, &median, &peer_median);
    bench_report(bench, (struct bench_line){.name = "double to its shortest decimal",
                                            .value = median,
                                            .unit = "ns",
                                            .peer = "libc, 15 to 17 digits",
                                            .peer_value = peer_median});
    bench_measure(bench, lines_round, lines_peer_round, &load, &median, &peer_median);
    bench_report(bench, (struct bench_line){.name = "a sample as a line of JSON",
                                            .value = median,
                                            .unit = "ns",
                                            .peer = "libc, snprintf",
                                            .peer_value = peer_median});
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "JSON written", body);
}

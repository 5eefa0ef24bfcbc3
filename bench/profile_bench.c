/*
 * The heap profiler's own work: choosing samples (beside the C library's logarithm), recording and
 * forgetting them, and writing profiles (gzip beside zlib at its fastest).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/sink.h"
#include "profile/gzip_writer.h"
#include "profile/profile.h"

#include "bench.h"

#define FRAME_COUNT  25
#define STACK_COUNT  5000
#define LIVE_COUNT   4096
#define PROFILE_MAX  (8 << 20)
#define MAPPING_SIZE UINT64_C(0x200000)

struct load {
    uint64_t round_count;
    struct profile *profile;
    void *scratch;
    struct gzip_writer *gzip;
    char *encoded;
    size_t encoded_len;
    char *compressed;
    size_t compressed_len;
    uint64_t (*stacks)[FRAME_COUNT];
};

static double per_round(uint64_t start_ns, uint64_t count)
{
    return (double)(bench_cpu_ns() - start_ns) / (double)count;
}

static double next_round(void *context)
{
    const struct load *load = context;
    uint64_t random = 1;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->round_count; i++) {
        bench_keep(sampling_next(&random, SAMPLING_RATE_DEFAULT));
    }
    return per_round(start_ns, load->round_count);
}

static double next_peer_round(void *context)
{
    const struct load *load = context;
    uint64_t random = 1;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->round_count; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        double uniform = (double)((random >> 11) | 1) * 0x1p-53;
        bench_keep((uint64_t)(-log(uniform) * (double)SAMPLING_RATE_DEFAULT));
    }
    return per_round(start_ns, load->round_count);
}

static double weight_round(void *context)
{
    const struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->round_count; i++) {
        bench_keep(sampling_weight(16 + (i * 5003) % (4 << 20), SAMPLING_RATE_DEFAULT));
    }
    return per_round(start_ns, load->round_count);
}

static double weight_peer_round(void *context)
{
    const struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->round_count; i++) {
        double size = (double)(16 + (i * 5003) % (4 << 20));
        bench_keep((uint64_t)(65536 / -expm1(-size / (double)SAMPLING_RATE_DEFAULT)));
    }
    return per_round(start_ns, load->round_count);
}

static uint64_t record_one(struct load *load, uint64_t i, uint32_t *index)
{
    struct profile_allocation allocation = {
        .address = 16 * i + 4096,
        .size_bytes = 16 + i % 65536,
        .rate_bytes = SAMPLING_RATE_DEFAULT,
        .thread_id = 1,
        .frame_count = FRAME_COUNT,
        .return_pcs = load->stacks[i * 7919 % STACK_COUNT],
    };
    if (profile_record(load->profile, &allocation, i, index) != 0) {
        abort();
    }
    return allocation.address;
}

/* Records LIVE_COUNT and forgets them, as often as it takes; times one half or the other. */
static double live_round(struct load *load, bool times_record)
{
    static uint32_t indices[LIVE_COUNT];
    static uint64_t addresses[LIVE_COUNT];
    uint64_t times = load->round_count / LIVE_COUNT / 8 + 1;
    uint64_t record_ns = 0;
    uint64_t forget_ns = 0;
    for (uint64_t round = 0; round < times; round++) {
        uint64_t start_ns = bench_cpu_ns();
        for (uint64_t i = 0; i < LIVE_COUNT; i++) {
            addresses[i] = record_one(load, round * LIVE_COUNT + i, &indices[i]);
        }
        uint64_t middle_ns = bench_cpu_ns();
        for (uint64_t i = 0; i < LIVE_COUNT; i++) {
            if (profile_forget(load->profile, indices[i], addresses[i]) != 0) {
                abort();
            }
        }
        record_ns += middle_ns - start_ns;
        forget_ns += bench_cpu_ns() - middle_ns;
    }
    return (double)(times_record ? record_ns : forget_ns) / (double)(times * LIVE_COUNT);
}

static double record_round(void *context)
{
    return live_round(context, true);
}

static double forget_round(void *context)
{
    return live_round(context, false);
}

static int keep(void *context, const char *bytes, size_t len)
{
    struct load *load = context;
    if (len > PROFILE_MAX - load->encoded_len) {
        abort();
    }
    memcpy(load->encoded + load->encoded_len, bytes, len);
    load->encoded_len += len;
    return 0;
}

/* Megabytes of raw profile a second. */
static double megabytes_a_second(size_t bytes, uint64_t start_ns)
{
    return (double)bytes * 1e3 / (double)(bench_cpu_ns() - start_ns + 1);
}

static double encode_round(void *context)
{
    struct load *load = context;
    char stage[4096];
    struct sink sink;
    struct profile_write_options options = {.format = PROFILE_PPROF};
    load->encoded_len = 0;
    uint64_t start_ns = bench_cpu_ns();
    sink_init(&sink, keep, load, stage, sizeof(stage));
    if (profile_write(load->profile, &options, load->scratch, &sink) != 0) {
        abort();
    }
    return megabytes_a_second(load->encoded_len, start_ns);
}

static int keep_compressed(void *context, const char *bytes, size_t len)
{
    struct load *load = context;
    memcpy(load->compressed + load->compressed_len, bytes, len);
    load->compressed_len += len;
    return 0;
}

static double gzip_round(void *context)
{
    struct load *load = context;
    char stage[4096];
    struct sink sink;
    load->compressed_len = 0;
    uint64_t start_ns = bench_cpu_ns();
    sink_init(&sink, keep_compressed, load, stage, sizeof(stage));
    gzip_writer_init(load->gzip, &sink);
    (void)gzip_write(load->gzip, load->encoded, load->encoded_len); /* the sink takes all */
    gzip_writer_end(load->gzip);
    sink_flush(&sink);
    return megabytes_a_second(load->encoded_len, start_ns);
}

static size_t zlib_compress(struct load *load)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        abort();
    }
    stream.next_in = (unsigned char *)load->encoded;
    stream.avail_in = (unsigned)load->encoded_len;
    stream.next_out = (unsigned char *)load->compressed;
    stream.avail_out = PROFILE_MAX;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        abort();
    }
    size_t len = stream.total_out;
    deflateEnd(&stream);
    return len;
}

static double zlib_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    bench_keep(zlib_compress(load));
    return megabytes_a_second(load->encoded_len, start_ns);
}

static void *zeroed(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (block == NULL) {
        abort();
    }
    memset(block, 0, bytes);
    return block;
}

static uint64_t random_below(uint64_t *random, uint64_t bound)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (*random >> 33) % bound;
}

/* Stacks as programs have them: each leaves an earlier one a few frames above its end. */
static void grow_stacks(struct load *load)
{
    uint64_t random = 42;
    for (size_t i = 0; i < STACK_COUNT; i++) {
        size_t new_count = i == 0 ? FRAME_COUNT : random_below(&random, 8) + 1;
        if (i > 0) {
            size_t earlier = random_below(&random, i);
            memcpy(load->stacks[i], load->stacks[earlier], sizeof(load->stacks[i]));
        }
        for (size_t k = 0; k < new_count; k++) {
            load->stacks[i][k] = UINT64_C(0x7f0000000000) +
                                 random_below(&random, 7) * MAPPING_SIZE +
                                 random_below(&random, 800) * 211 + 1;
        }
    }
}

static void load_init(struct load *load, uint64_t round_count)
{
    struct profile_options options;
    size_t bytes = 0;
    profile_options_default(&options);
    if (profile_bytes(&options, NULL, &bytes) != 0) {
        abort();
    }
    *load = (struct load){.round_count = round_count};
    load->profile = profile_init(zeroed(bytes), &options, 0);
    load->scratch = zeroed(profile_write_bytes(load->profile));
    load->gzip = zeroed(sizeof(*load->gzip));
    load->encoded = zeroed(PROFILE_MAX);
    load->compressed = zeroed(PROFILE_MAX);
    load->stacks = zeroed(STACK_COUNT * sizeof(*load->stacks));
    grow_stacks(load);
}

struct measurement {
    const char *name;
    const char *unit;
    double (*round)(void *context);
    const char *peer;
    double (*peer_round)(void *context);
};

static void measure(struct bench *bench, struct load *load, struct measurement measurement)
{
    double median = 0;
    double peer_median = 0;
    bench_measure(bench, measurement.round, measurement.peer_round, load, &median, &peer_median);
    bench_report(bench, (struct bench_line){.name = measurement.name,
                                            .value = median,
                                            .unit = measurement.unit,
                                            .peer = measurement.peer,
                                            .peer_value = peer_median});
}

/* Of the block: what has been touched. */
static void report_memory(struct bench *bench, const struct load *load, const char *name,
                          double goal)
{
    struct profile_stats stats;
    profile_stats(load->profile, &stats);
    bench_report(bench, (struct bench_line){.name = name,
                                            .value = (double)stats.used_bytes / (1 << 20),
                                            .unit = "MiB",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = goal});
}

static void body(struct bench *bench)
{
    static struct load load;
    load_init(&load, bench_scaled(bench, 1000000));
    report_memory(bench, &load, "profile: memory of an empty profile", 2);
    measure(bench, &load,
            (struct measurement){"profile: distance to the next sample", "ns", next_round,
                                 "libm's log", next_peer_round});
    measure(bench, &load,
            (struct measurement){"profile: weight of a sample", "ns", weight_round, "libm's expm1",
                                 weight_peer_round});
    measure(bench, &load,
            (struct measurement){"profile: record a sample, 25 frames", "ns", record_round, NULL,
                                 NULL});
    measure(bench, &load,
            (struct measurement){"profile: forget a sample", "ns", forget_round, NULL, NULL});
    measure(bench, &load,
            (struct measurement){"profile: encode a profile of 5,000 stacks", "MB/s", encode_round,
                                 NULL, NULL});
    measure(
        bench, &load,
        (struct measurement){"profile: gzip it", "MB/s", gzip_round, "zlib, level 1", zlib_round});
    (void)gzip_round(&load);
    double ratio = (double)load.encoded_len / (double)load.compressed_len;
    bench_report(bench, (struct bench_line){.name = "profile: gzip: how many times smaller",
                                            .value = ratio,
                                            .unit = "x",
                                            .peer = "zlib, level 1",
                                            .peer_value = (double)load.encoded_len /
                                                          (double)zlib_compress(&load)});
    for (uint64_t i = 0; i < 100000; i++) {
        uint32_t index = 0;
        (void)record_one(&load, i, &index);
    }
    report_memory(bench, &load, "profile: memory of 100,000 live samples", 16);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "heap profile", body);
}

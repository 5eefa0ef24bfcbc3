/*
 * Samples of counters, gauges and constants in blocks, each kind beside zstd alone on the same
 * streams of bytes: bytes, and time to write and to read, for a sample; and the coder by shares
 * beside zstd on one column whose order tells nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "bench.h"
#include "codec/rans.h"
#include "store/sample_block.h"
#include "store/sample_block_format.h"
#include "store/varint.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define SAMPLES      ((uint64_t)4000000)
#define SAMPLES_EACH 2000 /* of a series, in a chunk */
#define STEP_MS      15000
#define LEVEL        3 /* of zstd: of what is merged */
#define BLOCKS_MAX   32
#define COLUMN_BYTES ((size_t)1 << 18)
#define STORED_AT    9 /* behind a block's version and its map of streams */

/* One stream of a block: its bytes, and what zstd alone makes of them. */
struct stream {
    struct slu_bytes plain;
    struct slu_bytes frame;
};

struct load {
    struct slu_budget *budget;
    struct sample *samples; /* of one series behind the other */
    size_t series_count;
    struct slu_bytes blocks[BLOCKS_MAX];
    struct block decoded[BLOCKS_MAX];
    struct stream streams[BLOCKS_MAX * SAMPLE_STREAM_COUNT];
    size_t block_count;
    size_t stream_count;
    size_t stored_bytes;
    size_t frame_bytes;
    bool is_kept; /* blocks of this round are what is read */
};

static void must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "sample_block_bench: %s: error %d\n", what, err);
        exit(3);
    }
}

static void *take(size_t bytes)
{
    void *memory = malloc(bytes);
    must(memory == NULL, "malloc");
    return memory;
}

static void give(struct slu_bytes *bytes)
{
    union {
        const void *read;
        void *owned;
    } memory = {.read = bytes->data};
    free(memory.owned);
    *bytes = (struct slu_bytes){NULL, 0};
}

static uint64_t random_below(uint64_t *state, uint64_t bound)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % bound;
}

enum kind {
    COUNTERS,
    GAUGES,
    CONSTANTS,
    EVERY_KIND, /* two counters, a gauge and a constant in four, as in store_bench */
};

static enum kind kind_of(enum kind kind, size_t series)
{
    static const enum kind mixed[] = {COUNTERS, COUNTERS, GAUGES, CONSTANTS};
    return kind == EVERY_KIND ? mixed[series % 4] : kind;
}

static void samples_make(struct load *load, enum kind kind)
{
    uint64_t random = 1;
    for (size_t i = 0; i < load->series_count; i++) {
        enum kind own = kind_of(kind, i);
        uint64_t number = 1000 + random_below(&random, 100000);
        for (size_t k = 0; k < SAMPLES_EACH; k++) {
            number += own == COUNTERS ? 1000 + random_below(&random, 51) : 0;
            number += own == GAUGES ? random_below(&random, 11) - 5 : 0;
            load->samples[i * SAMPLES_EACH + k] = (struct sample){
                .time_ms = INT64_C(1753920000000) + (int64_t)k * STEP_MS,
                .value = own == GAUGES ? (double)(int64_t)number / 10 : (double)(int64_t)number};
        }
    }
}

static void block_put(struct load *load, struct sample_block_writer *writer)
{
    struct slu_bytes bytes;
    must(sample_block_end(writer, &bytes), "sample_block_end");
    load->stored_bytes += bytes.len;
    if (load->is_kept) {
        must(load->block_count == BLOCKS_MAX, "too many blocks");
        void *copy = take(bytes.len);
        memcpy(copy, bytes.data, bytes.len);
        load->blocks[load->block_count++] = (struct slu_bytes){copy, bytes.len};
    }
}

static double sample_count(const struct load *load)
{
    return (double)(load->series_count * SAMPLES_EACH);
}

/* Nanoseconds a sample, in all. */
static double write_round(void *context)
{
    struct load *load = context;
    struct sample_block_writer *writer = NULL;
    uint32_t chunk = 0;
    must(sample_block_writer_create(load->budget, LEVEL, &writer), "sample_block_writer_create");
    load->stored_bytes = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < load->series_count; i++) {
        const struct sample *samples = load->samples + i * SAMPLES_EACH;
        int err = sample_block_add(writer, samples, SAMPLES_EACH, &chunk);
        if (err == -ENOBUFS) {
            block_put(load, writer);
            err = sample_block_add(writer, samples, SAMPLES_EACH, &chunk);
        }
        must(err, "sample_block_add");
    }
    block_put(load, writer);
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    sample_block_writer_destroy(&writer);
    return took_ns / sample_count(load);
}

/* What zstd alone takes to pack the same streams. */
static double pack_round(void *context)
{
    struct load *load = context;
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(SAMPLE_BLOCK_PLAIN_MAX);
    void *frame = take(bound);
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < load->stream_count; i++) {
        struct slu_bytes plain = load->streams[i].plain;
        bench_keep(ZSTD_compressCCtx(zstd, frame, bound, plain.data, plain.len, LEVEL));
    }
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    ZSTD_freeCCtx(zstd);
    free(frame);
    return took_ns / sample_count(load);
}

static double read_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < load->block_count; i++) {
        struct block memory = {0};
        struct sample_block block;
        must(sample_block_decode(load->blocks[i], load->budget, &memory, &block), "decode");
        block_free(load->budget, &memory);
    }
    return (double)(bench_cpu_ns() - start_ns) / sample_count(load);
}

static double unpack_round(void *context)
{
    struct load *load = context;
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    void *plain = take(SAMPLE_BLOCK_PLAIN_MAX);
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < load->stream_count; i++) {
        struct slu_bytes frame = load->streams[i].frame;
        bench_keep(ZSTD_decompressDCtx(zstd, plain, SAMPLE_BLOCK_PLAIN_MAX, frame.data, frame.len));
    }
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    ZSTD_freeDCtx(zstd);
    free(plain);
    return took_ns / sample_count(load);
}

/* By zstd where that makes it smaller. */
static void stream_note(struct load *load, struct slu_bytes plain)
{
    size_t bound = ZSTD_compressBound(plain.len);
    void *frame = take(bound);
    size_t len = ZSTD_compress(frame, bound, plain.data, plain.len, LEVEL);
    load->streams[load->stream_count++] = (struct stream){plain, {frame, len}};
    load->frame_bytes += len < plain.len ? len : plain.len;
}

/* A block's streams lie in the decoded memory in order, behind one byte. */
static void streams_find(struct load *load, struct slu_bytes bytes, struct block *memory)
{
    struct sample_block block;
    struct slu_bytes rest = {(const char *)bytes.data + STORED_AT, bytes.len - STORED_AT};
    uint64_t present = 0;
    uint64_t chunk_count = 0;
    size_t at = 1;
    memcpy(&present, (const char *)bytes.data + 1, sizeof(present));
    must(sample_block_decode(bytes, load->budget, memory, &block), "decode");
    must(!varint_next(&rest, &chunk_count), "count of chunks");
    for (size_t i = 0; i < SAMPLE_STREAM_COUNT; i++) {
        uint64_t plain = 0;
        uint64_t stored = 0;
        if ((present >> i & 1) == 0) {
            continue;
        }
        rest = (struct slu_bytes){(const char *)rest.data + 1, rest.len - 1};
        must(!varint_next(&rest, &plain) || !varint_next(&rest, &stored), "head of a stream");
        stream_note(load, (struct slu_bytes){(const char *)block.plain.data + at, (size_t)plain});
        at += (size_t)plain;
    }
}

static void blocks_make(struct load *load)
{
    load->is_kept = true;
    (void)write_round(load);
    load->is_kept = false;
    for (size_t i = 0; i < load->block_count; i++) {
        streams_find(load, load->blocks[i], &load->decoded[i]);
    }
}

static void blocks_free(struct load *load)
{
    for (size_t i = 0; i < load->block_count; i++) {
        give(&load->blocks[i]);
        block_free(load->budget, &load->decoded[i]);
    }
    for (size_t i = 0; i < load->stream_count; i++) {
        give(&load->streams[i].frame);
    }
    load->block_count = 0;
    load->stream_count = 0;
    load->frame_bytes = 0;
}

/* What is told of a kind. */
struct kind_lines {
    enum kind kind;
    double bytes_goal;
    const char *bytes_name;
    const char *write_name;
    const char *read_name;
};

static void measure_kind(struct bench *bench, struct load *load, const struct kind_lines *lines)
{
    static const char peer[] = "zstd, the same streams";
    double ours = 0;
    double theirs = 0;
    double samples = sample_count(load);
    samples_make(load, lines->kind);
    blocks_make(load);
    bench_report(bench, (struct bench_line){.name = lines->bytes_name,
                                            .value = (double)load->stored_bytes / samples,
                                            .unit = "bytes",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = lines->bytes_goal,
                                            .peer = peer,
                                            .peer_value = (double)load->frame_bytes / samples});
    bench_measure(bench, write_round, pack_round, load, &ours, &theirs);
    bench_report(bench, (struct bench_line){.name = lines->write_name,
                                            .value = ours,
                                            .unit = "ns",
                                            .peer = peer,
                                            .peer_value = theirs});
    bench_measure(bench, read_round, unpack_round, load, &ours, &theirs);
    bench_report(bench, (struct bench_line){.name = lines->read_name,
                                            .value = ours,
                                            .unit = "ns",
                                            .peer = peer,
                                            .peer_value = theirs});
    blocks_free(load);
}

/* A column of bytes whose order tells nothing: a counter's steps. */
struct column {
    unsigned char plain[COLUMN_BYTES];
    unsigned char back[COLUMN_BYTES];
    unsigned char packed[2 * COLUMN_BYTES];
    unsigned char frame[2 * COLUMN_BYTES];
    size_t packed_len;
    size_t frame_len;
};

static double coder_pack_round(void *context)
{
    struct column *column = context;
    uint64_t start_ns = bench_cpu_ns();
    must(rans_pack((struct slu_bytes){column->plain, COLUMN_BYTES}, column->packed,
                   sizeof(column->packed), &column->packed_len),
         "rans_pack");
    return (double)(bench_cpu_ns() - start_ns) / (double)COLUMN_BYTES;
}

static double zstd_pack_round(void *context)
{
    struct column *column = context;
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    uint64_t start_ns = bench_cpu_ns();
    column->frame_len = ZSTD_compressCCtx(zstd, column->frame, sizeof(column->frame), column->plain,
                                          COLUMN_BYTES, LEVEL);
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    ZSTD_freeCCtx(zstd);
    return took_ns / (double)COLUMN_BYTES;
}

static double coder_unpack_round(void *context)
{
    struct column *column = context;
    uint64_t start_ns = bench_cpu_ns();
    must(rans_unpack((struct slu_bytes){column->packed, column->packed_len}, column->back,
                     COLUMN_BYTES),
         "rans_unpack");
    return (double)(bench_cpu_ns() - start_ns) / (double)COLUMN_BYTES;
}

static double zstd_unpack_round(void *context)
{
    struct column *column = context;
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    uint64_t start_ns = bench_cpu_ns();
    bench_keep(
        ZSTD_decompressDCtx(zstd, column->back, COLUMN_BYTES, column->frame, column->frame_len));
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    ZSTD_freeDCtx(zstd);
    return took_ns / (double)COLUMN_BYTES;
}

static void measure_coder(struct bench *bench)
{
    static const char peer[] = "zstd";
    static struct column column;
    double ours = 0;
    double theirs = 0;
    uint64_t random = 2;
    for (size_t i = 0; i < COLUMN_BYTES; i++) {
        column.plain[i] = (unsigned char)random_below(&random, 51);
    }
    bench_measure(bench, coder_pack_round, zstd_pack_round, &column, &ours, &theirs);
    bench_report(bench, (struct bench_line){.name = "a byte packed by shares",
                                            .value = ours,
                                            .unit = "ns",
                                            .peer = peer,
                                            .peer_value = theirs});
    bench_measure(bench, coder_unpack_round, zstd_unpack_round, &column, &ours, &theirs);
    bench_report(bench, (struct bench_line){.name = "a byte unpacked by shares",
                                            .value = ours,
                                            .unit = "ns",
                                            .peer = peer,
                                            .peer_value = theirs});
    bench_report(bench, (struct bench_line){
                            .name = "a byte of 51 values, by shares",
                            .value = 8 * (double)column.packed_len / (double)COLUMN_BYTES,
                            .unit = "bits",
                            .goal_kind = BENCH_AT_MOST,
                            .goal = 5.69, /* log2 51 is 5.672 */
                            .peer = peer,
                            .peer_value = 8 * (double)column.frame_len / (double)COLUMN_BYTES});
}

static void body(struct bench *bench)
{
    static const struct kind_lines lines[] = {
        {COUNTERS, 0.715, "a counter's sample", "a counter's, written", "a counter's, read"},
        {GAUGES, 0.44, "a gauge's sample", "a gauge's, written", "a gauge's, read"},
        {CONSTANTS, 0.002, "a constant's sample", "a constant's, written", "a constant's, read"},
        {EVERY_KIND, 0.47, "a sample of all kinds", "of all kinds, written", "of all kinds, read"},
    };
    static struct load load;
    must(slu_budget_create(NULL, "bench", BUDGET_BYTES, &load.budget), "slu_budget_create");
    load.series_count = bench_scaled(bench, SAMPLES) / SAMPLES_EACH;
    load.samples = take(load.series_count * SAMPLES_EACH * sizeof(load.samples[0]));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        measure_kind(bench, &load, &lines[i]);
    }
    measure_coder(bench);
    free(load.samples);
    slu_budget_destroy(&load.budget);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "sample_block", body);
}

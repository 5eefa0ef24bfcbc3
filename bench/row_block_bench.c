/*
 * Log lines of 20 services in blocks of columns, beside zstd alone on their texts: time and bytes
 * for a line, reading the texts back, and counting a word in them; and the words of a text, found
 * 64 bytes at a time, beside one byte after another.
 *
 * Arguments after `sweep` (block KiB, level, 1 if no two lines share a trace) print one
 * measurement: how the block's size and the level were chosen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <sluice/budget.h>

#include "bench.h"
#include "log_lines.h"
#include "store/row_block.h"
#include "store/token_filter.h"

#define STREAMS      20
#define LINES        ((uint64_t)1000000)
#define LINE_BYTES   110
#define BUDGET_BYTES ((uint64_t)256 << 20)
#define BLOCK_BYTES  ((size_t)2 << 20)
#define LEVEL        1
#define WORD         "connection"

struct line {
    int64_t time_ns;
    uint32_t text_at;
    uint16_t text_len;
    unsigned char logger;
    unsigned char severity;
};

struct load {
    struct slu_budget *budget;
    struct line *lines; /* of one stream behind the other */
    char *texts;
    size_t line_count; /* of each stream */
    size_t text_bytes; /* of all */
    size_t block_bytes;
    int level;
    /* Of the last round. */
    uint64_t stored_bytes;
    uint64_t filter_bytes;
    struct slu_bytes block; /* one, to be read */
    struct slu_bytes frame; /* its texts, by zstd alone */
    struct row_block opened;
    uint64_t found;
};

static void must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "row_block_bench: %s: error %d\n", what, err);
        exit(3);
    }
}

static void *take(size_t bytes)
{
    void *memory = malloc(bytes);
    must(memory == NULL, "malloc");
    return memory;
}

static void load_init(struct load *load, struct slu_budget *budget, size_t line_count,
                      unsigned is_each_traced_anew)
{
    size_t most = STREAMS * line_count * 160 + LOG_LINE_MAX;
    *load = (struct load){.budget = budget,
                          .lines = take(STREAMS * line_count * sizeof(struct line)),
                          .texts = take(most),
                          .line_count = line_count,
                          .block_bytes = BLOCK_BYTES,
                          .level = LEVEL};
    for (size_t i = 0; i < STREAMS; i++) {
        struct log_stream stream;
        struct log_line line;
        log_stream_init(&stream, i, is_each_traced_anew);
        for (size_t k = 0; k < line_count; k++) {
            log_line_next(&stream, &line);
            must(line.len > most - load->text_bytes, "too long");
            memcpy(load->texts + load->text_bytes, line.text, line.len);
            load->lines[i * line_count + k] =
                (struct line){line.time_ns, (uint32_t)load->text_bytes, (uint16_t)line.len,
                              (unsigned char)line.logger, (unsigned char)line.severity};
            load->text_bytes += line.len;
        }
    }
}

static void load_deinit(struct load *load)
{
    free(load->lines);
    free(load->texts);
}

static void line_add(const struct load *load, struct row_block_writer *writer,
                     const struct line *line)
{
    static const char *const loggers[] = {"net/http", "internal/storage/sql",
                                          "internal/queue/consumer"};
    const char *logger = loggers[line->logger];
    const unsigned char rest[] = {0x10, line->severity}; /* severity_number */
    const struct row row = {.time_ns = line->time_ns,
                            .text = {load->texts + line->text_at, line->text_len},
                            .scope = {logger, strlen(logger)},
                            .rest = {rest, sizeof(rest)}};
    must(row_block_add(writer, &row), "row_block_add");
}

static struct slu_bytes copy_of(struct slu_bytes bytes)
{
    void *copy = take(bytes.len);
    memcpy(copy, bytes.data, bytes.len);
    return (struct slu_bytes){copy, bytes.len};
}

static void block_end(struct load *load, struct row_block_writer *writer)
{
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    must(row_block_end(writer, &bytes, &filter, &facts), "row_block_end");
    load->stored_bytes += bytes.len + filter.len;
    load->filter_bytes += filter.len;
    if (load->block.data == NULL) {
        load->block = copy_of(bytes);
    }
}

/* Nanoseconds a line, in all: columns, words, zstd. */
static double write_round(void *context)
{
    struct load *load = context;
    struct row_block_writer *writer = NULL;
    must(row_block_writer_create(load->budget, load->level, &writer), "row_block_writer_create");
    load->stored_bytes = 0;
    load->filter_bytes = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < STREAMS * load->line_count; i++) {
        line_add(load, writer, &load->lines[i]);
        bool is_last = (i + 1) % load->line_count == 0;
        if (is_last || row_block_pending_bytes(writer) >= load->block_bytes) {
            block_end(load, writer);
        }
    }
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    row_block_writer_destroy(&writer);
    return took_ns / (double)(STREAMS * load->line_count);
}

/* zstd alone on the texts, cut where blocks are; returns nanoseconds a line. */
static double zstd_round(void *context)
{
    struct load *load = context;
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(load->block_bytes);
    void *frame = take(bound);
    load->stored_bytes = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (size_t at = 0; at < load->text_bytes;) {
        size_t left = load->text_bytes - at;
        size_t len = left < load->block_bytes ? left : load->block_bytes;
        load->stored_bytes +=
            ZSTD_compressCCtx(zstd, frame, bound, load->texts + at, len, load->level);
        at += len;
    }
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    ZSTD_freeCCtx(zstd);
    free(frame);
    return took_ns / (double)(STREAMS * load->line_count);
}

static double texts_len(const struct load *load)
{
    return (double)load->opened.ends[ROW_TEXT][load->opened.row_count - 1];
}

/* GB/s of text, opened and closed. */
static double open_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < 20; i++) {
        struct row_block block;
        must(row_block_open(load->block, load->budget, 1u << ROW_TEXT, &block), "row_block_open");
        row_block_close(&block);
    }
    return 20 * texts_len(load) / (double)(bench_cpu_ns() - start_ns);
}

/* The same by one reader for all. */
static double read_round(void *context)
{
    struct load *load = context;
    struct row_block_reader *reader = NULL;
    must(row_block_reader_create(load->budget, &reader), "row_block_reader_create");
    uint64_t start_ns = 0;
    for (int i = 0; i <= 20; i++) {
        struct row_block block;
        start_ns = i == 1 ? bench_cpu_ns() : start_ns;
        must(row_block_read(reader, load->block, 1u << ROW_TEXT, &block), "row_block_read");
    }
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    row_block_reader_destroy(&reader);
    return 20 * texts_len(load) / took_ns;
}

static double unpack_round(void *context)
{
    struct load *load = context;
    size_t len = (size_t)texts_len(load);
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    void *plain = take(len);
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < 20; i++) {
        bench_keep(ZSTD_decompressDCtx(zstd, plain, len, load->frame.data, load->frame.len));
    }
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    ZSTD_freeDCtx(zstd);
    free(plain);
    return 20 * (double)len / took_ns;
}

static double find_round(void *context)
{
    struct load *load = context;
    const struct row_block *block = &load->opened;
    const struct slu_bytes needle = {WORD, sizeof(WORD) - 1};
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < 20; i++) {
        load->found = 0;
        for (uint32_t row = 0;; row++) {
            row = row_block_find(block, needle, row);
            if (row == block->row_count) {
                break;
            }
            load->found++;
        }
    }
    return 20 * texts_len(load) / (double)(bench_cpu_ns() - start_ns);
}

static double find_peer_round(void *context)
{
    struct load *load = context;
    const struct row_block *block = &load->opened;
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < 20; i++) {
        uint64_t found = 0;
        for (uint32_t row = 0; row < block->row_count; row++) {
            struct slu_bytes text = row_block_row(block, row).text;
            found += memmem(text.data, text.len, WORD, sizeof(WORD) - 1) != NULL;
        }
        must(load->found != 0 && found != load->found, "finding");
    }
    return 20 * texts_len(load) / (double)(bench_cpu_ns() - start_ns);
}

/* MB/s of text whose words are taken into a set, a row at a time. */
static double words_round(void *context)
{
    struct load *load = context;
    const struct row_block *block = &load->opened;
    struct token_set *set = NULL;
    must(token_set_create(load->budget, &set), "token_set_create");
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < 5; i++) {
        for (uint32_t row = 0; row < block->row_count; row++) {
            token_set_add_words(set, row_block_row(block, row).text);
        }
        bench_keep(token_set_filter(set).len);
    }
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    token_set_destroy(&set);
    return 5 * texts_len(load) * 1e3 / took_ns;
}

/* The words and their hashes alone, without a set. */
static double words_peer_round(void *context)
{
    struct load *load = context;
    const struct row_block *block = &load->opened;
    uint64_t sum = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < 5; i++) {
        for (uint32_t row = 0; row < block->row_count; row++) {
            struct slu_bytes rest = row_block_row(block, row).text;
            struct slu_bytes token;
            while (token_next(&rest, &token)) {
                sum += token_hash(token);
            }
        }
    }
    bench_keep(sum);
    return 5 * texts_len(load) * 1e3 / (double)(bench_cpu_ns() - start_ns);
}

static void read_begin(struct load *load)
{
    must(row_block_open(load->block, load->budget, 1u << ROW_TEXT, &load->opened),
         "row_block_open");
    size_t len = (size_t)texts_len(load);
    size_t bound = ZSTD_compressBound(len);
    void *frame = take(bound);
    load->frame = (struct slu_bytes){
        frame, ZSTD_compress(frame, bound, load->opened.bytes[ROW_TEXT], len, load->level)};
}

static void read_end(struct load *load)
{
    union {
        const void *read;
        void *owned;
    } block = {.read = load->block.data}, frame = {.read = load->frame.data};
    row_block_close(&load->opened);
    free(block.owned);
    free(frame.owned);
}

static void measure_writing(struct bench *bench, struct load *load)
{
    static const char peer[] = "zstd, texts alone";
    double ours = 0;
    double theirs = 0;
    double scale = (double)LINES / (double)(STREAMS * load->line_count) / 1e6;
    bench_measure(bench, write_round, zstd_round, load, &ours, &theirs);
    double peer_bytes = (double)load->stored_bytes;
    (void)write_round(load);
    bench_report(bench, (struct bench_line){.name = "a log line of 110 bytes, in all",
                                            .value = ours / 1e3,
                                            .unit = "us",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 1.2,
                                            .peer = peer,
                                            .peer_value = theirs / 1e3});
    bench_report(bench, (struct bench_line){.name = "1 M lines of 20 streams, with filters",
                                            .value = (double)load->stored_bytes * scale,
                                            .unit = "MB",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 15,
                                            .peer = peer,
                                            .peer_value = peer_bytes * scale});
    bench_report(bench, (struct bench_line){.name = "of these, filters",
                                            .value = (double)load->filter_bytes * scale,
                                            .unit = "MB"});
}

static void measure_memory(struct bench *bench, const struct load *load)
{
    struct slu_budget_stats stats;
    slu_budget_stats(load->budget, &stats);
    bench_report(bench, (struct bench_line){.name = "memory of a writer, at most",
                                            .value = (double)stats.high_water_bytes / 1e6,
                                            .unit = "MB"});
}

static void measure_reading(struct bench *bench, struct load *load)
{
    static const struct {
        const char *name;
        const char *unit;
        const char *peer;
        double (*round)(void *context);
        double (*peer_round)(void *context);
        double goal;
    } lines[] = {
        {"texts unpacked", "GB/s", "zstd", open_round, unpack_round, 1.0},
        {"texts unpacked by one reader", "GB/s", "zstd", read_round, unpack_round, 1.0},
        {"a word counted in texts", "GB/s", "memmem row by row", find_round, find_peer_round, 3},
        {"words into a filter", "MB/s", "byte by byte, no filter", words_round, words_peer_round,
         400},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        double ours = 0;
        double theirs = 0;
        bench_measure(bench, lines[i].round, lines[i].peer_round, load, &ours, &theirs);
        bench_report(bench, (struct bench_line){.name = lines[i].name,
                                                .value = ours,
                                                .unit = lines[i].unit,
                                                .goal_kind = BENCH_AT_LEAST,
                                                .goal = lines[i].goal,
                                                .peer = lines[i].peer,
                                                .peer_value = theirs});
    }
}

static void body(struct bench *bench)
{
    struct slu_budget *budget = NULL;
    struct load load;
    must(slu_budget_create(NULL, "bench", BUDGET_BYTES, &budget), "slu_budget_create");
    load_init(&load, budget, bench_scaled(bench, LINES) / STREAMS, 0);
    measure_writing(bench, &load);
    measure_memory(bench, &load);
    read_begin(&load);
    measure_reading(bench, &load);
    read_end(&load);
    load_deinit(&load);
    slu_budget_destroy(&budget);
}

static int sweep(char **argv)
{
    struct slu_budget *budget = NULL;
    struct load load;
    must(slu_budget_create(NULL, "bench", BUDGET_BYTES, &budget), "slu_budget_create");
    load_init(&load, budget, LINES / STREAMS, strcmp(argv[2], "1") == 0);
    load.block_bytes = strtoul(argv[0], NULL, 10) * 1024;
    load.level = (int)strtol(argv[1], NULL, 10);
    double plain_ns = zstd_round(&load);
    double plain_mb = (double)load.stored_bytes / 1e6;
    double ours_ns = write_round(&load);
    read_begin(&load);
    printf("%s KiB, level %s: %.0f ns a line (zstd %.0f), %.2f MB of %.1f (zstd %.2f), filters "
           "%.2f, unpacked %.2f GB/s\n",
           argv[0], argv[1], ours_ns, plain_ns, (double)load.stored_bytes / 1e6,
           (double)load.text_bytes / 1e6, plain_mb, (double)load.filter_bytes / 1e6,
           open_round(&load));
    read_end(&load);
    load_deinit(&load);
    slu_budget_destroy(&budget);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "sweep") == 0) {
        return sweep(argv + 2);
    }
    return bench_main(argc, argv, "rows in blocks", body);
}

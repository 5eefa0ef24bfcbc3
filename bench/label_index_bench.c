/*
 * The index of labels of 100,000 streams with ten labels each, of which two differ in all: writing
 * it, and finding the streams of a matcher, beside walking all streams and trying each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "bench.h"
#include "match/regex.h"
#include "store/label_index.h"
#include "store/labels.h"
#include "store/matcher.h"
#include "store/store_io.h"

#define STREAMS      ((uint64_t)100000)
#define BUDGET_BYTES ((uint64_t)256 << 20)
#define SALT         UINT64_C(0x5a17)
#define TEXT_MAX     32
#define LABELS       10

struct stream {
    unsigned char *labels;
    size_t len;
};

struct load {
    struct slu_budget *budget;
    struct stream *streams; /* sorted */
    size_t stream_count;
    char path[64];
    struct label_index index;
    struct matcher matcher;
    uint64_t writer_bytes; /* at most */
    size_t question_count; /* of a round */
    size_t found;
};

static void must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "label_index_bench: %s: error %d\n", what, err);
        exit(3);
    }
}

static void *take(size_t bytes)
{
    void *memory = malloc(bytes);
    must(memory == NULL, "malloc");
    return memory;
}

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static struct slu_bytes labels_of(const struct stream *stream)
{
    return (struct slu_bytes){stream->labels, stream->len};
}

static int stream_compare(const void *left, const void *right)
{
    return labels_compare(labels_of(left), labels_of(right));
}

static void stream_make(struct stream *stream, size_t number)
{
    static const char *const names[LABELS] = {"pod",       "instance", "cluster", "env",    "job",
                                              "namespace", "node",     "team",    "region", "app"};
    struct label labels[LABELS];
    char texts[LABELS][TEXT_MAX];
    unsigned char bytes[LABELS_BYTES_MAX];
    for (size_t k = 0; k < LABELS; k++) {
        if (k == 0) {
            (void)snprintf(texts[k], TEXT_MAX, "web-%06zu-7d4f9", number);
        } else if (k == 1) {
            (void)snprintf(texts[k], TEXT_MAX, "10.%zu.%zu.%zu:8080", number / 65536,
                           number / 256 % 256, number % 256);
        } else {
            (void)snprintf(texts[k], TEXT_MAX, "%s-%zu", names[k], number * 7919 % (k * k * 9 + 2));
        }
        labels[k] = (struct label){text_of(names[k]), text_of(texts[k])};
    }
    must(labels_encode(labels, LABELS, bytes, &stream->len), "labels_encode");
    stream->labels = take(stream->len);
    memcpy(stream->labels, bytes, stream->len);
}

static void load_init(struct load *load, struct slu_budget *budget, size_t stream_count)
{
    *load = (struct load){.budget = budget,
                          .streams = take(stream_count * sizeof(struct stream)),
                          .stream_count = stream_count,
                          .path = "/tmp/sluice-bench-XXXXXX"};
    for (size_t i = 0; i < stream_count; i++) {
        stream_make(&load->streams[i], i);
    }
    qsort(load->streams, stream_count, sizeof(struct stream), stream_compare);
    int fd = mkstemp(load->path);
    must(fd < 0, "mkstemp");
    load->index.section = (struct section_reader){.io = &store_io_real, .salt = SALT, .fd = fd};
}

static void load_deinit(struct load *load)
{
    (void)close(load->index.section.fd); /* nothing in it is wanted */
    (void)unlink(load->path);
    for (size_t i = 0; i < load->stream_count; i++) {
        free(load->streams[i].labels);
    }
    free(load->streams);
}

/* Nanoseconds a stream. */
static double write_round(void *context)
{
    struct load *load = context;
    struct section_reader *reader = &load->index.section;
    struct label_index_writer *writer = NULL;
    struct section_writer section;
    struct slu_budget *budget = NULL;
    struct slu_budget_stats stats;
    must(slu_budget_create(load->budget, "writer", BUDGET_BYTES, &budget), "slu_budget_create");
    must(section_writer_init(&section, reader->io, reader->fd, 0, SALT, load->budget),
         "section_writer_init");
    uint64_t start_ns = bench_cpu_ns();
    must(label_index_writer_create(budget, &section, &writer), "label_index_writer_create");
    for (size_t i = 0; i < load->stream_count; i++) {
        must(label_index_add(writer, labels_of(&load->streams[i]), text_of("0123456789abcdef")),
             "label_index_add");
    }
    must(label_index_end(writer, &load->index.root), "label_index_end");
    must(section_flush(&section), "section_flush");
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    slu_budget_stats(budget, &stats);
    load->writer_bytes = stats.high_water_bytes;
    reader->size_bytes = section.offset;
    label_index_writer_destroy(&writer);
    section_writer_deinit(&section);
    slu_budget_destroy(&budget);
    return took_ns / (double)load->stream_count;
}

static int stream_found(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    size_t *found = arg;
    bench_keep(stream + labels.len + value.len);
    (*found)++;
    return 0;
}

/* Microseconds a question. */
static double select_round(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < load->question_count; i++) {
        load->found = 0;
        must(label_index_select(&load->index, &load->matcher, 1, load->budget, stream_found,
                                &load->found),
             "label_index_select");
    }
    return (double)(bench_cpu_ns() - start_ns) / 1e3 / (double)load->question_count;
}

struct trial {
    const struct matcher *matcher;
    size_t found;
};

static int stream_try(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct trial *trial = arg;
    bench_keep(stream + value.len);
    trial->found += matchers_take(trial->matcher, 1, labels);
    return 0;
}

static double try_round(void *context)
{
    struct load *load = context;
    struct trial trial = {.matcher = &load->matcher};
    uint64_t start_ns = bench_cpu_ns();
    must(label_index_select(&load->index, NULL, 0, load->budget, stream_try, &trial),
         "label_index_select");
    double took_ns = (double)(bench_cpu_ns() - start_ns);
    must(load->found != 0 && trial.found != load->found, "finding");
    return took_ns / 1e3;
}

static void measure_writing(struct bench *bench, struct load *load)
{
    double ours_ns = 0;
    bench_measure(bench, write_round, NULL, load, &ours_ns, NULL);
    bench_report(bench, (struct bench_line){
                            .name = "a stream written", .value = ours_ns / 1e3, .unit = "us"});
    bench_report(bench, (struct bench_line){.name = "memory of the writer, at most",
                                            .value = (double)load->writer_bytes / (1 << 20),
                                            .unit = "MiB",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 25});
    bench_report(bench,
                 (struct bench_line){.name = "the index on disk",
                                     .value = (double)load->index.section.size_bytes / (1 << 20),
                                     .unit = "MiB"});
}

static void measure_finding(struct bench *bench, struct load *load)
{
    static const struct {
        const char *name;
        enum matcher_kind kind;
        const char *label;
        const char *value;
        size_t question_count;
        double goal_us; /* 0: none */
    } lines[] = {
        {"one stream by an equal value", MATCH_EQUAL, "pod", "web-000500-7d4f9", 100, 200},
        {"none by an equal value", MATCH_EQUAL, "pod", "web-none", 100, 200},
        {"one in 326 by an equal value", MATCH_EQUAL, "namespace", "namespace-9", 5, 0},
        {"ten streams by a pattern", MATCH_REGEX, "pod", "web-00050.-.*", 1, 0},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct regex *regex = NULL;
        double ours = 0;
        double theirs = 0;
        must(regex_create(load->budget, text_of(lines[i].value), NULL, &regex), "regex_create");
        load->matcher = (struct matcher){lines[i].kind, text_of(lines[i].label),
                                         text_of(lines[i].value), regex};
        load->question_count = lines[i].question_count;
        bench_measure(bench, select_round, try_round, load, &ours, &theirs);
        bench_report(bench, (struct bench_line){.name = lines[i].name,
                                                .value = ours,
                                                .unit = "us",
                                                .goal_kind = lines[i].goal_us > 0 ? BENCH_AT_MOST
                                                                                  : BENCH_NO_GOAL,
                                                .goal = lines[i].goal_us,
                                                .peer = "each stream tried",
                                                .peer_value = theirs});
        regex_destroy(&regex);
    }
}

static void body(struct bench *bench)
{
    struct slu_budget *budget = NULL;
    struct load load;
    must(slu_budget_create(NULL, "bench", BUDGET_BYTES, &budget), "slu_budget_create");
    load_init(&load, budget, bench_scaled(bench, STREAMS));
    measure_writing(bench, &load);
    measure_finding(bench, &load);
    load_deinit(&load);
    slu_budget_destroy(&budget);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "label_index", body);
}

/*
 * The store by itself, on one core: messages of OTLP in, to disk, synced and merged; words counted
 * in logs; bytes on disk with all indexes. Peers' figures are in serve_bench.py, which runs them.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "bench.h"
#include "pipeline/store_intake.h"
#include "store/store.h"
#include "store_load.h"

#define BUDGET_BYTES  ((uint64_t)1 << 30)
#define SAMPLES       ((uint64_t)10000000)
#define LINES         ((uint64_t)1000000)
#define SPANS         ((uint64_t)1000000)
#define MESSAGES_EACH 320 /* between looks at what is due */
#define COMMIT_EACH   10  /* messages of a commit, as many as the load keeps apart */
#define DAY_NS        INT64_C(86400000000000)
#define START_MS      INT64_C(1753920000000)
#define OPEN_MAX      16
#define WORD          "connection"
#define ABSENT        "zyzzyva"

static void must(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "store_bench: %s: %s\n", what, strerror(-err));
        exit(3);
    }
}

struct subject {
    struct slu_budget *budget;
    struct store_intake *intake;
    struct store *store;
    char directory[64];
    uint64_t done_count;
    uint64_t refused_count;
    uint64_t put_count;
    int64_t now_ns;
};

static void subject_open(struct subject *subject)
{
    struct slu_diag diag = {0};
    *subject = (struct subject){.directory = "/tmp/sluice-store-bench-XXXXXX"};
    must(mkdtemp(subject->directory) == NULL ? -errno : 0, "mkdtemp");
    must(slu_budget_create(NULL, "bench", BUDGET_BYTES, &subject->budget), "budget");
    must(store_intake_create(subject->budget, &subject->intake), "intake");
    struct store_options options = {.budget = subject->budget,
                                    .directory = subject->directory,
                                    .apply = store_intake_apply,
                                    .apply_arg = subject->intake};
    if (store_open(&options, &diag, &subject->store) != 0) {
        fprintf(stderr, "store_bench: %s\n", diag.message);
        exit(3);
    }
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void subject_close(struct subject *subject)
{
    store_close(&subject->store);
    store_intake_destroy(&subject->intake);
    slu_budget_destroy(&subject->budget);
    must(nftw(subject->directory, entry_remove, OPEN_MAX, FTW_DEPTH | FTW_PHYS), "rm");
}

static void told(void *arg, const struct store_outcome *outcome)
{
    struct subject *subject = arg;
    must(outcome->err, "a message");
    subject->done_count++;
    if (outcome->refused_count > 0 && subject->refused_count == 0) {
        fprintf(stderr, "store_bench: %s\n", outcome->reason);
    }
    subject->refused_count += outcome->refused_count;
}

/* Messages are borrowed until they are committed. */
static void put(struct subject *subject, enum store_signal signal, struct slu_bytes message,
                int64_t now_ns, uint64_t commit_each)
{
    subject->now_ns = now_ns;
    must(store_put(subject->store, signal, message, now_ns, told, subject), "store_put");
    if ((subject->put_count + 1) % commit_each == 0) {
        store_commit(subject->store, bench_now_ns());
    }
    if (++subject->put_count % MESSAGES_EACH == 0) {
        store_tend(subject->store, now_ns);
    }
}

/* Write what is in memory, and merge what a day that is over merges. */
static void settle(struct subject *subject)
{
    must(store_flush(subject->store), "store_flush");
    store_tend(subject->store, subject->now_ns + 2 * DAY_NS);
    if (subject->refused_count > 0) {
        fprintf(stderr, "store_bench: %llu records were refused\n",
                (unsigned long long)subject->refused_count);
        exit(3);
    }
}

static uint64_t disk_bytes(struct subject *subject, enum store_signal signal)
{
    struct store_signal_stats stats;
    store_stats(subject->store, signal, &stats);
    return stats.disk_bytes;
}

/* CPU seconds of making the load alone, to be taken off. */
static double metric_load_seconds(struct subject *subject, uint64_t messages)
{
    struct metric_load *load = metric_load_make(subject->budget, START_MS);
    int64_t time_ms = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        bench_keep(metric_load_next(load, &time_ms).len);
    }
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9;
    metric_load_free(&load);
    return took;
}

static void measure_samples(struct bench *bench)
{
    struct subject subject;
    subject_open(&subject);
    uint64_t messages = bench_scaled(bench, SAMPLES) / LOAD_SERIES_EACH;
    double made = metric_load_seconds(&subject, messages);
    struct metric_load *load = metric_load_make(subject.budget, START_MS);
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        int64_t time_ms = 0;
        struct slu_bytes message = metric_load_next(load, &time_ms);
        put(&subject, STORE_METRICS, message, time_ms * 1000000, COMMIT_EACH);
    }
    settle(&subject);
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9 - made;
    double samples = (double)(messages * LOAD_SERIES_EACH);
    double scale = (double)SAMPLES / samples;
    bench_report(bench, (struct bench_line){.name = "10 M samples in, to disk and merged",
                                            .value = took * scale,
                                            .unit = "s",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 4});
    bench_report(bench, (struct bench_line){.name = "data points in, one core",
                                            .value = samples / took / 1e6,
                                            .unit = "M/s",
                                            .goal_kind = BENCH_AT_LEAST,
                                            .goal = 1});
    bench_report(bench,
                 (struct bench_line){.name = "a sample on disk, with its index",
                                     .value = (double)disk_bytes(&subject, STORE_METRICS) / samples,
                                     .unit = "bytes",
                                     .goal_kind = BENCH_AT_MOST,
                                     .goal = 0.42});
    metric_load_free(&load);
    subject_close(&subject);
}

static int row_count(void *arg, struct slu_bytes labels, const struct row *row)
{
    uint64_t *count = arg;
    (void)labels;
    bench_keep((uint64_t)row->time_ns);
    ++*count;
    return 0;
}

static double word_seconds(struct subject *subject, const char *word, uint64_t *count)
{
    struct store_row_query query = {
        .query = {.budget = subject->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX},
        .word = {word, strlen(word)},
        .columns = 1U << ROW_TIME,
        .is_backward = true};
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        uint64_t start_ns = bench_now_ns();
        *count = 0;
        must(store_rows(subject->store, STORE_LOGS, &query, row_count, count), "store_rows");
        double took = (double)(bench_now_ns() - start_ns) / 1e9;
        best = took < best ? took : best;
    }
    return best;
}

static double log_load_seconds(struct subject *subject, uint64_t messages)
{
    struct log_load *load = log_load_make(subject->budget);
    int64_t time_ns = 0;
    uint64_t text_bytes = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        bench_keep(log_load_next(load, &time_ns, &text_bytes).len);
    }
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9;
    log_load_free(&load);
    return took;
}

static void measure_words(struct bench *bench, struct subject *subject)
{
    uint64_t count = 0;
    double found = word_seconds(subject, WORD, &count);
    must(count == 0 ? -ENOENT : 0, "counting a word");
    bench_report(bench, (struct bench_line){.name = "a word counted in 1 M lines",
                                            .value = found,
                                            .unit = "s",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 0.15});
    double absent = word_seconds(subject, ABSENT, &count);
    must(count != 0 ? -EIO : 0, "an absent word");
    bench_report(bench, (struct bench_line){.name = "a word that is absent in 1 M lines",
                                            .value = absent * 1e3,
                                            .unit = "ms",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 5});
}

static void measure_logs(struct bench *bench)
{
    struct subject subject;
    subject_open(&subject);
    uint64_t messages = bench_scaled(bench, LINES) / LOAD_LINES_EACH;
    double made = log_load_seconds(&subject, messages);
    struct log_load *load = log_load_make(subject.budget);
    uint64_t text_bytes = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        int64_t time_ns = 0;
        struct slu_bytes message = log_load_next(load, &time_ns, &text_bytes);
        put(&subject, STORE_LOGS, message, time_ns, 1);
    }
    settle(&subject);
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9 - made;
    double scale = (double)LINES / (double)(messages * LOAD_LINES_EACH);
    bench_report(bench, (struct bench_line){.name = "1 M log lines in, 110 MB, to disk and merged",
                                            .value = took * scale,
                                            .unit = "s",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 3});
    bench_report(
        bench, (struct bench_line){.name = "1 M log lines on disk, with filters and index",
                                   .value = (double)disk_bytes(&subject, STORE_LOGS) / 1e6 * scale,
                                   .unit = "MB",
                                   .goal_kind = BENCH_AT_MOST,
                                   .goal = 17});
    measure_words(bench, &subject);
    log_load_free(&load);
    subject_close(&subject);
}

static double span_load_seconds(struct subject *subject, uint64_t messages)
{
    struct span_load *load = span_load_make(subject->budget, START_MS * 1000000);
    int64_t time_ns = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        bench_keep(span_load_next(load, &time_ns).len);
    }
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9;
    span_load_free(&load);
    return took;
}

static void measure_spans(struct bench *bench)
{
    struct subject subject;
    subject_open(&subject);
    uint64_t messages = bench_scaled(bench, SPANS) / LOAD_SPANS_EACH;
    double made = span_load_seconds(&subject, messages);
    struct span_load *load = span_load_make(subject.budget, START_MS * 1000000);
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        int64_t time_ns = 0;
        struct slu_bytes message = span_load_next(load, &time_ns);
        put(&subject, STORE_TRACES, message, time_ns, 1);
    }
    settle(&subject);
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9 - made;
    double spans = (double)(messages * LOAD_SPANS_EACH);
    bench_report(bench, (struct bench_line){.name = "spans in, to disk and merged, one core",
                                            .value = spans / took / 1e3,
                                            .unit = "k/s",
                                            .goal_kind = BENCH_AT_LEAST,
                                            .goal = 300});
    bench_report(bench,
                 (struct bench_line){.name = "a span on disk, with its index",
                                     .value = (double)disk_bytes(&subject, STORE_TRACES) / spans,
                                     .unit = "bytes"});
    span_load_free(&load);
    subject_close(&subject);
}

static void body(struct bench *bench)
{
    measure_samples(bench);
    measure_logs(bench);
    measure_spans(bench);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "store", body);
}

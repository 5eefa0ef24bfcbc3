/*
 * The store by itself, on one core: messages of OTLP in, to disk, synced and merged; words counted
 * in logs; bytes on disk with all indexes. Peers' figures are in serve_bench.py, which runs them.
 */
#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "bench.h"
#include "store/store.h"
#include "store_load.h"
#include "store_subject.h"

#define BUDGET_BYTES ((uint64_t)1 << 30)
#define SAMPLES      ((uint64_t)10000000)
#define SERIES       5000
#define STEP_MS      15000
#define STREAMS      20
#define LINES        ((uint64_t)1000000)
#define SPANS        ((uint64_t)1000000)
#define COMMIT_EACH  10 /* messages of a commit, as many as the load keeps apart */
#define START_MS     INT64_C(1753920000000)
#define WORD         "connection"
#define ABSENT       "zyzzyva"

/* CPU seconds of making the load alone, to be taken off. */
static double metric_load_seconds(struct subject *subject, uint64_t messages)
{
    struct metric_load *load = metric_load_make(subject->budget, SERIES, START_MS, STEP_MS);
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
    subject_open(&subject, BUDGET_BYTES, false);
    uint64_t messages = bench_scaled(bench, SAMPLES) / LOAD_SERIES_EACH;
    double made = metric_load_seconds(&subject, messages);
    struct metric_load *load = metric_load_make(subject.budget, SERIES, START_MS, STEP_MS);
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        int64_t time_ms = 0;
        struct slu_bytes message = metric_load_next(load, &time_ms);
        subject_put(&subject, STORE_METRICS, message, time_ms * 1000000, COMMIT_EACH);
    }
    subject_settle(&subject);
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
    bench_report(bench, (struct bench_line){
                            .name = "a sample on disk, with its index",
                            .value = (double)subject_disk_bytes(&subject, STORE_METRICS) / samples,
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
        subject_must(store_rows(subject->store, STORE_LOGS, &query, row_count, count),
                     "store_rows");
        double took = (double)(bench_now_ns() - start_ns) / 1e9;
        best = took < best ? took : best;
    }
    return best;
}

static double log_load_seconds(struct subject *subject, uint64_t messages)
{
    struct log_load *load = log_load_make(subject->budget, STREAMS, 0);
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
    subject_must(count == 0 ? -ENOENT : 0, "counting a word");
    bench_report(bench, (struct bench_line){.name = "a word counted in 1 M lines",
                                            .value = found,
                                            .unit = "s",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 0.15});
    double absent = word_seconds(subject, ABSENT, &count);
    subject_must(count != 0 ? -EIO : 0, "an absent word");
    bench_report(bench, (struct bench_line){.name = "a word that is absent in 1 M lines",
                                            .value = absent * 1e3,
                                            .unit = "ms",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 5});
}

static void measure_logs(struct bench *bench)
{
    struct subject subject;
    subject_open(&subject, BUDGET_BYTES, false);
    uint64_t messages = bench_scaled(bench, LINES) / LOAD_LINES_EACH;
    double made = log_load_seconds(&subject, messages);
    struct log_load *load = log_load_make(subject.budget, STREAMS, 0);
    uint64_t text_bytes = 0;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        int64_t time_ns = 0;
        struct slu_bytes message = log_load_next(load, &time_ns, &text_bytes);
        subject_put(&subject, STORE_LOGS, message, time_ns, 1);
    }
    subject_settle(&subject);
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9 - made;
    double scale = (double)LINES / (double)(messages * LOAD_LINES_EACH);
    bench_report(bench, (struct bench_line){.name = "1 M log lines in, 110 MB, to disk and merged",
                                            .value = took * scale,
                                            .unit = "s",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 3});
    bench_report(bench, (struct bench_line){
                            .name = "1 M log lines on disk, with filters and index",
                            .value = (double)subject_disk_bytes(&subject, STORE_LOGS) / 1e6 * scale,
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
    subject_open(&subject, BUDGET_BYTES, false);
    uint64_t messages = bench_scaled(bench, SPANS) / LOAD_SPANS_EACH;
    double made = span_load_seconds(&subject, messages);
    struct span_load *load = span_load_make(subject.budget, START_MS * 1000000);
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < messages; i++) {
        int64_t time_ns = 0;
        struct slu_bytes message = span_load_next(load, &time_ns);
        subject_put(&subject, STORE_TRACES, message, time_ns, 1);
    }
    subject_settle(&subject);
    double took = (double)(bench_cpu_ns() - start_ns) / 1e9 - made;
    double spans = (double)(messages * LOAD_SPANS_EACH);
    bench_report(bench, (struct bench_line){.name = "spans in, to disk and merged, one core",
                                            .value = spans / took / 1e3,
                                            .unit = "k/s",
                                            .goal_kind = BENCH_AT_LEAST,
                                            .goal = 300});
    bench_report(bench, (struct bench_line){
                            .name = "a span on disk, with its index",
                            .value = (double)subject_disk_bytes(&subject, STORE_TRACES) / spans,
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

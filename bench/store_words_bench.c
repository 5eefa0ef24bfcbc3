/*
 * A word that is rare in 100 M log lines of 1,000 streams (10 GB): what looking for it takes, and
 * the memory of that.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "bench.h"
#include "store_load.h"
#include "store_subject.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define QUERY_BYTES  ((uint64_t)64 << 20)
#define LINES        ((uint64_t)100000000)
#define STREAMS      1000
#define RARE_EACH    ((uint64_t)10000000)
#define ROUNDS       5
#define TOLD_EACH    ((uint64_t)10000000)

struct found {
    uint64_t count;
    double seconds;
    uint64_t peak_bytes;
};

static int row_count(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct found *found = arg;
    (void)labels;
    bench_keep((uint64_t)row->time_ns);
    found->count++;
    return 0;
}

/* The fastest of some rounds: the files are in the page cache then. */
static struct found word_find(struct subject *subject, const char *word)
{
    struct found best = {.seconds = 1e9};
    for (int round = 0; round < ROUNDS; round++) {
        struct found found = {0};
        struct slu_budget *budget = NULL;
        struct slu_budget_stats stats;
        subject_must(slu_budget_create(NULL, "query", QUERY_BYTES, &budget), "budget");
        struct store_row_query query = {
            .query = {.budget = budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX},
            .word = {word, strlen(word)},
            .columns = 1U << ROW_TIME | 1U << ROW_TEXT,
            .is_backward = true};
        uint64_t start_ns = bench_now_ns();
        subject_must(store_rows(subject->store, STORE_LOGS, &query, row_count, &found), "rows");
        found.seconds = (double)(bench_now_ns() - start_ns) / 1e9;
        slu_budget_stats(budget, &stats);
        found.peak_bytes = stats.high_water_bytes;
        slu_budget_destroy(&budget);
        best = found.seconds < best.seconds ? found : best;
    }
    return best;
}

static uint64_t lines_put(struct subject *subject, uint64_t lines, uint64_t rare_each)
{
    struct log_load *load = log_load_make(subject->budget, STREAMS, rare_each);
    uint64_t text_bytes = 0;
    for (uint64_t i = 0; i < lines / LOAD_LINES_EACH; i++) {
        int64_t time_ns = 0;
        struct slu_bytes message = log_load_next(load, &time_ns, &text_bytes);
        subject_put(subject, STORE_LOGS, message, time_ns, 1);
        if ((i + 1) * LOAD_LINES_EACH % TOLD_EACH == 0) {
            fprintf(stderr, "store_words: %llu M lines of %llu M\n",
                    (unsigned long long)((i + 1) * LOAD_LINES_EACH / 1000000),
                    (unsigned long long)(lines / 1000000));
        }
    }
    log_load_free(&load);
    subject_settle(subject);
    return text_bytes;
}

static void body(struct bench *bench)
{
    struct subject subject;
    subject_open(&subject, BUDGET_BYTES, true);
    uint64_t lines = bench_scaled(bench, LINES);
    uint64_t rare_each = bench_scaled(bench, RARE_EACH);
    uint64_t text_bytes = lines_put(&subject, lines, rare_each);
    struct found rare = word_find(&subject, LOAD_RARE_WORD);
    subject_must(rare.count == lines / rare_each ? 0 : -EIO, "not every line was found");
    bench_report(bench, (struct bench_line){.name = "a rare word in 10 GB of logs, warm",
                                            .value = rare.seconds,
                                            .unit = "s",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = 0.6});
    bench_report(bench, (struct bench_line){.name = "a rare word in 10 GB of logs: memory",
                                            .value = (double)rare.peak_bytes / 1e6,
                                            .unit = "MB",
                                            .goal_kind = BENCH_AT_MOST,
                                            .goal = (double)QUERY_BYTES / 1e6});
    bench_report(bench,
                 (struct bench_line){.name = "10 GB of logs on disk beside their text",
                                     .value = (double)text_bytes /
                                              (double)subject_disk_bytes(&subject, STORE_LOGS),
                                     .unit = "times"});
    subject_close(&subject);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "store_words", body);
}

/*
 * Who holds a heap of 1 GiB in 3.4 M blocks: CPU seconds to chains and to dominators, working
 * memory, and how long the program stands, beside the time to read its memory and no more.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "bench.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/image.h"
#include "holders/report.h"
#include "holders/window.h"

#define OBJECTS      UINT64_C(3400000)
#define MEAN_BYTES   "500"
#define BUDGET_BYTES ((uint64_t)4 << 30)
#define SECOND_NS    1e9

struct load {
    pid_t process;
    double read_seconds;
    double chains_seconds;
    double dominators_seconds;
    double stopped_seconds;
    double memory_share;
    double blocks;
};

static void fail(const char *what)
{
    fprintf(stderr, "holders_bench: %s\n", what);
    exit(3);
}

static pid_t subject_start(uint64_t objects)
{
    char count[32];
    char word[16];
    int ends[2];
    snprintf(count, sizeof(count), "%llu", (unsigned long long)objects);
    if (pipe(ends) != 0) {
        fail("no pipe");
    }
    pid_t process = fork();
    if (process == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl(HOLDERS_SUBJECT, HOLDERS_SUBJECT, count, MEAN_BYTES, (char *)NULL);
        _exit(3);
    }
    close(ends[1]);
    if (process < 0 || read(ends[0], word, sizeof(word)) <= 0) {
        fail("cannot start " HOLDERS_SUBJECT);
    }
    close(ends[0]);
    return process;
}

static void memory_read(const struct load *load, struct slu_budget *budget)
{
    struct image *image = NULL;
    struct window window;
    size_t count = 0;
    if (image_open_process(budget, (uint64_t)load->process, NULL, &image) != 0 ||
        window_open(&window, image) != 0) {
        fail("cannot read the program");
    }
    const struct image_region *regions = image_regions(image, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t end = regions[i].start + regions[i].stored_bytes;
        for (uint64_t at = regions[i].start; regions[i].writable && at < end; at += WINDOW_BYTES) {
            bench_keep(window_move(&window, at, 8, end) == 0);
        }
    }
    window_close(&window);
    image_close(&image);
}

static void look(struct load *load, struct slu_budget *budget, struct report *report)
{
    struct who *who = NULL;
    struct slu_diag diag = {0};
    struct report_query query = {.top = 10};
    struct slu_budget_stats stats;
    uint64_t begun_ns = bench_cpu_ns();
    if (who_open_process(budget, (uint64_t)load->process, true, &diag, &who) != 0) {
        fail(diag.message);
    }
    uint64_t chains_ns = bench_cpu_ns();
    if (report_make(report, who, &query, &diag) != 0) {
        fail(diag.message);
    }
    load->chains_seconds = (double)(chains_ns - begun_ns) / SECOND_NS;
    load->dominators_seconds = (double)(bench_cpu_ns() - chains_ns) / SECOND_NS;
    load->stopped_seconds = (double)who->image->stopped_ns / SECOND_NS;
    slu_budget_stats(budget, &stats);
    load->memory_share = 100 * (double)stats.high_water_bytes / (double)who->heap->used_bytes;
    load->blocks = who->heap->block_count;
    report_free(report);
    who_close(&who);
}

static void body(struct bench *bench)
{
    static struct report report;
    struct load load = {.process = subject_start(bench_scaled(bench, OBJECTS))};
    struct slu_budget *budget = NULL;
    if (slu_budget_create(NULL, "holders", BUDGET_BYTES, &budget) != 0) {
        fail("no memory");
    }
    uint64_t begun_ns = bench_cpu_ns();
    memory_read(&load, budget);
    load.read_seconds = (double)(bench_cpu_ns() - begun_ns) / SECOND_NS;
    look(&load, budget, &report);
    kill(load.process, SIGKILL);
    waitpid(load.process, NULL, 0);
    slu_budget_destroy(&budget);
    bench_report(bench, (struct bench_line){"blocks", load.blocks / 1e6, "M", 0, 0, NULL, 0});
    bench_report(bench, (struct bench_line){"to chains", load.chains_seconds, "CPU s",
                                            BENCH_AT_MOST, 2.5, "read alone", load.read_seconds});
    bench_report(bench,
                 (struct bench_line){"then to dominators and groups", load.dominators_seconds,
                                     "CPU s", BENCH_AT_MOST, 5, NULL, 0});
    bench_report(bench, (struct bench_line){"working memory", load.memory_share, "% of the heap",
                                            BENCH_AT_MOST, 25, NULL, 0});
    bench_report(bench, (struct bench_line){"the program stands", load.stopped_seconds, "s",
                                            BENCH_NO_GOAL, 0, NULL, 0});
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "holders", body);
}

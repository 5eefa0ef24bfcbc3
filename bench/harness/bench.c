#include "bench.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINES_MAX  64
#define ROUNDS     9
#define ROUNDS_MAX 9

struct bench {
    struct bench_line lines[LINES_MAX];
    size_t line_count;
    const char *title;
    const char *csv_path;
    bool json;
    bool quick;
};

static uint64_t clock_read_ns(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

uint64_t bench_now_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t bench_cpu_ns(void)
{
    return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

bool bench_pin(unsigned nth)
{
    static cpu_set_t allowed;
    static bool known;
    if (!known) {
        known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
    }
    for (size_t core = 0; known && core < CPU_SETSIZE; core++) {
        if (CPU_ISSET(core, &allowed) && nth-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(core, &one);
            return sched_setaffinity(0, sizeof(one), &one) == 0;
        }
    }
    return false;
}

uint64_t bench_scaled(const struct bench *bench, uint64_t full)
{
    uint64_t scaled = bench->quick ? full / 100 : full;
    return scaled == 0 ? 1 : scaled;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), compare_doubles);
    return values[count / 2];
}

void bench_measure(struct bench *bench, double (*round)(void *context),
                   double (*peer_round)(void *context), void *context, double *median,
                   double *peer_median)
{
    double values[ROUNDS_MAX];
    double peer_values[ROUNDS_MAX];
    size_t rounds = bench->quick ? 1 : ROUNDS;
    for (size_t i = 0; i < rounds; i++) {
        values[i] = round(context);
        peer_values[i] = peer_round == NULL ? NAN : peer_round(context);
    }
    *median = median_of(values, rounds);
    if (peer_round != NULL) {
        *peer_median = median_of(peer_values, rounds);
    }
}

void bench_report(struct bench *bench, struct bench_line line)
{
    if (bench->line_count == LINES_MAX) {
        fprintf(stderr, "%s: more than %d lines\n", bench->title, LINES_MAX);
        exit(3);
    }
    bench->lines[bench->line_count++] = line;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K%s: %s", bench->title, line.name);
    }
}

static bool goal_met(const struct bench_line *line)
{
    return line->goal_kind == BENCH_AT_MOST ? line->value <= line->goal : line->value >= line->goal;
}

/* How many times better than the peer we are. */
static void print_ratio(const struct bench_line *line)
{
    double ratio = line->goal_kind == BENCH_AT_LEAST ? line->value / line->peer_value
                                                     : line->peer_value / line->value;
    if (isfinite(ratio)) {
        printf(" (%.3gx)", ratio);
    }
}

static void print_table(const struct bench *bench)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K");
    }
    printf("%s%s\n", bench->title, bench->quick ? " (--quick: figures mean nothing)" : "");
    for (size_t i = 0; i < bench->line_count; i++) {
        const struct bench_line *line = &bench->lines[i];
        printf("  %-58s %12.4g %-10s", line->name, line->value, line->unit);
        if (line->goal_kind != BENCH_NO_GOAL) {
            printf(" %s %-9.4g %-6s", line->goal_kind == BENCH_AT_MOST ? "<=" : ">=", line->goal,
                   goal_met(line) ? "met" : "MISSED");
        } else {
            printf(" %-19s", "");
        }
        if (line->peer != NULL) {
            printf(" %s: %.4g", line->peer, line->peer_value);
            print_ratio(line);
        }
        printf("\n");
    }
}

static void print_json(const struct bench *bench)
{
    printf("[");
    for (size_t i = 0; i < bench->line_count; i++) {
        const struct bench_line *line = &bench->lines[i];
        printf("%s\n  {\"name\": \"%s\", \"value\": %.9g, \"unit\": \"%s\"", i == 0 ? "" : ",",
               line->name, line->value, line->unit);
        if (line->goal_kind == BENCH_NO_GOAL) {
            printf(", \"goal\": null");
        } else {
            printf(", \"goal\": %.9g, \"goal_is\": \"%s\", \"met\": %s", line->goal,
                   line->goal_kind == BENCH_AT_MOST ? "at most" : "at least",
                   goal_met(line) ? "true" : "false");
        }
        if (line->peer != NULL) {
            printf(", \"peer\": \"%s\", \"peer_value\": %.9g", line->peer, line->peer_value);
        }
        printf("}");
    }
    printf("\n]\n");
}

static void append_csv(const struct bench *bench)
{
    FILE *file = fopen(bench->csv_path, "a");
    if (file == NULL) {
        perror(bench->csv_path);
        exit(3);
    }
    if (ftell(file) == 0) {
        fprintf(file, "date,commit,machine,name,value,unit,goal,peer,peer_value\n");
    }
    const char *commit = getenv("SLUICE_COMMIT");
    const char *machine = getenv("SLUICE_MACHINE");
    time_t now = time(NULL);
    char date[32];
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    for (size_t i = 0; i < bench->line_count; i++) {
        const struct bench_line *line = &bench->lines[i];
        fprintf(file, "%s,%s,\"%s\",\"%s\",%.9g,%s,", date, commit == NULL ? "" : commit,
                machine == NULL ? "" : machine, line->name, line->value, line->unit);
        if (line->goal_kind != BENCH_NO_GOAL) {
            fprintf(file, "%s%.9g", line->goal_kind == BENCH_AT_MOST ? "<=" : ">=", line->goal);
        }
        fprintf(file, ",\"%s\",", line->peer == NULL ? "" : line->peer);
        if (line->peer != NULL) {
            fprintf(file, "%.9g", line->peer_value);
        }
        fprintf(file, "\n");
    }
    fclose(file);
}

int bench_main(int argc, char **argv, const char *title, void (*body)(struct bench *bench))
{
    struct bench bench = {.title = title};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            bench.json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            bench.quick = true;
        } else if (strcmp(argv[i], "--csv") == 0 && i + 1 < argc) {
            bench.csv_path = argv[++i];
        } else {
            fprintf(stderr, "usage: %s [--json] [--quick] [--csv FILE]\n", argv[0]);
            return 2;
        }
    }
    if (!bench_pin(0)) {
        fprintf(stderr, "%s: cannot pin a core; figures will scatter\n", title);
    }
    body(&bench);
    if (bench.json) {
        print_json(&bench);
    } else {
        print_table(&bench);
    }
    if (bench.csv_path != NULL && !bench.quick) {
        append_csv(&bench);
    }
    return 0;
}

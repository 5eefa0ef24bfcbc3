/*
 * What every benchmark program is made of: one core pinned, medians of several rounds, each line
 * beside a peer measured in the same run, one output for people and one (--json) for machines.
 *
 *   PROGRAM [--json] [--quick] [--csv FILE]
 *
 * --quick runs each measurement once and small, to see that it still works; its figures mean
 * nothing.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench;

enum bench_goal {
    BENCH_NO_GOAL,  /* the figure is reported, nothing is demanded */
    BENCH_AT_MOST,  /* value <= goal */
    BENCH_AT_LEAST, /* value >= goal */
};

/* Strings are constants or outlive the program; a NULL peer means that the line has none. */
struct bench_line {
    const char *name;
    double value;
    const char *unit;
    enum bench_goal goal_kind;
    double goal;
    const char *peer;
    double peer_value;
};

/* Parse the arguments, pin the first allowed core, run `body`, print; the result is main's. */
int bench_main(int argc, char **argv, const char *title, void (*body)(struct bench *bench));

/* Take one line into the report. */
void bench_report(struct bench *bench, struct bench_line line);

/* `full` normally, at least 1 and about a hundredth of it with --quick. */
uint64_t bench_scaled(const struct bench *bench, uint64_t full);

/*
 * Median over rounds of what `round` returns; `context` is passed through. The peer's rounds are
 * taken in turn with ours, so that both see the same machine. `peer_round` may be NULL.
 */
void bench_measure(struct bench *bench, double (*round)(void *context),
                   double (*peer_round)(void *context), void *context, double *median,
                   double *peer_median);

/* Monotonic nanoseconds. */
uint64_t bench_now_ns(void);

/* CPU nanoseconds of this thread. */
uint64_t bench_cpu_ns(void);

/* Run on the n-th core that this process may use (for a second thread); false if there is none. */
bool bench_pin(unsigned nth);

/* A value that the compiler must believe to be used. */
static inline void bench_keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

#endif

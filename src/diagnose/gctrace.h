/*
 * The lines that Go's runtime writes about its collector (GODEBUG=gctrace=1) and about memory that
 * it gives back (the scavenger's lines, there or by scavtrace=1), as of Go 1.12 to 1.26. What else
 * a log holds is passed over, and something may stand before them on the line.
 *
 * Source  package runtime, "Environment Variables", and the print statements of those versions
 */
#ifndef DIAGNOSE_GCTRACE_H
#define DIAGNOSE_GCTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

#define GCTRACE_UNKNOWN (-1.0)

enum gctrace_kind {
    GCTRACE_OTHER,
    GCTRACE_CYCLE,
    GCTRACE_RELEASE,
    GCTRACE_DAMAGED, /* begins as one of them, and is not */
};

/* Sizes in bytes, though written in MB; times in milliseconds but for `seconds`. */
struct gctrace_cycle {
    uint64_t number;
    double seconds;     /* since the program began */
    double cpu_percent; /* since then */
    double pause_ms;    /* the first and the last phase, when the world stands still */
    double clock_ms;    /* all phases */
    double start_bytes; /* of the heap when the cycle began */
    double end_bytes;   /* when it ended */
    double live_bytes;  /* what it found alive */
    double goal_bytes;
    double stack_bytes; /* scanned: from Go 1.18 on, else GCTRACE_UNKNOWN */
    uint32_t processors;
    bool is_forced;
};

/* What a line does not say is GCTRACE_UNKNOWN. */
struct gctrace_release {
    double work_bytes;     /* given back since the line before */
    double returned_bytes; /* that are given back now, or in all: the runtime counts both ways */
    double inuse_bytes;
    double idle_bytes;
    bool is_forced;
};

struct gctrace_item {
    struct gctrace_cycle cycle;     /* of GCTRACE_CYCLE */
    struct gctrace_release release; /* of GCTRACE_RELEASE */
};

/* Read one line, without its end. `item` is filled for what the kind says. Cost: linear. */
enum gctrace_kind gctrace_read(struct slu_bytes line, struct gctrace_item *item);

#endif

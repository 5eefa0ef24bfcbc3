/* One run of a case in one form: the service with the profiler inside, its load, the verdict. */
#ifndef CLI_LAB_RUN_H
#define CLI_LAB_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "cli/lab_cases.h"
#include "cli/lab_process.h"
#include "diagnose/verdict.h"

struct cli;
struct invocation;
struct slu_diag;

#define LAB_MOMENTS_MAX 64

struct lab_order {
    const struct lab_case_row *row;
    const char *form; /* "faulty", "fixed" */
    uint64_t for_ns;
    uint64_t rate; /* requests a second; 0: as the case has it */
    uint32_t connections;
    uint64_t seed;
    const char *listen; /* where the profiler's pages are; NULL: nowhere */
};

struct lab_moment {
    double seconds; /* since the load began */
    double resident_bytes;
    double anonymous_bytes; /* of them, those that are no file's; 0: not known */
    double live_bytes;
};

struct lab_result {
    const struct lab_case_row *row;
    const char *form;
    uint64_t served_count; /* as the service says */
    uint64_t sent_count;   /* and as the load says */
    uint64_t answered_count;
    uint64_t refused_count;
    uint64_t abandoned_count;
    uint64_t failed_count;
    uint64_t late_count;
    double p50_ms; /* from a request to its answer; NaN without any */
    double p99_ms;
    double p999_ms;
    struct lab_moment moments[LAB_MOMENTS_MAX];
    uint32_t moment_count;
    struct report report;
    char figures[LAB_LINE_BYTES]; /* JSON of the case's own figures */
};

/*
 * Run it to its end. No process is left, however it ends.
 *
 * Returns  0; -ECANCELED at an interrupt; a negative errno; `diag` says it
 */
SLU_MUST_USE int lab_run(struct cli *cli, const struct invocation *invocation,
                         const struct lab_order *order, struct lab_result *result,
                         struct slu_diag *diag);

#endif

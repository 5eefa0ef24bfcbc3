/* Verdicts: what grows, why, how sure that is, and what speaks against it. */
#ifndef DIAGNOSE_VERDICT_H
#define DIAGNOSE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "diagnose/series.h"
#include "diagnose/sites.h"
#include "diagnose/verdict_table.h"

struct evidence;
struct json_writer;

#define VERDICTS_MAX         8
#define VERDICT_EVIDENCE_MAX 12
#define VERDICT_TEXT_BYTES   FACT_TEXT_BYTES
#define VERDICT_RATE_DEFAULT (5.0 * 1000 * 1000) /* bytes a second that are too fast */
#define VERDICT_SOON_SECONDS 3600.0
#define VERDICT_WARNINGS_MAX 4

struct verdict {
    enum pattern pattern;
    double confidence; /* 0 to 1 */
    bool has_site;
    char function[SITE_FUNCTION_BYTES];
    char file[SITE_FILE_BYTES];
    uint32_t line;
    struct interval bytes_per_second; /* of its sites together */
    uint32_t site_count;              /* of the same pattern */
    char evidence[VERDICT_EVIDENCE_MAX][VERDICT_TEXT_BYTES];
    uint32_t evidence_count;
    enum pattern rival;
    char why_not[VERDICT_TEXT_BYTES]; /* the rival is not it */
};

struct verdict_options {
    double rate_max;    /* bytes a second; more is told as a warning */
    double limit_bytes; /* 0: what the evidence says */
};

struct report {
    struct verdict verdicts[VERDICTS_MAX]; /* the most important first */
    uint32_t verdict_count;                /* at least 1 */
    struct interval growth;                /* bytes a second: in use, or resident */
    double seconds;                        /* observed */
    double seconds_to_limit;               /* negative: not known, or none */
    char warnings[VERDICT_WARNINGS_MAX][VERDICT_TEXT_BYTES];
    uint32_t warning_count;
    bool is_finding; /* something has to be done */
};

/*
 * Judge the evidence. If its program was started again meanwhile, what is older is forgotten first,
 * and a warning says so.
 *
 * Cost  linear in sites times moments; allocates nothing
 */
void verdict_judge(struct evidence *evidence, const struct verdict_options *options,
                   struct report *report);

/* Write the report as one JSON value; docs/verdicts.md describes it. */
void verdict_write_json(const struct report *report, struct json_writer *json);

/* Its verdicts alone, as an array. */
void verdicts_write_json(const struct report *report, struct json_writer *json);

#endif

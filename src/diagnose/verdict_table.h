/*
 * The table of verdicts: patterns, what speaks for and against each, and what to do. A new pattern
 * is an entry here, a row or more of rules, and a test. docs/verdicts.md explains it.
 */
#ifndef DIAGNOSE_VERDICT_TABLE_H
#define DIAGNOSE_VERDICT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "diagnose/facts.h"

#define VERDICT_THRESHOLD  10 /* points that a pattern needs to be named */
#define VERDICT_FIX_LINES  2
#define VERDICT_CLOSER_MAX 3

/* In order of importance between equals. */
enum pattern {
    PATTERN_TASK_LEAK,
    PATTERN_TIMER_PILEUP,
    PATTERN_RETAINED_ARRAY,
    PATTERN_UNBOUNDED_KEYS,
    PATTERN_COARSE_WINDOW,
    PATTERN_FRAGMENTATION,
    PATTERN_HEALTHY,
    PATTERN_UNDETERMINED,
    PATTERN_COUNT,
};

struct pattern_info {
    const char *id;      /* of the interface: never changes */
    const char *meaning; /* a sentence */
    bool is_of_site;     /* else of the process */
    const char *fix[VERDICT_FIX_LINES];
    const char *closer[VERDICT_CLOSER_MAX]; /* commands; NULL behind the last */
};

/* What a fact is worth to a pattern; nothing while it is not known. */
struct rule {
    enum pattern pattern;
    enum fact fact;
    int if_so;
    int if_not;
    bool is_needed; /* unless it is so, the pattern is not named */
};

const struct pattern_info *pattern_info_of(enum pattern pattern);

const struct rule *verdict_rules(size_t *count);

/* Whether a fact rests on names alone. */
static inline bool fact_is_name(enum fact fact)
{
    return fact >= FACT_NAME_TIMER && fact <= FACT_NAME_TASK;
}

struct score {
    int points;
    bool is_possible;           /* nothing that is needed is missing */
    const struct rule *against; /* what cost most, or what is needed and is not so; may be NULL */
};

/* Weigh the facts for a pattern. */
struct score verdict_score(enum pattern pattern, const struct facts *facts);

#endif

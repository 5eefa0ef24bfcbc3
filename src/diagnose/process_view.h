/* A process, looked at once for all questions: trends, and what goes with what. */
#ifndef DIAGNOSE_PROCESS_VIEW_H
#define DIAGNOSE_PROCESS_VIEW_H

#include <stdint.h>

#include "diagnose/crosscheck.h"
#include "diagnose/series.h"

struct evidence;
struct site;

/* Valid as long as the evidence is unchanged. */
struct process_view {
    const struct evidence *evidence;
    double seconds;    /* observed */
    double heap_last;  /* bytes in use */
    double tasks_last; /* threads or goroutines */
    struct trend heap; /* of profiles, or else of the collector */
    struct trend rss;
    struct trend tasks;
    double task_seconds[SERIES_POINTS_MAX]; /* how many tasks there were when */
    double task_values[SERIES_POINTS_MAX];
    uint32_t task_count;
    struct signals signals;
    const struct crosscheck_row *crosscheck;
    const struct site *table; /* a site whose objects double; NULL: none */
    double table_first;       /* its size then and now */
    double table_last;
};

/* Cost: linear in sites and moments; allocates nothing. */
void process_look(const struct evidence *evidence, struct process_view *view);

/* The site's part of all that is in use, 0 to 1. */
double site_share(const struct process_view *view, const struct site *site);

#endif

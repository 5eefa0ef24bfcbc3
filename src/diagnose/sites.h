/*
 * Who allocates, over time: for each site (the first frame of a stack that is no library's, and
 * what its libraries were there for) what is in use and what was allocated, profile by profile.
 * Memory is bounded: beyond SITES_MAX the smallest are counted together, and beyond
 * SERIES_POINTS_MAX moments every second one goes.
 */
#ifndef DIAGNOSE_SITES_H
#define DIAGNOSE_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "diagnose/series.h"
#include "profile/age_buckets.h"

struct model;
struct slu_budget;

#define SITES_MAX           1024
#define SITE_FUNCTION_BYTES 256
#define SITE_FILE_BYTES     256
#define SITE_STACK_BYTES    512
#define SITE_REST           0 /* what was not worth a site of its own */

enum measure {
    MEASURE_BYTES,           /* in use */
    MEASURE_OBJECTS,         /* in use; of tasks, how many there are */
    MEASURE_ALLOCATED_BYTES, /* since the program began */
    MEASURE_ALLOCATED_OBJECTS,
    MEASURE_COUNT,
};

struct site {
    char function[SITE_FUNCTION_BYTES]; /* or "0x1234 in program", an offset in its file */
    char file[SITE_FILE_BYTES];         /* may be empty */
    char stack[SITE_STACK_BYTES];       /* one of its stacks, leaf first */
    uint32_t line;
    uint32_t roles; /* of enum role */
    uint64_t key;
    double variance[MEASURE_COUNT]; /* of all values that were seen, by sampling; and their sum */
    double sum[MEASURE_COUNT];
    double aged[AGE_BUCKETS]; /* bytes in use by age, as the newest profile with ages has them */
    double *values;           /* MEASURE_COUNT columns of SERIES_POINTS_MAX, as the moments stand */
};

struct sites {
    struct slu_budget *budget;
    double seconds[SERIES_POINTS_MAX];
    uint64_t modules[SERIES_POINTS_MAX]; /* the first one of each profile: a hash of its file */
    uint64_t bases[SERIES_POINTS_MAX];   /* where that was loaded; 0 with 0: it has none */
    uint32_t moment_count;
    uint32_t site_count; /* SITE_REST included */
    struct site *sites[SITES_MAX];
    uint16_t slots[2 * SITES_MAX]; /* by key: the site's number plus one */
    bool has[MEASURE_COUNT];       /* what the profiles tell */
    bool is_go;
    double period;        /* mean distance of the newest profile's samples in bytes; 0: all */
    double aged_seconds;  /* of the newest profile with ages; minus infinity: there is none */
    uint32_t stale_count; /* profiles of a collector that had not run since the one before */
};

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until sites_destroy. */
SLU_MUST_USE int sites_create(struct slu_budget *budget, struct sites **out);
void sites_destroy(struct sites **sites);

/*
 * Add the samples of a model, which holds one profile of memory or of tasks.
 *
 * seconds  when it was taken; a second one of the same moment is left out
 * Returns  0; -ENOENT if the model has neither; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int sites_add(struct sites *sites, const struct model *model, double seconds);

/* Forget what is older. */
void sites_forget(struct sites *sites, double seconds);

/*
 * When the program was last seen to have been started again, by the first profile of the process
 * that came then: it is loaded elsewhere, or what was allocated since it began is less than before.
 * Minus infinity if it was not.
 */
double sites_restart(const struct sites *sites);

/* A site's measure over time; `site` NULL: all together, into `room`. */
struct series sites_series(const struct sites *sites, const struct site *site, enum measure measure,
                           double room[SERIES_POINTS_MAX]);

static inline const double *site_values(const struct site *site, enum measure measure)
{
    return site->values + (uint32_t)measure * SERIES_POINTS_MAX;
}

/* The newest value. */
static inline double site_last(const struct sites *sites, const struct site *site,
                               enum measure measure)
{
    return sites->moment_count == 0 ? 0 : site_values(site, measure)[sites->moment_count - 1];
}

#endif

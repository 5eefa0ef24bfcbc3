/*
 * How fast something grows: a line through values over time, with an interval that is honest about
 * two kinds of error. What varies from moment to moment (load, a cache that is flushed, a
 * collector's saw) shows in the distances from the line. What sampling gets wrong stays wrong: a
 * block that was sampled counts too much in every later profile, so that error does not average
 * out, and is added from the number of samples.
 *
 * Source  weighted least squares; for correlated distances the initial positive sequence of Geyer,
 *         "Practical Markov chain Monte Carlo", Statistical Science 1992
 */
#ifndef DIAGNOSE_SERIES_H
#define DIAGNOSE_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#define SERIES_POINTS_MAX 512
#define SERIES_POINTS_MIN 5 /* with fewer nothing is said */

/* Borrowed columns. */
struct series {
    const double *seconds; /* increasing */
    const double *values;
    uint32_t count; /* at most SERIES_POINTS_MAX */
    double grain; /* the variance of a value, by value: bytes that a sample stands for; 0: exact */
};

struct interval {
    double low; /* 95 % of such intervals hold the truth */
    double mid;
    double high;
};

struct trend {
    struct interval slope; /* a second, over all moments */
    double early;          /* slope of the first half */
    double late;           /* slope of the second half */
    double first;          /* value */
    double last;
    double seconds;    /* from the first to the last moment */
    double floor_rise; /* lowest of the last third less lowest of the first */
    double swing;      /* of the values around the line: standard deviation */
    uint32_t count;
    bool is_known;   /* enough moments; otherwise all verdicts on it are false */
    bool grows;      /* beyond chance, its lowest values too, and it goes on */
    bool shrinks;    /* beyond chance */
    bool levels_off; /* it grew, and has stopped */
    bool is_unsure;  /* it may grow: too much for chance alone, and too little to be sure */
};

/*
 * Look at a series. Infinite and missing values are the caller's to leave out.
 *
 * Cost  O(count^2 / 3) at the most; allocates nothing
 */
void series_trend(const struct series *series, struct trend *trend);

/* What a slope adds over the time that was observed. */
static inline double trend_rise(const struct trend *trend)
{
    return trend->slope.mid * trend->seconds;
}

/* The sum of independent intervals: mids add, and so do squares of half widths. */
struct interval interval_sum(struct interval left, struct interval right);

#endif

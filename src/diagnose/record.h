/* One number over time, in fixed memory: when it is full, every second value goes. */
#ifndef DIAGNOSE_RECORD_H
#define DIAGNOSE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "diagnose/series.h"

/* In order of time. Zeroed, it is empty. */
struct record {
    uint32_t count;
    double seconds[SERIES_POINTS_MAX];
    double values[SERIES_POINTS_MAX];
};

/*
 * Add a value at its place in time; one for a moment that is there already takes its place. What is
 * no finite number is left out.
 *
 * Returns  where it stands
 */
uint32_t record_add(struct record *record, double seconds, double value);

/* Forget what is older than `seconds`. */
void record_forget(struct record *record, double seconds);

/* The trend of a record whose values are exact. */
void record_trend(const struct record *record, struct trend *trend);

/* The trend of its slope: what the values of a counter grow by in a second. */
void record_rate_trend(const struct record *record, struct trend *trend);

/* The value at a time, between its neighbours; at the ends that of the end. NaN when empty. */
double record_at(const struct record *record, double seconds);

static inline double record_last(const struct record *record)
{
    return record->count == 0 ? 0 : record->values[record->count - 1];
}

#endif

/* The few days that the records of a head fall on: each becomes a part. */
#ifndef STORE_DAY_SET_H
#define STORE_DAY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

#define DAYS_MAX 64

struct day_set {
    int64_t days[DAYS_MAX];
    size_t count;
    size_t last; /* that was asked for */
};

/* Whether it is there, or has room. */
static inline bool day_set_takes(const struct day_set *set, int64_t day)
{
    if (set->count < DAYS_MAX || set->days[set->last] == day) {
        return true;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->days[i] == day) {
            return true;
        }
    }
    return false;
}

/* Add a day that the set takes. */
static inline void day_set_add(struct day_set *set, int64_t day)
{
    if (set->count > 0 && set->days[set->last] == day) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->days[i] == day) {
            set->last = i;
            return;
        }
    }
    SLU_ASSERT(set->count < DAYS_MAX);
    set->last = set->count;
    set->days[set->count++] = day;
}

#endif

/*
 * How much of what a site allocated some time ago is in use still. Profiles tell it whose samples
 * have the label `age`: ours, where ages are asked for.
 */
#ifndef DIAGNOSE_SURVIVAL_H
#define DIAGNOSE_SURVIVAL_H

#include <stdbool.h>

struct site;
struct sites;

/* What was allocated between two moments, both counted back from the newest one. */
struct survivors {
    bool is_known; /* so long ago it was observed, and enough of it was sampled */
    double from_seconds;
    double to_seconds;
    double allocated_bytes; /* at that time */
    double share;           /* of them in use, 0 to 1 */
};

struct survival {
    struct survivors old; /* the oldest that were observed from their beginning to their end */
    struct survivors young;
};

/* Find what is known. Cost: linear in the moments. */
struct survival survival_of(const struct sites *sites, const struct site *site);

#endif

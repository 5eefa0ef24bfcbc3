/*
 * What the collector says beside what the operating system says: whether memory is held, or only
 * not given back. One table of combinations; the first row that fits is the answer.
 */
#ifndef DIAGNOSE_CROSSCHECK_H
#define DIAGNOSE_CROSSCHECK_H

#include <stddef.h>

enum move {
    MOVE_UNKNOWN, /* in a row of the table: any */
    MOVE_DOWN,
    MOVE_FLAT,
    MOVE_UP,
};

struct signals {
    enum move live;     /* what is in use, after a collection where there is one */
    enum move resident; /* what the operating system counts */
    enum move pauses;   /* their length */
    enum move cycles;   /* how often they come */
    enum move returned; /* pages given back */
};

enum crosscheck {
    CROSSCHECK_HELD,         /* it is in use */
    CROSSCHECK_NOT_RETURNED, /* it is free, and still resident */
    CROSSCHECK_RETURNING,    /* it is being given back */
    CROSSCHECK_STEADY,
};

struct crosscheck_row {
    struct signals wanted;
    enum crosscheck means;
    const char *text;
};

/* The row that fits; NULL where too little is known. */
const struct crosscheck_row *crosscheck_find(const struct signals *signals);

/* The table, for its tests and its documentation. */
const struct crosscheck_row *crosscheck_rows(size_t *count);

#endif

#include "diagnose/crosscheck.h"

#include <stdbool.h>

#define ANY MOVE_UNKNOWN

/* In order: what says more stands first. */
static const struct crosscheck_row rows[] = {
    /* live, resident, pauses, cycles, returned */
    {{MOVE_UP, ANY, ANY, MOVE_UP, ANY},
     CROSSCHECK_HELD,
     "more collections, and what they leave grows all the same: a leak that goes on"},
    {{MOVE_UP, MOVE_FLAT, ANY, ANY, ANY},
     CROSSCHECK_HELD,
     "what is in use grows into memory that was resident already"},
    {{MOVE_UP, MOVE_DOWN, ANY, ANY, ANY},
     CROSSCHECK_HELD,
     "what is in use grows while pages are given back: both are true"},
    {{MOVE_UP, ANY, ANY, MOVE_DOWN, ANY},
     CROSSCHECK_HELD,
     "fewer collections because the heap that they wait for grows: what they leave grows"},
    {{MOVE_UP, ANY, ANY, ANY, ANY}, CROSSCHECK_HELD, "what is in use grows: it is held"},
    {{MOVE_FLAT, ANY, MOVE_UP, ANY, MOVE_UP},
     CROSSCHECK_RETURNING,
     "longer pauses while pages are suddenly given back: a return in progress"},
    {{MOVE_DOWN, ANY, MOVE_UP, ANY, MOVE_UP},
     CROSSCHECK_RETURNING,
     "longer pauses while pages are suddenly given back: a return in progress"},
    {{MOVE_DOWN, MOVE_UP, ANY, ANY, ANY},
     CROSSCHECK_NOT_RETURNED,
     "less is in use and more is resident: freed and not given back, or outside this heap"},
    {{MOVE_FLAT, MOVE_UP, ANY, ANY, MOVE_UP},
     CROSSCHECK_NOT_RETURNED,
     "pages are given back and more become resident: the growth is outside this heap, or free "
     "memory is scattered"},
    {{MOVE_FLAT, MOVE_UP, ANY, ANY, ANY},
     CROSSCHECK_NOT_RETURNED,
     "more is resident and no more is in use: free memory that is not given back, or outside "
     "this heap"},
    {{MOVE_DOWN, MOVE_FLAT, ANY, ANY, ANY},
     CROSSCHECK_NOT_RETURNED,
     "less is in use and as much is resident: freed and not given back"},
    {{MOVE_DOWN, MOVE_DOWN, ANY, ANY, ANY},
     CROSSCHECK_RETURNING,
     "less is in use and less is resident: given back"},
    {{MOVE_FLAT, MOVE_DOWN, ANY, ANY, ANY},
     CROSSCHECK_RETURNING,
     "as much is in use and less is resident: free memory was given back (scavenger, malloc_trim, "
     "MADV_DONTNEED)"},
    {{MOVE_FLAT, ANY, ANY, ANY, MOVE_UP},
     CROSSCHECK_RETURNING,
     "as much is in use, and the scavenger gives pages back"},
    {{MOVE_FLAT, MOVE_FLAT, ANY, MOVE_UP, ANY},
     CROSSCHECK_STEADY,
     "more collections, and nothing more is in use or resident: more is allocated, which costs "
     "time and no memory"},
    {{MOVE_FLAT, MOVE_FLAT, ANY, ANY, ANY},
     CROSSCHECK_STEADY,
     "as much is in use and resident as before"},
    {{MOVE_FLAT, ANY, ANY, MOVE_UP, ANY},
     CROSSCHECK_STEADY,
     "more collections, and they leave no more: more is allocated, which costs time and no memory"},
    {{MOVE_FLAT, ANY, ANY, MOVE_FLAT, ANY},
     CROSSCHECK_STEADY,
     "as many collections, and they leave as much as before"},
};

static bool fits(enum move wanted, enum move seen)
{
    return wanted == ANY || wanted == seen;
}

const struct crosscheck_row *crosscheck_find(const struct signals *signals)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct signals *wanted = &rows[i].wanted;
        if (fits(wanted->live, signals->live) && fits(wanted->resident, signals->resident) &&
            fits(wanted->pauses, signals->pauses) && fits(wanted->cycles, signals->cycles) &&
            fits(wanted->returned, signals->returned)) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct crosscheck_row *crosscheck_rows(size_t *count)
{
    *count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

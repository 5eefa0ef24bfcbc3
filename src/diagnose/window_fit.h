/* Whether what is in use is what was allocated in the last so many seconds. */
#ifndef DIAGNOSE_WINDOW_FIT_H
#define DIAGNOSE_WINDOW_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "diagnose/series.h"

struct window_fit {
    bool is_tried;       /* load varied enough to tell, and there were enough moments */
    double seconds;      /* the length that fits best */
    double kept_share;   /* of what is allocated in it; the rest is garbage at once */
    double error_share;  /* how far what is in use is off, as a share of it */
    double change_share; /* how much what is in use varies */
};

/*
 * Try lengths of windows.
 *
 * live       in use
 * allocated  since the program began, at the same moments
 * Cost       about 40 x count x log(count)
 */
struct window_fit window_fit(const struct series *live, const double *allocated);

#endif

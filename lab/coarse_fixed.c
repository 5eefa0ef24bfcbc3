/* A window of buckets: 100 ms or 60 s, it is as large. */
#include "window_fixed.h"

#define SPAN_NS UINT64_C(60000000000)

static int create(const struct lab_settings *settings, void **state)
{
    return window_fixed_create(settings, SPAN_NS, state);
}

const struct lab_case lab_case = {.create = create,
                                  .serve = window_fixed_serve,
                                  .figures = window_fixed_figures,
                                  .destroy = window_fixed_destroy};

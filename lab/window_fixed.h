/* Three fixed forms are one window of buckets, whose size neither rate nor span changes. */
#ifndef LAB_WINDOW_FIXED_H
#define LAB_WINDOW_FIXED_H

#include "case.h"

/* As struct lab_case has them; a span that is not given is `span_ns`. */
int window_fixed_create(const struct lab_settings *settings, uint64_t span_ns, void **state);
unsigned window_fixed_serve(void *state, const struct lab_request *request);
size_t window_fixed_figures(void *state, struct lab_figure *figures);
void window_fixed_destroy(void *state);

#endif

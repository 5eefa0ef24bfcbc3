/* Units of what profiles measure, and of labels, by all the names that `go tool pprof` has. */
#ifndef VIEW_MEASURE_H
#define VIEW_MEASURE_H

#include <stdbool.h>

#include <sluice/bytes.h>

enum measure_kind {
    MEASURE_BYTES,
    MEASURE_TIME,
    MEASURE_GCU, /* Google's units of computing */
};

struct measure {
    enum measure_kind kind;
    double factor; /* to bytes, nanoseconds or GCU */
};

/* Upper and lower case are one, and so are singular and plural. Returns false: not known. */
bool measure_find(struct slu_bytes unit, struct measure *measure);

#endif

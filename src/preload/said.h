/*
 * What the profiler has to say: one line on standard error, each kind of trouble once, without
 * allocating and without a word to the program's own streams.
 */
#ifndef PRELOAD_SAID_H
#define PRELOAD_SAID_H

#include <stdatomic.h>
#include <stdbool.h>

#include <sluice/api.h>

/* Static and zero at first: one for each kind of trouble. */
struct said {
    _Atomic bool once;
};

/*
 * Remember what standard error is now. A daemon closes it later and may open a file of its own in
 * its place: from then on nothing is said.
 */
void said_begin(void);

/* "sluice-heap: " and the text, as printf; errno is kept. Threads: any; also within a hook. */
void said_once(struct said *said, const char *format, ...) SLU_PRINTF(2, 3);

/* The same each time. */
void said_line(const char *format, ...) SLU_PRINTF(1, 2);

#endif

/* System calls in which threads are found waiting. */
#ifndef PRELOAD_BLOCKING_CALL_H
#define PRELOAD_BLOCKING_CALL_H

#include <stdbool.h>
#include <stdint.h>

struct thread_block;

/* Its name, or NULL for calls that seldom wait. */
const char *blocking_call_name(int64_t call);

/*
 * Whether the call would return EINTR if the thread were stopped for a moment, though no signal
 * comes: the program may not expect that.
 *
 * Source  signal(7), "Interruption of system calls and library functions by stop signals"
 */
bool blocking_call_minds_stops(const struct thread_block *block);

#endif

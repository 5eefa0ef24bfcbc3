/* The clock whose nanoseconds the library's calls take as `now_ns` and `deadline_ns`. */
#ifndef SLUICE_CLOCK_H
#define SLUICE_CLOCK_H

#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

/*
 * Nanoseconds of CLOCK_MONOTONIC: never backwards, not moved by the wall clock, stands still while
 * the machine is suspended. The zero is the machine's start, so values mean nothing elsewhere.
 *
 * Cost     one vDSO call, 20-60 ns; a loop that handles many events reads it once
 * Threads  any
 */
SLU_API uint64_t slu_clock_monotonic_ns(void);

SLU_END_DECLS

#endif

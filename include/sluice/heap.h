/*
 * Sampled heap profiles of the program itself.
 *
 * A program is profiled when it runs with libsluice-heap.so in LD_PRELOAD, or is linked with it
 * (-lsluice-heap, before any other allocator). Preloaded, it profiles from the beginning; linked,
 * it waits for slu_heap_start, or for SLUICE_HEAP_START=1. These four functions are exported by
 * libsluice-heap.so and by nothing else; a program that must also run without it declares them
 * weak.
 *
 * All settings come from the environment (SLUICE_HEAP_RATE, SLUICE_HEAP_OUT, ...).
 */
#ifndef SLUICE_HEAP_H
#define SLUICE_HEAP_H

#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

/*
 * Profile from now on.
 *
 * Returns  0; -EALREADY if it does; -ENOTSUP if the program's allocations do not come to the
 *          library, because it was loaded too late or after another allocator; -ENOMEM
 * Cost     the first time, maps the profile's memory: some 20 MiB, which become resident as used
 * Threads  any; not in a signal handler
 */
SLU_API SLU_MUST_USE int slu_heap_start(void);

/*
 * Sample no more. What has been sampled stays in the profile, and is still seen when it is freed.
 *
 * Returns  0; -EALREADY if nothing is sampled
 * Threads  any
 */
SLU_API int slu_heap_stop(void);

/*
 * Write the profile as gzip'd profile.proto, for pprof, to a file that is replaced when it is
 * whole; what is there and is not a regular file (a pipe, a device) is written into.
 *
 * path     NULL: the file that is written at exit
 * Returns  0; -ENODATA if there is no profile; a negative errno of the system's
 * Cost     milliseconds: it reads all stacks and writes some tens of KiB; allocates nothing
 * Threads  any, one after the other; not in a signal handler
 */
SLU_API SLU_MUST_USE int slu_heap_write(const char *path);

/*
 * The mean distance of samples, in allocated bytes. Each sample keeps the rate that it was taken
 * with, so that the profile stays right.
 *
 * bytes    1 (every allocation) to UINT32_MAX; the usual one is 524288
 * Returns  0; -EINVAL; -ENODATA if there is no profile
 * Threads  any; a thread follows at its next sample
 */
SLU_API SLU_MUST_USE int slu_heap_set_rate(uint64_t bytes);

SLU_END_DECLS

#endif

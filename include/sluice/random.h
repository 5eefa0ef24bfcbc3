/* Seeds for the library's hashes, so that nobody outside can choose keys that collide. */
#ifndef SLUICE_RANDOM_H
#define SLUICE_RANDOM_H

#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

/*
 * Draw 64 unpredictable bits from the kernel.
 *
 * Returns  0; the negative errno of getrandom(2) where the kernel does not give any
 * Cost     one system call, which blocks only shortly after the machine's start
 * Threads  any
 */
SLU_API SLU_MUST_USE int slu_random_seed(uint64_t *seed);

SLU_END_DECLS

#endif

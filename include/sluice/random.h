/* Seeds for the library's hashes, so that nobody outside can choose keys that collide. */
#ifndef SLUICE_RANDOM_H
#define SLUICE_RANDOM_H

#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

/*
 * Draw 64 unpredictable bits from the kernel.
 *
 * Returns  0; another negative errno when the kernel has no getrandom(2) or refuses it
 * Cost     one system call, which blocks only until the machine has gathered entropy after its
 * start Threads  any
 */
SLU_API SLU_MUST_USE int slu_random_seed(uint64_t *seed);

SLU_END_DECLS

#endif

/*
 * The simulated twin of clock and random: a program that links sys_sim_dep in place of sys_dep
 * gets the functions of <sluice/clock.h> and <sluice/random.h> from here, and steers them.
 *
 * Threads and futexes are real in both: a blocked wait always lasts by the machine's own clock.
 */
#ifndef SYS_SIM_H
#define SYS_SIM_H

#include <stdint.h>

/* What slu_clock_monotonic_ns gives from now on; a program starts at 0. Going back is allowed. */
void sim_clock_set(uint64_t now_ns);

/* Move the clock forward. */
void sim_clock_advance(uint64_t step_ns);

/* Restart the sequence that slu_random_seed draws from; a program starts as after state 0. */
void sim_random_set(uint64_t state);

/* Let slu_random_seed fail with `err` (a negative errno) until it is set to 0 again. */
void sim_random_fail(int err);

#endif

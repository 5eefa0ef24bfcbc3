/*
 * The flight recorder: a thread that watches how near the process is to being killed for memory,
 * and writes the profile and the account of memory before it is.
 *
 *   OUT.PID.flight.NUMBER.pb.gz   the last few
 *   OUT.PID.flight.NUMBER.json    the limit, and the account
 *
 * What writing needs is made resident long before, so that nothing need be faulted in at the limit.
 */
#ifndef PRELOAD_FLIGHT_H
#define PRELOAD_FLIGHT_H

#include <stdint.h>

struct output;

#define FLIGHT_PERCENT ((uint64_t)1 << 63) /* of a limit: the rest is percent, not bytes */

/*
 * Start it, if the process's control group is limited, or an own limit is given.
 *
 * own_limit  resident bytes, or FLIGHT_PERCENT and how many of the group's limit, or of the
 *            machine's memory; 0: none
 * Threads    once, where a thread may be started (own_thread.h)
 */
void flight_start(struct output *output, uint64_t own_limit);

#endif

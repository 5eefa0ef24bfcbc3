/*
 * The flight recorder watches how near the process is to being killed for memory, and writes the
 * profile and the account of memory before it is. Without a thread of its own the threads that
 * allocate look, each time that one of their allocations is sampled (docs/decisions/0017).
 *
 *   OUT.PID.flight.NUMBER.pb.gz   the last few
 *   OUT.PID.flight.NUMBER.json    the limit, and the account
 *
 * What writing needs is made resident long before, so that nothing need be faulted in at the limit.
 */
#ifndef PRELOAD_FLIGHT_H
#define PRELOAD_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

#define FLIGHT_PERCENT ((uint64_t)1 << 63) /* of a limit: the rest is percent, not bytes */

/*
 * Begin, if the process's control group is limited, or an own limit is given.
 *
 * own_limit  resident bytes, or FLIGHT_PERCENT and how many of the group's limit, or of the
 *            machine's memory; 0: none
 * Threads    once, where a thread may be started (own_thread.h)
 */
void flight_start(struct output *output, uint64_t own_limit, bool with_thread);

/*
 * Within a hook: `more_bytes` have been asked for, with this stack; 0 if it is not known.
 *
 * Cost  one comparison unless it is time; then some 10 us, and a record near a limit
 */
void flight_tick(uint64_t more_bytes, uint64_t now_ns, const uintptr_t *pcs, size_t count);

/* The program has threads: from now on one of ours looks. Where one may be started. */
void flight_take_thread(void);

/* In the child of fork: the thread has stayed with the parent. */
void flight_after_fork_child(void);

#endif

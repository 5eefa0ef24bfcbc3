/*
 * Threads of this process stopped for a moment each, by a helper process that shares its memory: a
 * process cannot trace itself.
 */
#ifndef PRELOAD_THREAD_STOP_H
#define PRELOAD_THREAD_STOP_H

#include <stdint.h>

struct thread_stacks;

/*
 * Stop each thread that is THREAD_UNANSWERED with err 0, and walk its stack meanwhile: then it is
 * THREAD_STOPPED, or has an err (-EPERM: somebody else traces it, or the system forbids it;
 * -ETIMEDOUT), or is THREAD_ENDED.
 *
 * deadline_ns  monotonic
 */
void threads_stop(struct thread_stacks *stacks, uint64_t deadline_ns);

#endif

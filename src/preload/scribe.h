/*
 * The thread that writes profiles periodically and on a signal. In a child of fork there is none:
 * there the next sampled allocation writes what is due.
 */
#ifndef PRELOAD_SCRIBE_H
#define PRELOAD_SCRIBE_H

#include <stdbool.h>
#include <stdint.h>

struct output;

/*
 * What is to be written when; scribe_start makes the thread for it, if there is anything to do.
 *
 * period_ns  0: nothing periodic
 * signal     0: none; it is caught unless the program has a handler for it already
 */
void scribe_init(struct output *output, uint64_t period_ns, int signal, uint64_t now_ns);

/* Where a thread may be started (own_thread.h). Threads: any; a second call does nothing. */
void scribe_start(void);

/* Within a hook, after a sample: write what is due, if no thread does. */
void scribe_tick(uint64_t now_ns);

/* In the child of fork: the thread has stayed with the parent. */
void scribe_after_fork_child(uint64_t now_ns);

#endif

/* All signals held back from a thread of the program while the profiler works in it. */
#ifndef PRELOAD_HELD_SIGNALS_H
#define PRELOAD_HELD_SIGNALS_H

#include <signal.h>

struct held_signals {
    sigset_t mask; /* as it was */
    sigset_t pending;
};

/* Returns 0; a negative errno, and nothing is held. */
int signals_hold(struct held_signals *held);

/* Let them in again, but for what the writing of files and sockets has raised itself. */
void signals_release(const struct held_signals *held);

#endif

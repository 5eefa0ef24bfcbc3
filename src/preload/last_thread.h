/*
 * The end of a program whose main thread ends before others. libc ends a process with its last
 * thread, and counts the profiler's among them: without more, a program that leaves main by
 * pthread_exit would never end.
 */
#ifndef PRELOAD_LAST_THREAD_H
#define PRELOAD_LAST_THREAD_H

#include <sys/types.h>

#include <sluice/bytes.h>

/*
 * See to it that the process ends with the program's last thread, if its first thread may end
 * earlier and threads of the profiler are there. Threads: where one may be started (own_thread.h).
 */
void last_thread_watch(void);

/* Once, in the process's first thread. */
void last_thread_begin(void);

/* In the child of fork, whose only thread may be another one than the program's first. */
void last_thread_after_fork_child(void);

/*
 * Whether none of the program's threads is left, by the text of /proc/self/stat.
 *
 * own_count  the profiler's threads
 * Returns    1; 0; -EBADMSG
 */
int last_thread_has_ended(struct slu_bytes stat, unsigned own_count);

#endif

/* Processes as /proc tells of them. */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Read a file of /proc/PID, as far as there is room, with a final zero. Allocates nothing.
 *
 * name     "stat", "task/4711/status"
 * Returns  0; -ESRCH if there is no such process or thread; a negative errno of the system
 */
int process_file_read(pid_t process, const char *name, char *text, size_t text_bytes, size_t *len);

/*
 * When a process began, in the kernel's ticks since the machine did: with its number that names it
 * for ever, while numbers are used again. Allocates nothing.
 *
 * Returns  0; -ESRCH if there is no such process; -EBADMSG; a negative errno of the system
 */
int process_start_ticks(pid_t process, uint64_t *ticks);

#endif

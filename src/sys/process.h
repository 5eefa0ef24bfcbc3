/* Processes as /proc tells of them. */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * When a process began, in the kernel's ticks since the machine did: with its number that names it
 * for ever, while numbers are used again. Allocates nothing.
 *
 * Returns  0; -ESRCH if there is no such process; -EBADMSG; a negative errno of the system
 */
int process_start_ticks(pid_t process, uint64_t *ticks);

#endif

/* Connections to the pages of a profiled program. */
#ifndef CLI_PAGES_CONNECT_H
#define CLI_PAGES_CONNECT_H

#include <stdint.h>
#include <sys/types.h>

#include <sluice/api.h>

struct slu_diag;

/*
 * Connect to the profiler in a process: in its network namespace, if that is another one and this
 * program may enter it (which it stays in then).
 *
 * Returns  0 with the socket; a negative errno, and `diag` says what can be done
 */
SLU_MUST_USE int pages_connect_process(pid_t process, int *connected, struct slu_diag *diag);

/* The same for a host and a port by name or number. */
SLU_MUST_USE int pages_connect_host(const char *host, const char *port, int *connected,
                                    struct slu_diag *diag);

#endif

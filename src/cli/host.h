/*
 * What the program learns from the process and the system around it: the one place of src/cli that
 * asks them.
 */
#ifndef CLI_HOST_H
#define CLI_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "draw/terminal.h"

/* A sink_write; `context` points to a descriptor. */
int host_write(void *context, const char *bytes, size_t len);

/* Create or empty a file for writing. Returns 0 or a negative errno value. */
SLU_MUST_USE int host_create_file(const char *path, int *fd);
SLU_MUST_USE int host_close_file(int fd);

/*
 * What `fd` shows. Colour: on a terminal that is not TERM=dumb, unless NO_COLOR is set and not
 * empty (https://no-color.org). UTF-8: unless the locale's variables name something else.
 */
struct draw_terminal host_terminal(int fd);
struct draw_terminal host_output_terminal(void); /* of standard output */

/* From now on SIGINT, SIGTERM and SIGHUP do not end the program, but are waited for. */
void host_hold_interrupts(void);

/*
 * Wait until `until_ns` on the clock of slu_clock_monotonic_ns, or for an interrupt.
 *
 * Returns  true at an interrupt, whenever it came after host_hold_interrupts
 */
bool host_wait(uint64_t until_ns);

/* Bytes of this process that are in memory, or 0 where /proc does not say. */
uint64_t host_resident_bytes(void);

#endif

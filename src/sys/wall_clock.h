/* The time of day, for what people and other programs read; never for measuring. */
#ifndef SYS_WALL_CLOCK_H
#define SYS_WALL_CLOCK_H

#include <stdint.h>

/* Nanoseconds since 1970 in UTC, as the machine is set; it may jump. Cost: one vDSO call. */
int64_t wall_clock_ns(void);

#endif

/* The family below, where sampled blocks stay in its memory: free and realloc ask the filter. */
#ifndef PRELOAD_WATCH_H
#define PRELOAD_WATCH_H

#include <stdint.h>

/*
 * Watch sampled blocks by address from now on.
 *
 * count    how many may be live
 * Returns  0; -ENOMEM
 */
int watch_install(uint32_t count);

#endif

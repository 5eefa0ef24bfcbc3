/* The dynamic loader at work. */
#ifndef PRELOAD_LOADER_H
#define PRELOAD_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Look up where it is. Not within a hook. */
void loader_find(void);

/*
 * Whether the loader has a frame in this stack: its list of modules may be between two states. Also
 * if it has not been found.
 */
bool loader_is_in(const uintptr_t *pcs, size_t count);

#endif

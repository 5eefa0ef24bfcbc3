/*
 * Which anonymous mappings the program has made itself, and from where: what an account of its
 * memory calls them by. A bounded table; what finds no room is counted and is nobody's.
 */
#ifndef PRELOAD_MAPPED_H
#define PRELOAD_MAPPED_H

#include <stddef.h>
#include <stdint.h>

#define MAPPED_MAX 4096

struct mapped {
    uint64_t start;
    uint64_t bytes;
    uint64_t caller; /* the return address of the call */
};

/* Threads: any, also at once; also signal handlers. Cost: 32 slots are looked at. */
void mapped_add(uintptr_t start, size_t bytes, uintptr_t caller);

/*
 * The range is unmapped, or something else is mapped over it. What libc unmaps for itself is not
 * told here, so that an entry may be out of date.
 *
 * Cost  32 slots for what was mapped in one piece, otherwise all
 */
void mapped_remove(uintptr_t start, size_t bytes);

/* Copy the table, in no order. Returns how many; each is whole, all of them of no one moment. */
size_t mapped_list(struct mapped entries[MAPPED_MAX]);

/* How many found no room. */
uint64_t mapped_lost(void);

#endif

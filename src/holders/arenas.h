/* Where glibc's malloc has its memory. */
#ifndef HOLDERS_ARENAS_H
#define HOLDERS_ARENAS_H

#include <sluice/api.h>

#define ARENA_BYTES 0x898 /* of glibc's struct malloc_state */

struct heap;
struct image;
struct slu_diag;

/* Fill heap->arenas and heap->extents. Returns as heap_create. */
SLU_MUST_USE int arenas_find(struct heap *heap, struct image *image, struct slu_diag *diag);

#endif

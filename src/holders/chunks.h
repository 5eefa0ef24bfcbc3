/* Chunks of glibc's malloc, one behind the other. */
#ifndef HOLDERS_CHUNKS_H
#define HOLDERS_CHUNKS_H

#include <stdint.h>

#include <sluice/api.h>

struct heap;
struct image;

#define CHUNK_HEADER_BYTES 16 /* the size before, if that chunk is free; its own size and flags */
#define CHUNK_BYTES_MIN    32
#define CHUNK_PREVIOUS     1 /* flags: the chunk before is in use */
#define CHUNK_MAPPED       2
#define CHUNK_THREADED     4 /* of another arena than the main one */
#define CHUNK_FLAGS        7

/* Put all chunks that are in use into heap->starts and sizes, and their bits. As heap_create. */
SLU_MUST_USE int chunks_walk(struct heap *heap, struct image *image);

#endif

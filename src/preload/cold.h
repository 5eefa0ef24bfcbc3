/*
 * The family's calls that are not just passed on. Each is jumped to from the function of its name
 * in family.c with the stack as the program left it, so that the caller's frame is the program's.
 */
#ifndef PRELOAD_COLD_H
#define PRELOAD_COLD_H

#include <stddef.h>

#define COLD __attribute__((noinline, cold, visibility("hidden")))

/* The countdown has run out, and the size been subtracted. */
COLD void *cold_malloc(size_t size);
COLD void *cold_calloc(size_t count, size_t size);
COLD void *cold_memalign(size_t align, size_t size);
COLD void *cold_aligned_alloc(size_t align, size_t size);
COLD int cold_posix_memalign(void **block, size_t align, size_t size);

/* The same for a block that is none of ours, or NULL. */
COLD void *cold_realloc(void *block, size_t size);

/* The block is ours; nothing has been subtracted. */
COLD void *cold_realloc_block(void *block, size_t size);
COLD void cold_free(void *block);
COLD size_t cold_usable_size(const void *block);

#endif

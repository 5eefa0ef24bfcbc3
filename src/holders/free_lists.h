/* What glibc's malloc keeps for itself although it looks in use: thread caches and fastbins. */
#ifndef HOLDERS_FREE_LISTS_H
#define HOLDERS_FREE_LISTS_H

struct heap;
struct image;

/* Clear the bits of their blocks in heap->words. What is damaged is told, and left as it is. */
void free_lists_subtract(struct heap *heap, struct image *image);

#endif

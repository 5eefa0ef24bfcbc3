/* Advice to the kernel about memory that is looked up at random. */
#ifndef SYS_PAGES_H
#define SYS_PAGES_H

#include <stddef.h>

#define PAGES_HUGE_BYTES ((size_t)2 * 1024 * 1024)

/*
 * Ask for huge pages in a mapping of at least two of them, so that a look-up in it does not also
 * miss the processor's page table caches. Without them it works the same, so nothing is reported.
 * What becomes resident at a first touch is then a huge page instead of a small one.
 *
 * Source  madvise(2), MADV_HUGEPAGE
 */
void pages_want_huge(void *mapping, size_t size_bytes);

#endif

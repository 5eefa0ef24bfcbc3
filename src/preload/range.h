/*
 * A run of reserved address space of which a prefix is open: readable, writable, and zero where it
 * was never touched. What is reserved only costs the kernel one entry; the open prefix is charged
 * as any other memory of the process, so that limits hold, mlockall touches no more than that, and
 * there are two mappings however many blocks lie in it.
 */
#ifndef PRELOAD_RANGE_H
#define PRELOAD_RANGE_H

#include <stdbool.h>
#include <stddef.h>

#define RANGE_PAGE_SHIFT 12
#define RANGE_PAGE_BYTES ((size_t)1 << RANGE_PAGE_SHIFT)

struct range {
    char *base;
    size_t reserved_bytes;
    size_t open_bytes; /* grows in steps of `step_bytes` or an eighth, whichever is more */
    size_t step_bytes;
    bool huge_pages;
};

/*
 * Reserve address space, without memory, at a multiple of `align_bytes`.
 *
 * bytes    a multiple of the page
 * Returns  0; -ENOMEM
 * Owner    the process, until it ends
 */
int range_reserve(size_t bytes, size_t align_bytes, char **base);

/*
 * A part of what was reserved, closed as yet.
 *
 * huge_pages  false: none, because what is freed page by page would stay resident in them
 */
void range_init(struct range *range, char *base, size_t bytes, size_t step_bytes, bool huge_pages);

/*
 * Let at least the first `bytes` be open.
 *
 * Returns  0; -ENOMEM beyond what is reserved, or when the system refuses the memory
 * Cost     one system call when it grows
 */
int range_open(struct range *range, size_t bytes);

/* Give back all from `bytes` (a multiple of the page) on, also the system's charge for it. */
void range_close(struct range *range, size_t bytes);

/*
 * Give back the memory of open pages; they read as zero afterwards.
 *
 * Returns  0; a negative errno, e.g. for pages that are locked: they keep what they hold
 */
int range_clean(char *start, size_t bytes);

/* The same by new pages, which are one mapping with those beside them, whatever was moved here. */
int range_renew(const struct range *range, char *start, size_t bytes);

#endif

/* Memory of the profiler's own: pages that belong to it until the process ends. */
#ifndef PRELOAD_PAGES_H
#define PRELOAD_PAGES_H

#include <stddef.h>
#include <stdint.h>

/* Zero pages, or NULL. */
void *pages_map(size_t bytes);

/* Give back what pages_map has given, whole. */
void pages_unmap(void *pages, size_t bytes);

/* Memory of the profiler's that came from elsewhere (a stack): an account counts it as ours. */
void pages_note(const void *pages, size_t bytes);

struct pages_region {
    uint64_t start;
    uint64_t bytes;
};

#define PAGES_REGIONS_MAX 64 /* further ones are not known as ours */

/*
 * Where that is kept, for those who look from outside: PAGES_REGIONS_MAX pairs of start and bytes,
 * of which those without bytes are none.
 */
const volatile void *pages_table(void);

/* All that is mapped now. Returns how many. Threads: any. */
size_t pages_regions(struct pages_region regions[PAGES_REGIONS_MAX]);

#endif

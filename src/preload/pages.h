/* Memory of the profiler's own: pages that belong to it until the process ends. */
#ifndef PRELOAD_PAGES_H
#define PRELOAD_PAGES_H

#include <stddef.h>

/* Zero pages, or NULL. */
void *pages_map(size_t bytes);

#endif

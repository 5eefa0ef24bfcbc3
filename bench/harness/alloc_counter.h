/* Counts the allocating calls of a benchmark program, ours and the peer's alike. */
#ifndef BENCH_ALLOC_COUNTER_H
#define BENCH_ALLOC_COUNTER_H

#include <stdint.h>

/* Calls to malloc, calloc, realloc, aligned_alloc and mmap since the program began. */
uint64_t bench_alloc_count(void);

#endif

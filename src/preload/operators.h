/* C++'s operators new and delete, which some allocators bring themselves. */
#ifndef PRELOAD_OPERATORS_H
#define PRELOAD_OPERATORS_H

/*
 * Find whose operators are below ours. The loader's lock is taken.
 *
 * malloc_below  the allocator's malloc
 */
void operators_resolve(const void *malloc_below);

#endif

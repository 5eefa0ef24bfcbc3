/* The profiler's life in the process: what the rest of the folder tells it. */
#ifndef PRELOAD_HEAP_H
#define PRELOAD_HEAP_H

/* Once, when all constructors have run. */
void heap_main_begins(void);

/* After the program has begun a thread. Threads: any; not within a hook. */
void heap_thread_begun(void);

/* The process's first thread is about to end, and others may go on. Not within a hook. */
void heap_first_thread_ends(void);

/* Before and after the program unloads a module. Threads: any; not within a hook. */
void heap_modules_unloading(void);
void heap_modules_unloaded(void);

#endif

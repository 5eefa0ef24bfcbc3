/*
 * A table of open files for one thread of the profiler's: what the program closes and opens does
 * not touch it, and it holds nothing of the program's open.
 */
#ifndef PRELOAD_OWN_FILES_H
#define PRELOAD_OWN_FILES_H

/* In the thread, once. Where the system does not grant it, files are shared as before. */
void own_files_begin(void);

/* Around what is said on standard error: the program's, as it is now. */
void own_files_begin_saying(void);
void own_files_end_saying(void);

#endif

/* Where a sink leads: into a file. */
#ifndef PRELOAD_FILE_PUT_H
#define PRELOAD_FILE_PUT_H

#include <stddef.h>

/* A sink_write whose context is an int, the file's descriptor; signals do not cut it short. */
int file_put(void *file, const char *bytes, size_t len);

#endif

/* Where libsluice-heap.so is, and the environment in which a program runs under it. */
#ifndef CLI_HEAP_LIBRARY_H
#define CLI_HEAP_LIBRARY_H

#include <stddef.h>

#include <sluice/api.h>

struct slu_diag;

#define HEAP_ENVIRONMENT_MAX 16 /* settings that may be added */

/* NAME=VALUE settings for the library; values are borrowed. */
struct heap_setting {
    const char *name;
    const char *value;
};

/*
 * The library's path: what SLUICE_HEAP_LIBRARY says, else beside this program as it was built or
 * installed.
 *
 * Returns  0; -ENOENT if it is in neither place; -EINVAL if LD_PRELOAD cannot express the path
 */
SLU_MUST_USE int heap_library_find(char *path, size_t path_bytes, struct slu_diag *diag);

/* The path of this program, or "" if /proc does not say. */
void heap_program_find(char *path, size_t path_bytes);

/*
 * This program's environment with the library in front of LD_PRELOAD, and the settings.
 *
 * Returns  0; -ENOMEM
 * Owner    the caller frees it with heap_environment_free
 */
SLU_MUST_USE int heap_environment_make(const char *library, const struct heap_setting *settings,
                                       size_t setting_count, char ***environment);

void heap_environment_free(char ***environment);

#endif

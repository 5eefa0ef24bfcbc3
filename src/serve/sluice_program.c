#include "serve/sluice_program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From the program's folder: as installed, as built. */
static const char *const places[] = {"sluice", "../cli/sluice"};

int sluice_program_find(char *path, size_t path_bytes)
{
    char own[PATH_MAX];
    char found[PATH_MAX + sizeof("/../cli/sluice")];
    ssize_t own_len = readlink("/proc/self/exe", own, sizeof(own) - 1);
    if (own_len <= 0) {
        return -ENOENT;
    }
    own[own_len] = '\0';
    char *slash = strrchr(own, '/');
    *(slash == NULL ? own : slash) = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int len = snprintf(found, sizeof(found), "%s/%s", own, places[i]);
        if (len > 0 && (size_t)len < path_bytes && access(found, X_OK) == 0) {
            memcpy(path, found, (size_t)len + 1);
            return 0;
        }
    }
    return -ENOENT;
}

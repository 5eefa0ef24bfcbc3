#include "cli/serve_program.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "cli/heap_library.h"

/* From the program's folder: as installed, as built. */
static const char *const places[] = {"sluice-serve", "../serve/sluice-serve"};

int serve_program_find(char *path, size_t path_bytes, struct slu_diag *diag)
{
    char folder[PATH_MAX];
    const char *told = getenv("SLUICE_SERVE");
    bool is_found = false;
    if (told != NULL && told[0] != '\0') {
        int len = snprintf(path, path_bytes, "%s", told);
        is_found = len > 0 && (size_t)len < path_bytes && access(path, X_OK) == 0;
    } else {
        heap_program_find(folder, sizeof(folder));
        char *slash = strrchr(folder, '/');
        *(slash == NULL ? folder : slash) = '\0';
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !is_found; i++) {
            int len = snprintf(path, path_bytes, "%s/%s", folder, places[i]);
            is_found = len > 0 && (size_t)len < path_bytes && access(path, X_OK) == 0;
        }
    }
    return is_found ? 0
                    : diag_fail(diag, -ENOENT,
                                "sluice-serve is not beside this program; set SLUICE_SERVE to its"
                                " path");
}

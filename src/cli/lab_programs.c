#include "cli/lab_programs.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "cli/heap_library.h"

/* From the program's folder: as built, as installed. */
static const char *const places[] = {"../../lab", SLUICE_LAB_FOLDER};

static bool take_place(char *path, size_t path_bytes, const char *folder, const char *place,
                       const char *name)
{
    int len = snprintf(path, path_bytes, "%s%s%s/lab-%s", folder, place[0] == '\0' ? "" : "/",
                       place, name);
    return len > 0 && (size_t)len < path_bytes && access(path, X_OK) == 0;
}

int lab_program_find(const char *name, char *path, size_t path_bytes, struct slu_diag *diag)
{
    char folder[PATH_MAX];
    const char *told = getenv("SLUICE_LAB");
    bool is_found = false;
    if (told != NULL && told[0] != '\0') {
        is_found = take_place(path, path_bytes, told, "", name);
    } else {
        heap_program_find(folder, sizeof(folder));
        char *slash = strrchr(folder, '/');
        *(slash == NULL ? folder : slash) = '\0';
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !is_found; i++) {
            is_found = take_place(path, path_bytes, folder, places[i], name);
        }
    }
    return is_found ? 0
                    : diag_fail(diag, -ENOENT,
                                "lab-%.80s is not beside this program; set SLUICE_LAB to the "
                                "folder that has it",
                                name);
}

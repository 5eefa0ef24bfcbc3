#include "cli/heap_library.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"

#define LIBRARY_NAME "libsluice-heap.so"

/* From the program's folder: as built, as installed. */
static const char *const places[] = {
    "../preload/" LIBRARY_NAME,
    SLUICE_LIBRARY_FOLDER "/" LIBRARY_NAME,
};

void heap_program_find(char *path, size_t path_bytes)
{
    ssize_t len = readlink("/proc/self/exe", path, path_bytes - 1);
    path[len > 0 ? len : 0] = '\0';
}

static bool own_folder(char *folder, size_t folder_bytes)
{
    heap_program_find(folder, folder_bytes);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return slash != NULL;
}

/* The real path, so that the watched program may change its folder. */
static bool take_place(const char *candidate, char *path, size_t path_bytes)
{
    char *real = realpath(candidate, NULL);
    bool taken = real != NULL && strlen(real) < path_bytes;
    if (taken) {
        memcpy(path, real, strlen(real) + 1);
    }
    free(real);
    return taken;
}

static bool search(char *path, size_t path_bytes)
{
    const char *told = getenv("SLUICE_HEAP_LIBRARY");
    if (told != NULL && told[0] != '\0') {
        return take_place(told, path, path_bytes);
    }
    char folder[PATH_MAX];
    if (!own_folder(folder, sizeof(folder))) {
        return false;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char candidate[2 * PATH_MAX];
        int len = snprintf(candidate, sizeof(candidate), "%s/%s", folder, places[i]);
        if (len > 0 && (size_t)len < sizeof(candidate) && take_place(candidate, path, path_bytes)) {
            return true;
        }
    }
    return false;
}

int heap_library_find(char *path, size_t path_bytes, struct slu_diag *diag)
{
    if (!search(path, path_bytes)) {
        return diag_fail(diag, -ENOENT,
                         LIBRARY_NAME " is not beside this program; set SLUICE_HEAP_LIBRARY to "
                                      "its path");
    }
    if (strpbrk(path, ": \t\n") != NULL) {
        return diag_fail(diag, -EINVAL,
                         "%.120s has a space or colon in its path, which LD_PRELOAD cannot express",
                         path);
    }
    return 0;
}

static char *variable_make(const char *name, const char *value, const char *tail)
{
    char *variable = NULL;
    bool has_tail = tail != NULL && tail[0] != '\0';
    int len =
        asprintf(&variable, "%s=%s%s%s", name, value, has_tail ? ":" : "", has_tail ? tail : "");
    return len < 0 ? NULL : variable;
}

static bool is_variable(const char *variable, const char *name)
{
    size_t len = strlen(name);
    return strncmp(variable, name, len) == 0 && variable[len] == '=';
}

static bool is_set_anew(const char *variable, const struct heap_setting *settings, size_t count)
{
    bool found = is_variable(variable, "LD_PRELOAD");
    for (size_t i = 0; i < count && !found; i++) {
        found = is_variable(variable, settings[i].name);
    }
    return found;
}

void heap_environment_free(char ***environment)
{
    for (char **variable = *environment; variable != NULL && *variable != NULL; variable++) {
        free(*variable);
    }
    free(*environment);
    *environment = NULL;
}

int heap_environment_make(const char *library, const struct heap_setting *settings,
                          size_t setting_count, char ***environment)
{
    size_t inherited = 0;
    while (environ[inherited] != NULL) {
        inherited++;
    }
    char **made = calloc(inherited + setting_count + 2, sizeof(*made));
    if (made == NULL) {
        return -ENOMEM;
    }
    size_t count = 0;
    made[count++] = variable_make("LD_PRELOAD", library, getenv("LD_PRELOAD"));
    for (size_t i = 0; i < setting_count && made[count - 1] != NULL; i++) {
        made[count++] = variable_make(settings[i].name, settings[i].value, NULL);
    }
    for (size_t i = 0; i < inherited && made[count - 1] != NULL; i++) {
        if (!is_set_anew(environ[i], settings, setting_count)) {
            made[count++] = strdup(environ[i]);
        }
    }
    if (made[count - 1] == NULL) {
        heap_environment_free(&made);
        return -ENOMEM;
    }
    *environment = made;
    return 0;
}

#include "symbol/demangle.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>

void demangler_open(struct demangler *demangler)
{
    demangler->demangle = NULL;
    demangler->library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
    void *found = demangler->library == NULL ? NULL : dlsym(demangler->library, "__cxa_demangle");
    memcpy(&demangler->demangle, &found, sizeof(found)); /* POSIX: as large as a function's */
}

void demangler_close(struct demangler *demangler)
{
    if (demangler->library != NULL) {
        dlclose(demangler->library);
    }
    *demangler = (struct demangler){0};
}

const char *demangler_name(const struct demangler *demangler, struct slu_arena *arena,
                           const char *name)
{
    if (demangler->demangle == NULL || strncmp(name, "_Z", 2) != 0) {
        return name;
    }
    int status = 0;
    /* Parts that the compiler split off a function (.cold, .part.0) are that function to people. */
    size_t len = strcspn(name, ".");
    char *mangled = strndup(name, len);
    char *readable = mangled == NULL ? NULL : demangler->demangle(mangled, NULL, NULL, &status);
    free(mangled);
    char *kept = NULL;
    if (readable != NULL && slu_arena_copy(arena, readable, strlen(readable), &kept) != 0) {
        kept = NULL;
    }
    free(readable);
    return kept == NULL ? name : kept;
}

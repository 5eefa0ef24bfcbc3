/* A module that stress.c loads and unloads: it allocates when it is loaded, and when called. */
#include <stdlib.h>
#include <string.h>

void *plugin_allocate(size_t size);

static void *kept;

__attribute__((constructor)) static void plugin_load(void)
{
    kept = malloc(3000);
}

__attribute__((destructor)) static void plugin_unload(void)
{
    free(kept);
}

__attribute__((visibility("default"), noinline)) void *plugin_allocate(size_t size)
{
    void *block = malloc(size);
    if (block != NULL) {
        memset(block, 7, size);
    }
    return block;
}

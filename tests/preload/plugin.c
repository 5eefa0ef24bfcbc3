/* A module that stress.c loads and unloads: it allocates when it is loaded, and when called. */
#include <stdlib.h>
#include <string.h>

void *plugin_allocate(size_t size);

#ifdef PLUGIN_OTHER
/* Another module of the same size, whose code is elsewhere in it. */
int plugin_other(int number);

__attribute__((visibility("default"), noinline)) int plugin_other(int number)
{
    return number * PLUGIN_OTHER + 1;
}
#endif

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

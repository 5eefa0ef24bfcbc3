/*
 * The one moment at which a thread of ours may be started without being asked: when all
 * constructors have run and main has not begun. libc calls main through this function, and we do.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "preload/heap.h"

typedef int main_function(int argument_count, char **arguments, char **environment);

typedef int start_function(main_function *program_main, int argument_count, char **arguments,
                           void (*init)(void), void (*fini)(void), void (*loader_fini)(void),
                           void *stack_end);

__attribute__((visibility("default"))) start_function __libc_start_main;

static main_function *watched_main;

/* Jumps to main: no frame of ours is below the program's. */
static int main_begin(int argument_count, char **arguments, char **environment)
{
    heap_main_begins();
    return watched_main(argument_count, arguments, environment);
}

int __libc_start_main(main_function *program_main, int argument_count, char **arguments,
                      void (*init)(void), void (*fini)(void), void (*loader_fini)(void),
                      void *stack_end)
{
    start_function *next_start = NULL;
    void *found = dlsym(RTLD_NEXT, "__libc_start_main");
    memcpy(&next_start, &found, sizeof(found));
    if (next_start == NULL) {
        abort(); /* a C library that starts no program */
    }
    watched_main = program_main;
    return next_start(main_begin, argument_count, arguments, init, fini, loader_fini, stack_end);
}

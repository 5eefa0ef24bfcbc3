#include "cli/opener.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

static bool has_screen(void)
{
    return getenv("DISPLAY") != NULL || getenv("WAYLAND_DISPLAY") != NULL ||
           getenv("BROWSER") != NULL;
}

void opener_open(const char *url)
{
    char program[] = "xdg-open";
    char *copy = (char *)(uintptr_t)url; /* exec does not write to it */
    char *words[] = {program, copy, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    if (!has_screen() || posix_spawn_file_actions_init(&actions) != 0) {
        return;
    }
    bool is_quiet = true;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        is_quiet =
            is_quiet && posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0) == 0;
    }
    if (is_quiet) {
        /* Without it the address in the terminal remains. Its end is not waited for. */
        (void)posix_spawnp(&child, program, &actions, NULL, words, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
}

/*
 * heap_run_subject WORD ...: keeps 64 MiB, from a function that the test looks for, and then does
 * what the words say: "exit N", "kill N" (itself), "wait" (until a signal ends it), "fork"
 * (a child, which keeps as much again).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK_BYTES 16384
#define BLOCK_COUNT 4096

static void *kept[BLOCK_COUNT];
static volatile sig_atomic_t told_to_end;

static void end(int number)
{
    told_to_end = number;
}

__attribute__((noinline)) static void keep_blocks(void)
{
    for (int i = 0; i < BLOCK_COUNT; i++) {
        kept[i] = malloc(BLOCK_BYTES);
    }
}

static void wait_for_signal(void)
{
    sigset_t term;
    sigset_t before;
    signal(SIGTERM, end);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    printf("waiting\n");
    fflush(stdout);
    while (told_to_end == 0) {
        sigsuspend(&before);
    }
    exit(40 + (int)told_to_end);
}

int main(int argc, char **argv)
{
    keep_blocks();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "exit") == 0) {
            exit((int)strtol(argv[i + 1], NULL, 10));
        } else if (strcmp(argv[i], "kill") == 0) {
            raise((int)strtol(argv[i + 1], NULL, 10));
        } else if (strcmp(argv[i], "wait") == 0) {
            wait_for_signal();
        } else if (strcmp(argv[i], "fork") == 0) {
            if (fork() == 0) {
                keep_blocks();
            } else {
                wait(NULL);
            }
        }
    }
    return kept[0] == NULL;
}

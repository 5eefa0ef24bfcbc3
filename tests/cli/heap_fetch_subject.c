/*
 * heap_fetch_subject [thread]: one thread, or two; keeps 1 MiB from keep_block for each line that
 * it reads, until there are no more. "fork" in a line: a child does so from then on.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)1 << 20)

struct block {
    struct block *next;
    char rest[BLOCK_BYTES - sizeof(struct block *)];
};

static struct block *kept;

__attribute__((noinline)) static void keep_block(void)
{
    struct block *block = malloc(sizeof(*block));
    if (block == NULL) {
        abort();
    }
    block->next = kept;
    kept = block;
}

static void *wait_for_ever(void *unused)
{
    pause();
    return unused;
}

static void say(const char *what)
{
    printf("%s %ld\n", what, (long)getpid());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[64];
    pthread_t thread;
    if (argc > 1 && strcmp(argv[1], "thread") == 0 &&
        pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) {
        return 1;
    }
    say("ready");
    while (fgets(line, sizeof(line), stdin) != NULL) {
        pid_t child = strcmp(line, "fork\n") == 0 ? fork() : 0;
        if (child > 0) {
            waitpid(child, NULL, 0);
            return 0;
        }
        keep_block();
        say("kept");
    }
    return 0;
}

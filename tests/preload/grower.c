/*
 * grower STEP_KIB: allocates so much more for each byte that it reads, until something ends it, or
 * nothing more is to be read. Each time it says that it has; at a 'c' it closes its output.
 *
 * What grows is allocated by grow_for_ever; keep_steadily frees what it allocates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct block {
    struct block *before;
};

static struct block *volatile last;

__attribute__((noinline)) void grow_for_ever(size_t bytes);
__attribute__((noinline)) void keep_steadily(size_t bytes);

void grow_for_ever(size_t bytes)
{
    struct block *block = malloc(bytes);
    if (block == NULL) {
        exit(3);
    }
    memset(block, 1, bytes);
    block->before = last;
    last = block;
}

void keep_steadily(size_t bytes)
{
    char *volatile block = malloc(bytes);
    block[0] = 1;
    free(block);
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 2) {
        return 2;
    }
    size_t step_bytes = strtoull(arguments[1], NULL, 10) << 10;
    closefrom(STDERR_FILENO + 1); /* as daemons do */
    setvbuf(stdin, NULL, _IONBF, 0);
    for (int byte = getchar(); byte != EOF; byte = getchar()) {
        if (byte == 'c') {
            fclose(stdout);
            continue;
        }
        grow_for_ever(step_bytes);
        keep_steadily(step_bytes);
        putchar('.');
        fflush(stdout);
    }
    return 0;
}

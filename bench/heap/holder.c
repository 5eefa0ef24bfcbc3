/*
 * A program that holds what it is asked for, until its standard input ends: what a profiler's
 * memory is measured beside.
 *
 *   holder COUNT BYTES
 *
 * It says "ready" when each of COUNT blocks of BYTES has been written to.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void hold(size_t count, size_t bytes)
{
    void *chain = NULL;
    for (size_t i = 0; i < count; i++) {
        void *block = malloc(bytes);
        if (block == NULL) {
            abort();
        }
        memset(block, 1, bytes);
        memcpy(block, &chain, sizeof(chain));
        chain = block;
    }
    puts("ready");
    fflush(stdout);
    char input = 0;
    while (read(STDIN_FILENO, &input, 1) > 0) {
    }
    __asm__ volatile("" : : "r"(chain) : "memory");
}

int main(int argc, char **argv)
{
    size_t count = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
    size_t bytes = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (bytes < sizeof(void *)) {
        fputs("usage: holder COUNT BYTES, of at least 8 bytes\n", stderr);
        return 2;
    }
    hold(count, bytes);
    return 0;
}

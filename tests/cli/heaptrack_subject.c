/* A program for heaptrack: holds, frees, goes deep, and reaches its peak before its end. */
#include <stdlib.h>
#include <string.h>

#define HELD 1000

static void *held[HELD];

__attribute__((noinline)) static void *block_make(size_t size_bytes)
{
    char *block = malloc(size_bytes);
    if (block != NULL) {
        memset(block, 1, size_bytes);
    }
    return block;
}

static inline __attribute__((always_inline)) void *inlined_make(size_t size_bytes)
{
    return block_make(size_bytes + 1);
}

__attribute__((noinline)) static void hold(void)
{
    for (size_t i = 0; i < HELD; i++) {
        held[i] = inlined_make(100 + i % 3);
    }
}

__attribute__((noinline)) static void churn(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        free(block_make(32));
    }
}

__attribute__((noinline)) static void descend(int depth)
{
    if (depth == 0) {
        churn(50);
    } else {
        descend(depth - 1);
    }
    __asm__ volatile(""); /* no call in the last place, which would take the frame away */
}

int main(void)
{
    hold();
    free(block_make((size_t)1 << 20));
    descend(5);
    for (size_t i = 0; i < HELD / 2; i++) {
        free(held[i]);
    }
    held[0] = calloc(10, 10);
    void *larger = realloc(held[0], 500);
    held[0] = larger != NULL ? larger : held[0];
    return 0;
}

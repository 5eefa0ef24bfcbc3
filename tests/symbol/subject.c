/* What is looked up: the test compiles it itself, with and without debug information. */
#include <stdio.h>
#include <stdlib.h>

volatile int sink;

static inline __attribute__((always_inline)) int innermost(int value)
{
    sink += value;
    return sink * 3;
}

static inline __attribute__((always_inline)) int middle(int value)
{
    return innermost(value + 1) + innermost(value + 2);
}

__attribute__((noinline)) static int hidden_from_outside(int value)
{
    return middle(value) ^ 5;
}

__attribute__((noinline)) int seen_from_outside(int value)
{
    for (int i = 0; i < value; i++) {
        sink ^= hidden_from_outside(i);
    }
    return sink;
}

int main(int argc, char **argv)
{
    (void)argv;
    printf("%d\n", seen_from_outside(argc));
    return EXIT_SUCCESS;
}

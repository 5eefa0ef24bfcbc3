/*
 * A program whose memory grows until something ends it, or it has grown enough:
 *
 *   grower STEP_KIB KIB_A_SECOND [MOST_KIB]   0 a second: as fast as it can
 *
 * What grows is allocated by grow_for_ever; keep_steadily frees what it allocates.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct block {
    struct block *before;
};

static struct block *volatile last;

__attribute__((noinline)) void grow_for_ever(size_t bytes)
{
    struct block *block = malloc(bytes);
    if (block == NULL) {
        exit(3);
    }
    memset(block, 1, bytes);
    block->before = last;
    last = block;
}

__attribute__((noinline)) void keep_steadily(size_t bytes)
{
    char *volatile block = malloc(bytes);
    block[0] = 1;
    free(block);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    size_t step_bytes = strtoull(argv[1], NULL, 10) << 10;
    uint64_t rate_bytes = strtoull(argv[2], NULL, 10) << 10;
    uint64_t bytes_max = argc > 3 ? strtoull(argv[3], NULL, 10) << 10 : UINT64_MAX;
    uint64_t begun_ns = now_ns();
    for (uint64_t bytes = 0; bytes < bytes_max; bytes += step_bytes) {
        uint64_t due_ns =
            rate_bytes == 0 ? 0 : begun_ns + bytes / 1024 * 1000000 / (rate_bytes / 1024) * 1000;
        while (now_ns() < due_ns) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        }
        grow_for_ever(step_bytes);
        keep_steadily(step_bytes);
    }
    puts("grown");
    return 0;
}

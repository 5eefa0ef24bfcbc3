/*
 * Blocks that are held so that nothing says what they are: kept(block, type) tells the truth, as a
 * line with address and type; types that are called differently stand apart by |.
 */
#ifndef TESTS_HOLDERS_SITES_KEPT_H
#define TESTS_HOLDERS_SITES_KEPT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_MAX 256

static void *kept_blocks[KEPT_MAX];
static unsigned kept_count;
static char kept_lines[1 << 14]; /* of stdout: a block of its own would be one more */

__attribute__((unused)) static void kept(const void *block, const char *type)
{
    if (block == NULL || kept_count == KEPT_MAX) {
        exit(3);
    }
    if (kept_count == 0) {
        setvbuf(stdout, kept_lines, _IOFBF, sizeof(kept_lines));
    }
    memcpy(&kept_blocks[kept_count++], &block, sizeof(block));
    printf("%p\t%s\n", block, type);
}

/* Does not return: the blocks are looked at from outside. */
__attribute__((unused)) static void kept_all(void)
{
    puts("ready");
    fflush(stdout);
    for (;;) {
        pause();
    }
}

#endif

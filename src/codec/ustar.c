/*
 * A file is a block of 512 bytes and its content, filled up with zeros to whole blocks:
 *
 *     0    100  name                        124  12  size in bytes, octal
 *     100    8  mode                        136  12  time, seconds since 1970, octal
 *     108    8  owner                       148   8  sum of the block's bytes, octal; itself as
 *     116    8  group                                blanks
 *     156    1  kind: 0 or NUL is a file    257   8  "ustar", NUL, "00"
 *
 * Two blocks of zeros are the end.
 */
#include "codec/ustar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define MODE_AT      100
#define OWNER_AT     108
#define GROUP_AT     116
#define NUMBER_BYTES 12

uint64_t ustar_sum(const char block[USTAR_BLOCK_BYTES])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < USTAR_BLOCK_BYTES; i++) {
        bool is_sum = i >= USTAR_SUM_AT && i < USTAR_SUM_AT + USTAR_SUM_BYTES;
        sum += is_sum ? ' ' : (unsigned char)block[i];
    }
    return sum;
}

void ustar_block_make(char block[USTAR_BLOCK_BYTES], const char *name, uint64_t size,
                      uint64_t seconds)
{
    size_t name_len = strlen(name);
    SLU_ASSERT(name_len <= USTAR_NAME_MAX);
    SLU_ASSERT(size <= USTAR_NUMBER_MAX && seconds <= USTAR_NUMBER_MAX);
    memset(block, 0, USTAR_BLOCK_BYTES);
    memcpy(block, name, name_len);
    memcpy(block + MODE_AT, "0000644", 8);
    memcpy(block + OWNER_AT, "0000000", 8);
    memcpy(block + GROUP_AT, "0000000", 8);
    (void)snprintf(block + USTAR_SIZE_AT, NUMBER_BYTES, "%011llo", (unsigned long long)size);
    (void)snprintf(block + USTAR_TIME_AT, NUMBER_BYTES, "%011llo", (unsigned long long)seconds);
    block[USTAR_KIND_AT] = '0';
    memcpy(block + USTAR_MAGIC_AT,
           "ustar\0"
           "00",
           8);
    (void)snprintf(block + USTAR_SUM_AT, USTAR_SUM_BYTES, "%06llo",
                   (unsigned long long)ustar_sum(block));
    block[USTAR_SUM_AT + USTAR_SUM_BYTES - 1] = ' ';
}

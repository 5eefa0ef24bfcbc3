/*
 * The block before each file in a tar archive.
 *
 * Source  POSIX.1-2017, pax, "ustar Interchange Format"
 */
#ifndef CODEC_USTAR_H
#define CODEC_USTAR_H

#include <stdint.h>

#define USTAR_BLOCK_BYTES 512
#define USTAR_NAME_MAX    99                   /* bytes */
#define USTAR_NUMBER_MAX  UINT64_C(8589934591) /* of seconds and of bytes: eleven octal digits */

/* Where its fields are. */
#define USTAR_SIZE_AT   124
#define USTAR_TIME_AT   136
#define USTAR_SUM_AT    148
#define USTAR_SUM_BYTES 8
#define USTAR_KIND_AT   156
#define USTAR_MAGIC_AT  257

/*
 * Make the block of a plain file.
 *
 * name     at most USTAR_NAME_MAX bytes
 * size     of the file in bytes, up to USTAR_NUMBER_MAX; so are `seconds`, since 1970
 */
void ustar_block_make(char block[USTAR_BLOCK_BYTES], const char *name, uint64_t size,
                      uint64_t seconds);

/* The sum of its bytes, the sum's own as blanks. */
uint64_t ustar_sum(const char block[USTAR_BLOCK_BYTES]);

/* What a file of that length takes behind its block: whole blocks. */
static inline uint64_t ustar_padded(uint64_t len)
{
    return (len + USTAR_BLOCK_BYTES - 1) / USTAR_BLOCK_BYTES * USTAR_BLOCK_BYTES;
}

#endif

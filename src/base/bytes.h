/* Byte views inside the library. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <string.h>

#include <sluice/bytes.h>

static inline bool bytes_equal(struct slu_bytes left, struct slu_bytes right)
{
    return left.len == right.len && (left.len == 0 || memcmp(left.data, right.data, left.len) == 0);
}

#endif

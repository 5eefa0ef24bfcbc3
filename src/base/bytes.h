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

/* Cut `text` at the first `separator`: what stands before it; `text` goes on behind it. */
static inline struct slu_bytes bytes_cut(struct slu_bytes *text, char separator)
{
    const char *begin = (const char *)text->data;
    if (text->len == 0) {
        return *text;
    }
    const char *found = (const char *)memchr(begin, separator, text->len);
    size_t len = found == NULL ? text->len : (size_t)(found - begin);
    size_t used = found == NULL ? len : len + 1;
    *text = (struct slu_bytes){begin + used, text->len - used};
    return (struct slu_bytes){begin, len};
}

#endif

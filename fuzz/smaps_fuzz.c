/*
 * Property: whatever the text, and in whatever pieces it comes, reading ends, and gives the same
 * mappings; each is no shorter than nothing, and its name lies within bounds.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "preload/smaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t left;
    size_t step;
};

static long source_read(void *context, char *bytes, size_t size)
{
    struct source *source = context;
    size_t len = source->left < source->step ? source->left : source->step;
    len = len < size ? len : size;
    memcpy(bytes, source->data, len);
    source->data += len;
    source->left -= len;
    return (long)len;
}

/* A sum over all that was read. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t step)
{
    static char buffer[LINES_BUFFER_BYTES];
    struct source source = {data, size, step};
    struct smaps smaps;
    struct smap smap;
    uint64_t sum = 0;
    uint64_t count = 0;
    smaps_init(&smaps, source_read, &source, buffer);
    while (smaps_next(&smaps, &smap) == 1) {
        SLU_ASSERT(smap.start <= smap.limit && smap.name.len <= SMAPS_NAME_MAX);
        SLU_ASSERT(++count <= size);
        sum = sum * 31 + smap.start + smap.rss_bytes + smap.anonymous_bytes * 3;
        for (size_t i = 0; i < smap.name.len; i++) {
            sum = sum * 31 + ((const uint8_t *)smap.name.data)[i];
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = read_all(data, size, SIZE_MAX);
    if (size < LINES_BUFFER_BYTES) {
        SLU_ASSERT(read_all(data, size, 1) == whole);
        SLU_ASSERT(read_all(data, size, 7) == whole);
    }
    return 0;
}

#include "codec/gzip.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"

#define GZIP_WINDOW_BITS (15 + 16) /* with gzip's head and tail */
#define MEMORY_LEVEL     8
#define SIZE_BYTES       sizeof(max_align_t)

/* zlib tells no sizes when it frees: they stand before the memory. */
static voidpf take(voidpf opaque, uInt count, uInt size)
{
    void *memory = NULL;
    size_t bytes = (size_t)count * size + SIZE_BYTES;
    if (slu_budget_alloc(opaque, bytes, &memory) != 0) {
        return Z_NULL;
    }
    memcpy(memory, &bytes, sizeof(bytes));
    return (char *)memory + SIZE_BYTES;
}

static void give(voidpf opaque, voidpf address)
{
    size_t bytes = 0;
    char *memory = (char *)address - SIZE_BYTES;
    memcpy(&bytes, memory, sizeof(bytes));
    slu_budget_free(opaque, memory, bytes);
}

int gzip_all(struct slu_budget *budget, struct slu_bytes input, struct block *output)
{
    if (input.len > UINT_MAX / 2) {
        return -EOVERFLOW;
    }
    z_stream stream = {.zalloc = take, .zfree = give, .opaque = budget};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return -EDQUOT;
    }
    struct block block = {0};
    int err = block_begin(budget, deflateBound(&stream, input.len), &block);
    if (err == 0) {
        union { /* zlib reads without promising it */
            const void *in;
            Bytef *zlib;
        } from = {.in = input.data};
        stream.next_in = from.zlib;
        stream.avail_in = (uInt)input.len;
        stream.next_out = block.data;
        stream.avail_out = (uInt)block.size_bytes;
        int result = deflate(&stream, Z_FINISH);
        SLU_ASSERT(result == Z_STREAM_END); /* deflateBound has said so */
        block.len = block.size_bytes - stream.avail_out;
        *output = block;
    }
    (void)deflateEnd(&stream); /* tells of a stream that is not whole: then `err` does */
    return err;
}

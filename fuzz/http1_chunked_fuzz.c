/*
 * Property: whatever the bytes, decoding them at once and one by one gives the same data and the
 * same verdict, and never more data than bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "net/http1_chunked.h"

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct decoded {
    unsigned char data[INPUT_MAX];
    size_t len;
    int err;
    bool complete;
};

/* `step` bytes at a time. */
static void decode(const uint8_t *bytes, size_t len, size_t step, struct decoded *decoded)
{
    struct chunked chunked = {0};
    decoded->len = 0;
    decoded->err = 0;
    for (size_t at = 0; at < len && decoded->err == 0 && !chunked_is_complete(&chunked);) {
        struct slu_bytes input = {bytes + at, len - at < step ? len - at : step};
        size_t before = input.len;
        struct slu_bytes piece;
        decoded->err = chunked_next(&chunked, &input, &piece);
        SLU_ASSERT(decoded->err != 0 || input.len < before);
        if (decoded->err == 0 && piece.len > 0) {
            SLU_ASSERT(decoded->len + piece.len <= len);
            memcpy(decoded->data + decoded->len, piece.data, piece.len);
            decoded->len += piece.len;
        }
        at += before - input.len;
    }
    decoded->complete = chunked_is_complete(&chunked);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct decoded whole;
    static struct decoded pieces;
    len = len > INPUT_MAX ? INPUT_MAX : len;
    decode(bytes, len, INPUT_MAX, &whole);
    decode(bytes, len, 1, &pieces);
    SLU_ASSERT(whole.err == pieces.err && whole.complete == pieces.complete);
    SLU_ASSERT(whole.err != 0 ||
               (whole.len == pieces.len && memcmp(whole.data, pieces.data, whole.len) == 0));
    return 0;
}

/*
 * Property: whatever is compressed, in whatever pieces and with one writer after another in the
 * same memory, the gzip reader gives it back, and it is no longer than stated.
 *
 * The first byte chooses the pieces. Runs of bytes are repeated from what came before, so that a
 * short input makes a long text with matches near and far.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/sink.h"
#include "codec/gunzip.h"
#include "profile/gzip_writer.h"

#define TEXT_MAX (3 * DEFLATE_BLOCK_BYTES)
#define ROOM     (2 * TEXT_MAX)

static char text[TEXT_MAX];
static char written[ROOM];

/* Pairs of a length and a distance among the input's bytes repeat what the text has there. */
static size_t expand(const uint8_t *data, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < size && len < TEXT_MAX; i++) {
        text[len++] = (char)data[i];
        if (data[i] % 8 != 7 || i + 3 >= size) {
            continue;
        }
        size_t repeat = (size_t)data[i + 1] * (data[i + 1] % 4 == 3 ? 100 : 1);
        size_t distance = ((size_t)data[i + 2] << 8 | data[i + 3]) % len + 1;
        for (; repeat > 0 && len < TEXT_MAX; repeat--, len++) {
            text[len] = text[len - distance];
        }
        i += 3;
    }
    return len;
}

static size_t compress(size_t len, size_t piece)
{
    static struct gzip_writer gzip;
    struct sink sink;
    sink_init_fixed(&sink, written, sizeof(written));
    gzip_writer_init(&gzip, &sink);
    for (size_t at = 0; at < len; at += piece) {
        SLU_ASSERT(gzip_write(&gzip, text + at, len - at < piece ? len - at : piece) == 0);
    }
    gzip_writer_end(&gzip);
    SLU_ASSERT(sink_end(&sink) == 0);
    return sink.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *root = NULL;
    struct block back = {0};
    if (size == 0 || slu_budget_create(NULL, "fuzz", 8 << 20, &root) != 0) {
        return 0;
    }
    size_t len = expand(data + 1, size - 1);
    size_t written_len = compress(len, (size_t)data[0] * data[0] + 1);
    SLU_ASSERT(written_len <= len + 5 * (len / DEFLATE_BLOCK_BYTES) + 28);
    SLU_ASSERT(gunzip_all(root, (struct slu_bytes){written, written_len}, TEXT_MAX, &back) == 0);
    SLU_ASSERT(back.len == len && (len == 0 || memcmp(back.data, text, len) == 0));
    block_free(root, &back);
    slu_budget_destroy(&root);
    return 0;
}

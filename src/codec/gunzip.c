#include "codec/gunzip.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <isa-l/igzip_lib.h>

#include <sluice/budget.h>

#include "base/block.h"

#define FIRST_BLOCK_BYTES ((size_t)64 * 1024)
#define DEFLATE_RATIO_MAX 1032 /* of the deflate format: 258 bytes from two bits */
#define GZIP_BYTES_MIN    18   /* of a file with nothing in it */

struct gunzip {
    struct slu_budget *budget;
    uint64_t left_bytes; /* that may still come out */
    bool inside;         /* a member has not ended yet; also before the first */
    struct inflate_state state;
};

bool gunzip_is_gzip(struct slu_bytes bytes)
{
    return bytes.len >= 2 && memcmp(bytes.data, "\x1f\x8b", 2) == 0;
}

static uint32_t checks_of(enum gunzip_format format)
{
    return format == GUNZIP_GZIP ? ISAL_GZIP : format == GUNZIP_ZLIB ? ISAL_ZLIB : ISAL_DEFLATE;
}

static int create(struct slu_budget *budget, enum gunzip_format format, uint64_t output_bytes_max,
                  struct gunzip **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct gunzip), &block);
    if (err != 0) {
        return err;
    }
    struct gunzip *gunzip = block;
    gunzip->budget = budget;
    gunzip->left_bytes = output_bytes_max;
    gunzip->inside = true;
    isal_inflate_init(&gunzip->state);
    gunzip->state.crc_flag = checks_of(format);
    *out = gunzip;
    return 0;
}

int gunzip_create(struct slu_budget *budget, uint64_t output_bytes_max, struct gunzip **out)
{
    return create(budget, GUNZIP_GZIP, output_bytes_max, out);
}

void gunzip_destroy(struct gunzip **gunzip)
{
    if (gunzip == NULL || *gunzip == NULL) {
        return;
    }
    slu_budget_free((*gunzip)->budget, *gunzip, sizeof(struct gunzip));
    *gunzip = NULL;
}

static uint32_t piece(size_t bytes)
{
    return bytes > INT32_MAX ? INT32_MAX : (uint32_t)bytes;
}

/* One call of the decoder, between the ends of `input` and `output`. */
static int step(struct gunzip *gunzip, struct slu_bytes *input, unsigned char *output,
                size_t output_bytes, size_t *written)
{
    struct inflate_state *state = &gunzip->state;
    state->next_in = (uint8_t *)(uintptr_t)input->data; /* it is only read */
    state->avail_in = piece(input->len);
    state->next_out = output;
    state->avail_out = piece(output_bytes);
    uint32_t before_in = state->avail_in;
    uint32_t before_out = state->avail_out;
    gunzip->inside = true;
    int status = isal_inflate(state);
    size_t used = before_in - state->avail_in;
    input->data = (const unsigned char *)input->data + used;
    input->len -= used;
    *written = before_out - state->avail_out;
    if (status != ISAL_DECOMP_OK && status != ISAL_END_INPUT && status != ISAL_OUT_OVERFLOW) {
        return -EBADMSG;
    }
    if (state->block_state == ISAL_BLOCK_FINISH) {
        /* It may have read on; not behind gzip's sum, and other formats are read in one piece. */
        size_t behind = (size_t)state->read_in_length / CHAR_BIT;
        input->data = (const unsigned char *)input->data - behind;
        input->len += behind;
        gunzip->inside = false;
        isal_inflate_reset(state);
    }
    return 0;
}

int gunzip_read(struct gunzip *gunzip, struct slu_bytes *input, void *output, size_t output_bytes,
                size_t *written)
{
    unsigned char *at = output;
    size_t total = 0;
    /* Output may be held back when all input is in, so that only standing still is the end. */
    for (bool moved = true; moved && total < output_bytes;) {
        size_t got = 0;
        size_t input_before = input->len;
        if (input->len == 0 && !gunzip->inside) {
            break;
        }
        int err = step(gunzip, input, at + total, output_bytes - total, &got);
        if (err != 0) {
            return err;
        }
        if (got > gunzip->left_bytes) {
            return -EFBIG;
        }
        gunzip->left_bytes -= got;
        total += got;
        moved = got > 0 || input->len < input_before;
    }
    *written = total;
    return 0;
}

int gunzip_end(const struct gunzip *gunzip)
{
    return gunzip->inside ? -EBADMSG : 0;
}

/* What the file says of its size is a first guess, if the format makes it possible at all. */
static size_t first_guess(enum gunzip_format format, struct slu_bytes input,
                          uint64_t output_bytes_max)
{
    uint32_t said = 0;
    if (format == GUNZIP_GZIP && input.len >= GZIP_BYTES_MIN) {
        memcpy(&said, (const unsigned char *)input.data + input.len - sizeof(said), sizeof(said));
    }
    uint64_t guess = said / DEFLATE_RATIO_MAX > input.len ? 0 : said;
    guess = guess < FIRST_BLOCK_BYTES ? FIRST_BLOCK_BYTES : guess + 1;
    return (size_t)(guess > output_bytes_max ? output_bytes_max + 1 : guess);
}

/* The block is a byte larger than what may come out, so that a full one has to grow. */
static int text_fill(struct slu_budget *budget, struct gunzip *gunzip, struct slu_bytes input,
                     uint64_t output_bytes_max, struct block *text)
{
    size_t most = output_bytes_max < SIZE_MAX ? (size_t)output_bytes_max + 1 : SIZE_MAX;
    for (;;) {
        size_t written = 0;
        int err = gunzip_read(gunzip, &input, (char *)text->data + text->len,
                              text->size_bytes - text->len, &written);
        if (err != 0) {
            return err;
        }
        text->len += written;
        if (text->len < text->size_bytes) {
            return gunzip_end(gunzip);
        }
        err = block_grow(budget, text, most);
        if (err != 0) {
            return err;
        }
    }
}

int gunzip_all(struct slu_budget *budget, struct slu_bytes input, uint64_t output_bytes_max,
               struct block *text)
{
    return gunzip_all_as(budget, GUNZIP_GZIP, input, output_bytes_max, text);
}

int gunzip_all_as(struct slu_budget *budget, enum gunzip_format format, struct slu_bytes input,
                  uint64_t output_bytes_max, struct block *text)
{
    struct gunzip *gunzip = NULL;
    int err = create(budget, format, output_bytes_max, &gunzip);
    if (err != 0) {
        return err;
    }
    struct block whole;
    err = block_begin(budget, first_guess(format, input, output_bytes_max), &whole);
    if (err == 0) {
        err = text_fill(budget, gunzip, input, output_bytes_max, &whole);
        if (err == 0) {
            *text = whole;
        } else {
            block_free(budget, &whole);
        }
    }
    gunzip_destroy(&gunzip);
    return err;
}

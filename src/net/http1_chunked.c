#include "net/http1_chunked.h"

#include <errno.h>

enum {
    SIZE_FIRST, /* a digit must come */
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at a line's beginning */
    TRAILER_LINE,
    TRAILER_LF,
    END_LF,
    COMPLETE,
};

bool chunked_is_complete(const struct chunked *chunked)
{
    return chunked->state == COMPLETE;
}

static int digit_of(unsigned char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    unsigned lower = byte | 0x20u;
    return lower >= 'a' && lower <= 'f' ? (int)(lower - 'a') + 10 : -1;
}

static int size_step(struct chunked *chunked, unsigned char byte)
{
    int digit = digit_of(byte);
    if (digit >= 0) {
        if (chunked->left_bytes >> 59 != 0) {
            return -EBADMSG;
        }
        chunked->left_bytes = 16 * chunked->left_bytes + (uint64_t)digit;
        chunked->state = SIZE;
        return 0;
    }
    if (chunked->state == SIZE_FIRST) {
        return -EBADMSG;
    }
    chunked->state = byte == '\r' ? SIZE_LF : EXTENSION;
    return byte == '\r' || byte == ';' ? 0 : -EBADMSG;
}

/* An extension or a trailer: anything but control characters, up to the line's end. */
static int text_step(struct chunked *chunked, unsigned char byte, uint32_t at_end)
{
    if (byte == '\r') {
        chunked->state = at_end;
        return 0;
    }
    return (byte < 0x20 && byte != '\t') || byte == 0x7f ? -EBADMSG : 0;
}

static int expect(struct chunked *chunked, unsigned char byte, unsigned char wanted, uint32_t next)
{
    if (byte != wanted) {
        return -EBADMSG;
    }
    chunked->state = next;
    chunked->line_bytes = next == SIZE_FIRST || next == DATA ? 0 : chunked->line_bytes;
    return 0;
}

/* One byte that is not data. */
static int step(struct chunked *chunked, unsigned char byte)
{
    switch (chunked->state) {
    case SIZE_FIRST:
    case SIZE:
        return size_step(chunked, byte);
    case EXTENSION:
        return text_step(chunked, byte, SIZE_LF);
    case SIZE_LF:
        return expect(chunked, byte, '\n', chunked->left_bytes == 0 ? TRAILER : DATA);
    case DATA_CR:
        return expect(chunked, byte, '\r', DATA_LF);
    case DATA_LF:
        return expect(chunked, byte, '\n', SIZE_FIRST);
    case TRAILER:
        chunked->state = byte == '\r' ? END_LF : TRAILER_LINE;
        return byte == ' ' || byte == ':' ? -EBADMSG
               : byte == '\r'             ? 0
                                          : text_step(chunked, byte, TRAILER_LF);
    case TRAILER_LINE:
        return text_step(chunked, byte, TRAILER_LF);
    case TRAILER_LF:
        return expect(chunked, byte, '\n', TRAILER);
    default:
        return expect(chunked, byte, '\n', COMPLETE);
    }
}

static uint32_t line_max(const struct chunked *chunked)
{
    return chunked->state < DATA ? CHUNKED_LINE_BYTES_MAX : CHUNKED_TRAILER_BYTES_MAX;
}

int chunked_next(struct chunked *chunked, struct slu_bytes *input, struct slu_bytes *piece)
{
    const unsigned char *at = input->data;
    const unsigned char *end = at + input->len;
    *piece = (struct slu_bytes){0};
    int err = 0;
    while (err == 0 && at < end && chunked->state != COMPLETE && chunked->state != DATA) {
        err = ++chunked->line_bytes > line_max(chunked) ? -EBADMSG : step(chunked, *at);
        at++;
    }
    if (err == 0 && chunked->state == DATA && at < end) {
        uint64_t len = (uint64_t)(end - at);
        len = len < chunked->left_bytes ? len : chunked->left_bytes;
        *piece = (struct slu_bytes){at, (size_t)len};
        at += len;
        chunked->left_bytes -= len;
        chunked->state = chunked->left_bytes == 0 ? DATA_CR : DATA;
    }
    *input = (struct slu_bytes){at, (size_t)(end - at)};
    return err;
}

#include "codec/snappy.h"

#include <errno.h>
#include <string.h>

/*
 * A block: the decoded length as a varint, then elements, each begun by a tag byte.
 *
 *   tag & 3   what                the tag's other bits
 *   0         literal bytes       length - 1; 60..63: it follows in 1..4 bytes
 *   1         copy, 1 more byte   length - 4 in bits 2-4, distance's high 3 bits in bits 5-7
 *   2         copy, 2 more bytes  length - 1
 *   3         copy, 4 more bytes  length - 1
 */

struct decoding {
    const unsigned char *at;
    const unsigned char *end;
    unsigned char *out;
    size_t written;
    size_t len;
};

/* Returns the bytes of the varint, or 0 if it is none of 32 bits. */
static size_t length_read(struct slu_bytes block, uint64_t *len)
{
    const unsigned char *at = block.data;
    uint64_t value = 0;
    for (size_t i = 0; i < 5 && i < block.len; i++) {
        value |= (uint64_t)(at[i] & 127u) << (7 * i);
        if ((at[i] & 128u) == 0) {
            *len = value;
            return value >> 32 == 0 ? i + 1 : 0;
        }
    }
    return 0;
}

int snappy_length(struct slu_bytes block, uint64_t *len)
{
    return length_read(block, len) == 0 ? -EBADMSG : 0;
}

static int number_read(struct decoding *decoding, size_t bytes, uint64_t *value)
{
    if ((size_t)(decoding->end - decoding->at) < bytes) {
        return -EBADMSG;
    }
    *value = 0;
    for (size_t i = 0; i < bytes; i++) {
        *value |= (uint64_t)decoding->at[i] << (8 * i);
    }
    decoding->at += bytes;
    return 0;
}

static int literal(struct decoding *decoding, unsigned tag)
{
    uint64_t len = tag >> 2;
    if (len >= 60 && number_read(decoding, (size_t)len - 59, &len) != 0) {
        return -EBADMSG;
    }
    len++;
    if (len > (size_t)(decoding->end - decoding->at) || len > decoding->len - decoding->written) {
        return -EBADMSG;
    }
    memcpy(decoding->out + decoding->written, decoding->at, (size_t)len);
    decoding->at += len;
    decoding->written += (size_t)len;
    return 0;
}

/* A distance below the length repeats what it has just written. */
static int copy(struct decoding *decoding, uint64_t distance, size_t len)
{
    if (distance == 0 || distance > decoding->written || len > decoding->len - decoding->written) {
        return -EBADMSG;
    }
    unsigned char *to = decoding->out + decoding->written;
    const unsigned char *from = to - distance;
    if (distance >= len) {
        memcpy(to, from, len);
    } else {
        for (size_t i = 0; i < len; i++) {
            to[i] = from[i];
        }
    }
    decoding->written += len;
    return 0;
}

static int element(struct decoding *decoding)
{
    unsigned tag = *decoding->at++;
    uint64_t distance = 0;
    switch (tag & 3) {
    case 0:
        return literal(decoding, tag);
    case 1:
        if (number_read(decoding, 1, &distance) != 0) {
            return -EBADMSG;
        }
        return copy(decoding, distance | (uint64_t)(tag >> 5) << 8, (tag >> 2 & 7) + 4);
    default:
        if (number_read(decoding, (tag & 3) == 2 ? 2 : 4, &distance) != 0) {
            return -EBADMSG;
        }
        return copy(decoding, distance, (tag >> 2) + 1);
    }
}

int snappy_decompress(struct slu_bytes block, void *out, size_t len)
{
    uint64_t said = 0;
    size_t head_len = length_read(block, &said);
    if (head_len == 0 || said != len) {
        return -EBADMSG;
    }
    const unsigned char *begin = block.data;
    struct decoding decoding = {
        .at = begin + head_len, .end = begin + block.len, .out = out, .len = len};
    while (decoding.at < decoding.end) {
        if (element(&decoding) != 0) {
            return -EBADMSG;
        }
    }
    return decoding.written == len ? 0 : -EBADMSG;
}

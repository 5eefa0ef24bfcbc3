#include "codec/protobuf_reader.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

void protobuf_reader_init(struct protobuf_reader *reader, struct slu_bytes message)
{
    const uint8_t *begin = message.data;
    *reader = (struct protobuf_reader){
        .begin = begin,
        .at = begin,
        .end = message.len == 0 ? begin : begin + message.len,
    };
}

int protobuf_reader_end(const struct protobuf_reader *reader)
{
    return reader->broken ? -EBADMSG : 0;
}

uint64_t protobuf_reader_offset(const struct protobuf_reader *reader)
{
    return reader->at == NULL ? 0 : (uint64_t)(reader->at - reader->begin);
}

/* The place after the varint at `at`, or NULL if it is cut off or has more than 64 bits. */
static const uint8_t *varint_slow(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    uint64_t read = 0;
    for (unsigned i = 0; i < PROTOBUF_VARINT_BYTES_MAX && at < end; i++) {
        uint8_t byte = *at++;
        if (i == PROTOBUF_VARINT_BYTES_MAX - 1 && byte > 1) {
            return NULL;
        }
        read |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value = read;
            return at;
        }
    }
    return NULL;
}

/* Lengths vary, so that a branch for each byte could not be foretold. */
static const uint8_t *varint_wide(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    uint64_t read = 0;
    uint32_t len = protobuf_short_varint(at, at, end, &read);
    if (len == 0) {
        return varint_slow(at, end, value);
    }
    *value = read;
    return at + len;
}

static inline const uint8_t *varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    if (__builtin_expect(at < end && *at < 0x80, 1)) {
        *value = *at;
        return at + 1;
    }
    return varint_wide(at, end, value);
}

static const uint8_t *tag(const uint8_t *at, const uint8_t *end, struct protobuf_field *field)
{
    uint64_t read = 0;
    at = varint(at, end, &read);
    if (at == NULL || read >> 3 == 0 || read >> 3 > PROTOBUF_FIELD_MAX) {
        return NULL;
    }
    field->number = (uint32_t)(read >> 3);
    field->wire = (enum protobuf_wire)(read & 7);
    return at;
}

static const uint8_t *fixed(const uint8_t *at, const uint8_t *end, size_t size_bytes,
                            uint64_t *value)
{
    if ((size_t)(end - at) < size_bytes) {
        return NULL;
    }
    uint64_t read = 0;
    memcpy(&read, at, size_bytes); /* the format and x86-64 and AArch64 are little-endian */
    *value = read;
    return at + size_bytes;
}

static const uint8_t *counted(const uint8_t *at, const uint8_t *end, struct slu_bytes *bytes)
{
    uint64_t len = 0;
    at = varint(at, end, &len);
    if (at == NULL || len > (uint64_t)(end - at)) {
        return NULL;
    }
    *bytes = (struct slu_bytes){at, (size_t)len};
    return at + len;
}

/* The place after a field that is no group, or NULL. */
static const uint8_t *content(const uint8_t *at, const uint8_t *end, struct protobuf_field *field)
{
    switch (field->wire) {
    case PROTOBUF_VARINT:
        return varint(at, end, &field->value);
    case PROTOBUF_FIXED64:
        return fixed(at, end, sizeof(uint64_t), &field->value);
    case PROTOBUF_BYTES:
        return counted(at, end, &field->bytes);
    case PROTOBUF_FIXED32:
        return fixed(at, end, sizeof(uint32_t), &field->value);
    case PROTOBUF_GROUP:
    case PROTOBUF_GROUP_END:
        break;
    }
    return NULL;
}

/* The place after the group whose start tag has just been read, or NULL. */
static const uint8_t *group(const uint8_t *at, const uint8_t *end, struct protobuf_field *field)
{
    uint32_t open[PROTOBUF_GROUP_DEPTH_MAX] = {field->number};
    uint32_t depth = 1;
    const uint8_t *begin = at;
    while (depth > 0) {
        struct protobuf_field inner = {0};
        const uint8_t *start = at;
        at = tag(at, end, &inner);
        if (at == NULL) {
            return NULL;
        }
        if (inner.wire == PROTOBUF_GROUP_END) {
            if (open[--depth] != inner.number) {
                return NULL;
            }
            field->bytes = (struct slu_bytes){begin, (size_t)(start - begin)};
        } else if (inner.wire == PROTOBUF_GROUP) {
            if (depth == PROTOBUF_GROUP_DEPTH_MAX) {
                return NULL;
            }
            open[depth++] = inner.number;
        } else {
            at = content(at, end, &inner);
            if (at == NULL) {
                return NULL;
            }
        }
    }
    return at;
}

bool protobuf_next(struct protobuf_reader *reader, struct protobuf_field *field)
{
    if (reader->at == reader->end || reader->broken) {
        return false;
    }
    struct protobuf_field read = {0};
    const uint8_t *at = tag(reader->at, reader->end, &read);
    if (at != NULL) {
        at = read.wire == PROTOBUF_GROUP ? group(at, reader->end, &read)
                                         : content(at, reader->end, &read);
    }
    if (at == NULL) {
        reader->broken = true;
        return false;
    }
    read.whole = (struct slu_bytes){reader->at, (size_t)(at - reader->at)};
    reader->at = at;
    *field = read;
    return true;
}

bool protobuf_next_packed(struct protobuf_reader *reader, uint64_t *value)
{
    if (reader->at == reader->end || reader->broken) {
        return false;
    }
    const uint8_t *at = varint(reader->at, reader->end, value);
    if (at == NULL) {
        reader->broken = true;
        return false;
    }
    reader->at = at;
    return true;
}

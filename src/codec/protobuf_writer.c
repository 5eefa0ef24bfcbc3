#include "codec/protobuf_writer.h"

#include <string.h>

#include "base/assert.h"
#include "base/sink.h"

void protobuf_writer_init(struct protobuf_writer *writer, struct sink *sink)
{
    *writer = (struct protobuf_writer){.sink = sink};
}

static void put(struct protobuf_writer *writer, const void *bytes, size_t len)
{
    writer->len_bytes += len;
    if (writer->sink != NULL) {
        sink_put(writer->sink, bytes, len);
    }
}

/* Returns how many bytes it took. */
static size_t encode_varint(char bytes[PROTOBUF_VARINT_BYTES_MAX], uint64_t value)
{
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (char)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (char)value;
    return len;
}

static void put_varint(struct protobuf_writer *writer, uint64_t value)
{
    char bytes[PROTOBUF_VARINT_BYTES_MAX];
    put(writer, bytes, encode_varint(bytes, value));
}

/* Many at a time: a piece for the sink is worth more than a few bytes. */
static void put_varints(struct protobuf_writer *writer, const uint64_t *values, size_t count)
{
    char bytes[16 * PROTOBUF_VARINT_BYTES_MAX];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += encode_varint(bytes + len, values[i]);
        if (len > sizeof(bytes) - PROTOBUF_VARINT_BYTES_MAX) {
            put(writer, bytes, len);
            len = 0;
        }
    }
    put(writer, bytes, len);
}

static void put_tag(struct protobuf_writer *writer, uint32_t field, enum protobuf_wire wire)
{
    SLU_ASSERT(field > 0 && field <= PROTOBUF_FIELD_MAX);
    put_varint(writer, field << 3 | wire);
}

static void put_little_endian(struct protobuf_writer *writer, uint64_t value, size_t len)
{
    char bytes[sizeof(value)];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(value >> (8 * i));
    }
    put(writer, bytes, len);
}

void protobuf_write_uint(struct protobuf_writer *writer, uint32_t field, uint64_t value)
{
    char bytes[2 * PROTOBUF_VARINT_BYTES_MAX];
    SLU_ASSERT(field > 0 && field <= PROTOBUF_FIELD_MAX);
    size_t len = encode_varint(bytes, field << 3 | PROTOBUF_VARINT);
    put(writer, bytes, len + encode_varint(bytes + len, value));
}

void protobuf_write_int(struct protobuf_writer *writer, uint32_t field, int64_t value)
{
    protobuf_write_uint(writer, field, (uint64_t)value);
}

void protobuf_write_sint(struct protobuf_writer *writer, uint32_t field, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    protobuf_write_uint(writer, field, ((uint64_t)value << 1) ^ sign);
}

void protobuf_write_bool(struct protobuf_writer *writer, uint32_t field, bool value)
{
    protobuf_write_uint(writer, field, value);
}

void protobuf_write_fixed32(struct protobuf_writer *writer, uint32_t field, uint32_t value)
{
    put_tag(writer, field, PROTOBUF_FIXED32);
    put_little_endian(writer, value, sizeof(value));
}

void protobuf_write_fixed64(struct protobuf_writer *writer, uint32_t field, uint64_t value)
{
    put_tag(writer, field, PROTOBUF_FIXED64);
    put_little_endian(writer, value, sizeof(value));
}

void protobuf_write_double(struct protobuf_writer *writer, uint32_t field, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    protobuf_write_fixed64(writer, field, bits);
}

void protobuf_write_bytes(struct protobuf_writer *writer, uint32_t field, struct slu_bytes bytes)
{
    put_tag(writer, field, PROTOBUF_BYTES);
    put_varint(writer, bytes.len);
    put(writer, bytes.data, bytes.len);
}

void protobuf_write_packed_uints(struct protobuf_writer *writer, uint32_t field,
                                 const uint64_t *values, size_t count)
{
    uint64_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += protobuf_varint_bytes(values[i]);
    }
    if (count == 0) {
        return;
    }
    put_tag(writer, field, PROTOBUF_BYTES);
    put_varint(writer, len);
    if (writer->sink == NULL) {
        writer->len_bytes += len;
        return;
    }
    put_varints(writer, values, count);
}

void protobuf_write_packed_ints(struct protobuf_writer *writer, uint32_t field,
                                const int64_t *values, size_t count)
{
    /* int64 is written as its 64 bits are; the two types may stand for each other (C17 6.5). */
    protobuf_write_packed_uints(writer, field, (const uint64_t *)values, count);
}

void protobuf_write_message(struct protobuf_writer *writer, uint32_t field,
                            protobuf_message message, const void *context)
{
    struct protobuf_writer counter;
    protobuf_writer_init(&counter, NULL);
    message(&counter, context);
    put_tag(writer, field, PROTOBUF_BYTES);
    put_varint(writer, counter.len_bytes);
    uint64_t start = writer->len_bytes;
    if (writer->sink == NULL) {
        writer->len_bytes += counter.len_bytes;
        return;
    }
    message(writer, context);
    SLU_ASSERT(writer->len_bytes - start == counter.len_bytes);
}

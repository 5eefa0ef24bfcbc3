#include "codec/protobuf_block.h"

#include <string.h>

#include "base/assert.h"

#define LENGTH_BYTES ((size_t)2) /* that are left for a message's length: up to 16 KiB */
#define FIRST_BYTES  ((size_t)256)

static size_t varint_put(unsigned char *out, uint64_t value)
{
    size_t len = 0;
    while (value >= 0x80) {
        out[len++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    out[len++] = (unsigned char)value;
    return len;
}

static void put(struct protobuf_block *writer, const void *bytes, size_t len)
{
    if (writer->err == 0 && writer->block.data == NULL) {
        writer->err =
            block_begin(writer->budget, len > FIRST_BYTES ? len : FIRST_BYTES, &writer->block);
    }
    if (writer->err == 0) {
        writer->err = block_append(writer->budget, &writer->block, bytes, len);
    }
}

void protobuf_block_raw(struct protobuf_block *writer, struct slu_bytes bytes)
{
    if (bytes.len > 0) {
        put(writer, bytes.data, bytes.len);
    }
}

void protobuf_block_varint(struct protobuf_block *writer, uint64_t value)
{
    unsigned char bytes[PROTOBUF_VARINT_BYTES_MAX];
    put(writer, bytes, varint_put(bytes, value));
}

void protobuf_block_tag(struct protobuf_block *writer, uint32_t field, enum protobuf_wire wire)
{
    protobuf_block_varint(writer, (uint64_t)field << 3 | (uint64_t)wire);
}

void protobuf_block_fixed64(struct protobuf_block *writer, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    put(writer, bytes, sizeof(bytes));
}

void protobuf_block_fixed32(struct protobuf_block *writer, uint32_t value)
{
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    put(writer, bytes, sizeof(bytes));
}

void protobuf_block_bytes(struct protobuf_block *writer, uint32_t field, struct slu_bytes bytes)
{
    protobuf_block_tag(writer, field, PROTOBUF_BYTES);
    protobuf_block_varint(writer, bytes.len);
    protobuf_block_raw(writer, bytes);
}

void protobuf_block_begin(struct protobuf_block *writer, uint32_t field, struct protobuf_mark *mark)
{
    static const unsigned char room[LENGTH_BYTES];
    mark->tag_at = writer->block.len;
    protobuf_block_tag(writer, field, PROTOBUF_BYTES);
    put(writer, room, sizeof(room));
    mark->content_at = writer->block.len;
}

void protobuf_block_end(struct protobuf_block *writer, struct protobuf_mark mark)
{
    static const unsigned char room[PROTOBUF_VARINT_BYTES_MAX];
    unsigned char length[PROTOBUF_VARINT_BYTES_MAX];
    if (writer->err != 0) {
        return;
    }
    size_t content_len = writer->block.len - mark.content_at;
    size_t length_len = varint_put(length, content_len);
    if (length_len > LENGTH_BYTES) {
        put(writer, room, length_len - LENGTH_BYTES);
    }
    if (writer->err != 0) {
        return;
    }
    unsigned char *at = (unsigned char *)writer->block.data + mark.content_at - LENGTH_BYTES;
    if (length_len != LENGTH_BYTES) {
        memmove(at + length_len, at + LENGTH_BYTES, content_len);
    }
    memcpy(at, length, length_len);
    writer->block.len = mark.content_at - LENGTH_BYTES + length_len + content_len;
}

void protobuf_block_drop(struct protobuf_block *writer, struct protobuf_mark mark)
{
    if (writer->err == 0) {
        SLU_ASSERT(mark.tag_at <= writer->block.len);
        writer->block.len = mark.tag_at;
    }
}

/*
 * Property: whatever the bytes, fields lie inside the message, one behind the other, each `whole`
 * read by itself gives the same field, and reading ends.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "codec/protobuf_reader.h"

#define DEPTH_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_alone(const struct protobuf_field *field)
{
    struct protobuf_reader reader;
    struct protobuf_field again;
    protobuf_reader_init(&reader, field->whole);
    SLU_ASSERT(protobuf_next(&reader, &again));
    SLU_ASSERT(again.number == field->number && again.wire == field->wire);
    SLU_ASSERT(again.value == field->value && again.bytes.len == field->bytes.len);
    SLU_ASSERT(!protobuf_next(&reader, &again) && protobuf_reader_end(&reader) == 0);
}

static void read_packed(struct slu_bytes bytes)
{
    struct protobuf_reader reader;
    uint64_t value = 0;
    uint64_t last = 0;
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next_packed(&reader, &value)) {
        SLU_ASSERT(protobuf_reader_offset(&reader) > last);
        last = protobuf_reader_offset(&reader);
    }
    SLU_ASSERT(protobuf_reader_end(&reader) != 0 || last == bytes.len);
}

/* Recursion is bounded by DEPTH_MAX. */
static void read_message(struct slu_bytes message, unsigned depth)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    const uint8_t *at = message.data;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        SLU_ASSERT(field.whole.data == at && field.whole.len > 0);
        at += field.whole.len;
        check_alone(&field);
        if (field.bytes.len > 0 && depth < DEPTH_MAX) {
            read_packed(field.bytes);
            read_message(field.bytes, depth + 1);
        }
    }
    SLU_ASSERT(protobuf_reader_end(&reader) != 0 || protobuf_reader_offset(&reader) == message.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    read_message((struct slu_bytes){bytes, len}, 0);
    return 0;
}

/*
 * Property: whatever fields are written, the reader gives the same ones back in their order, a
 * message has the length that precedes it, and a writer that only counts counts right.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/sink.h"
#include "codec/protobuf_reader.h"
#include "codec/protobuf_writer.h"

#define ROOM      (1 << 16)
#define DEPTH_MAX 6

/* The rest of the input: steps that say what to write, and again what to expect. */
struct steps {
    const uint8_t *data;
    size_t size;
};

enum kind {
    KIND_UINT,
    KIND_SINT,
    KIND_FIXED32,
    KIND_FIXED64,
    KIND_BYTES,
    KIND_PACKED,
    KIND_MESSAGE,
    KIND_END,
};

static uint64_t take(struct steps *steps, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count && steps->size > 0; i++) {
        value = value << 8 | steps->data[0];
        steps->data++;
        steps->size--;
    }
    return value;
}

static enum kind take_kind(struct steps *steps, uint32_t *field)
{
    uint64_t first = take(steps, 1);
    *field = (uint32_t)(first < 128 ? first / 8 + 1 : take(steps, 4) % PROTOBUF_FIELD_MAX + 1);
    return (enum kind)(first % 8);
}

static uint64_t take_number(struct steps *steps)
{
    return take(steps, take(steps, 1) % 9);
}

static struct slu_bytes take_bytes(struct steps *steps)
{
    size_t len = (size_t)take(steps, 1);
    len = len < steps->size ? len : steps->size;
    struct slu_bytes bytes = {steps->data, len};
    steps->data += len;
    steps->size -= len;
    return bytes;
}

static size_t take_numbers(struct steps *steps, uint64_t numbers[16])
{
    size_t count = (size_t)(take(steps, 1) % 16);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = take_number(steps);
    }
    return count;
}

struct message {
    struct steps *steps; /* behind the message when it has been written */
    struct steps begin;
    uint32_t depth;
};

static void write_fields(struct protobuf_writer *writer, const void *context);

static void write_field(struct protobuf_writer *writer, enum kind kind, uint32_t field,
                        const struct message *message)
{
    uint64_t numbers[16];
    struct steps *steps = message->steps;
    if (kind == KIND_UINT) {
        protobuf_write_uint(writer, field, take_number(steps));
    } else if (kind == KIND_SINT) {
        protobuf_write_sint(writer, field, (int64_t)take_number(steps));
    } else if (kind == KIND_FIXED32) {
        protobuf_write_fixed32(writer, field, (uint32_t)take(steps, 4));
    } else if (kind == KIND_FIXED64) {
        protobuf_write_fixed64(writer, field, take(steps, 8));
    } else if (kind == KIND_BYTES) {
        protobuf_write_bytes(writer, field, take_bytes(steps));
    } else if (kind == KIND_PACKED) {
        size_t count = take_numbers(steps, numbers);
        protobuf_write_packed_uints(writer, field, numbers, count);
    } else if (message->depth < DEPTH_MAX) {
        struct message below = {steps, *steps, message->depth + 1};
        protobuf_write_message(writer, field, write_fields, &below);
    }
}

/* Until the end of the message, each time from its beginning. */
static void write_fields(struct protobuf_writer *writer, const void *context)
{
    const struct message *message = context;
    uint32_t field = 0;
    *message->steps = message->begin;
    while (message->steps->size > 0) {
        enum kind kind = take_kind(message->steps, &field);
        if (kind == KIND_END) {
            return;
        }
        write_field(writer, kind, field, message);
    }
}

static void read_fields(struct slu_bytes bytes, struct steps *steps, uint32_t depth);

static void read_packed(struct slu_bytes bytes, const uint64_t *numbers, size_t count)
{
    struct protobuf_reader reader;
    uint64_t value = 0;
    protobuf_reader_init(&reader, bytes);
    for (size_t i = 0; i < count; i++) {
        SLU_ASSERT(protobuf_next_packed(&reader, &value) && value == numbers[i]);
    }
    SLU_ASSERT(!protobuf_next_packed(&reader, &value) && protobuf_reader_end(&reader) == 0);
}

static void read_next(struct protobuf_reader *reader, uint32_t number, enum protobuf_wire wire,
                      struct protobuf_field *field)
{
    SLU_ASSERT(protobuf_next(reader, field));
    SLU_ASSERT(field->number == number && field->wire == wire);
}

static void read_field(struct protobuf_reader *reader, enum kind kind, uint32_t number,
                       struct steps *steps, uint32_t depth)
{
    struct protobuf_field field;
    uint64_t numbers[16];
    if (kind == KIND_UINT) {
        read_next(reader, number, PROTOBUF_VARINT, &field);
        SLU_ASSERT(field.value == take_number(steps));
    } else if (kind == KIND_SINT) {
        read_next(reader, number, PROTOBUF_VARINT, &field);
        SLU_ASSERT(protobuf_zigzag(field.value) == (int64_t)take_number(steps));
    } else if (kind == KIND_FIXED32) {
        read_next(reader, number, PROTOBUF_FIXED32, &field);
        SLU_ASSERT(field.value == take(steps, 4));
    } else if (kind == KIND_FIXED64) {
        read_next(reader, number, PROTOBUF_FIXED64, &field);
        SLU_ASSERT(field.value == take(steps, 8));
    } else if (kind == KIND_BYTES) {
        struct slu_bytes expected = take_bytes(steps);
        read_next(reader, number, PROTOBUF_BYTES, &field);
        SLU_ASSERT(field.bytes.len == expected.len);
        SLU_ASSERT(expected.len == 0 || memcmp(field.bytes.data, expected.data, expected.len) == 0);
    } else if (kind == KIND_PACKED) {
        size_t count = take_numbers(steps, numbers);
        if (count > 0) {
            read_next(reader, number, PROTOBUF_BYTES, &field);
            read_packed(field.bytes, numbers, count);
        }
    } else if (depth < DEPTH_MAX) {
        read_next(reader, number, PROTOBUF_BYTES, &field);
        read_fields(field.bytes, steps, depth + 1);
    }
}

static void read_fields(struct slu_bytes bytes, struct steps *steps, uint32_t depth)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint32_t number = 0;
    protobuf_reader_init(&reader, bytes);
    while (steps->size > 0) {
        enum kind kind = take_kind(steps, &number);
        if (kind == KIND_END) {
            break;
        }
        read_field(&reader, kind, number, steps, depth);
    }
    SLU_ASSERT(!protobuf_next(&reader, &field) && protobuf_reader_end(&reader) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char written[ROOM];
    if (size > 1024) {
        return 0; /* 2^DEPTH_MAX passes over the innermost */
    }
    struct steps steps = {data, size};
    struct message message = {&steps, steps, 0};
    struct protobuf_writer counter;
    struct protobuf_writer writer;
    struct sink sink;
    sink_init_fixed(&sink, written, sizeof(written));
    protobuf_writer_init(&counter, NULL);
    protobuf_writer_init(&writer, &sink);
    write_fields(&counter, &message);
    write_fields(&writer, &message);
    SLU_ASSERT(sink_end(&sink) == 0);
    SLU_ASSERT(writer.len_bytes == sink.len && counter.len_bytes == sink.len);
    steps = message.begin;
    read_fields((struct slu_bytes){written, sink.len}, &steps, 0);
    return 0;
}

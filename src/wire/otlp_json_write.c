#include "wire/otlp_json_write.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/sink.h"
#include "codec/base64.h"
#include "codec/json_writer.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_schema.h"

#define LEVELS_MAX   28 /* of messages: an object and an array each, and JSON allows 64 */
#define ID_BYTES_MAX 32

struct writing {
    struct json_writer json;
    struct slu_budget *budget;
    int err;
    uint32_t level;
};

static void message_write(struct writing *writing, const struct otlp_message *message,
                          struct slu_bytes bytes);

static void hex_write(struct writing *writing, struct slu_bytes id)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = id.data;
    char text[2 * ID_BYTES_MAX];
    size_t len = id.len < ID_BYTES_MAX ? id.len : ID_BYTES_MAX;
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[at[i] >> 4];
        text[2 * i + 1] = digits[at[i] & 15];
    }
    json_write_string_bytes(&writing->json, text, 2 * len);
}

static void base64_write(struct writing *writing, struct slu_bytes bytes)
{
    struct block text = {0};
    struct sink sink;
    int err = block_begin(writing->budget, bytes.len / 3 * 4 + 8, &text);
    if (err != 0) {
        writing->err = err;
        json_write_null(&writing->json);
        return;
    }
    sink_init_fixed(&sink, text.data, text.size_bytes);
    base64_encode(&sink, bytes);
    json_write_string_bytes(&writing->json, text.data, sink.len);
    err = sink_end(&sink);
    SLU_ASSERT(err == 0); /* the room is enough */
    block_free(writing->budget, &text);
}

static void signed_write(struct writing *writing, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    json_write_string(&writing->json, text);
}

static void unsigned_write(struct writing *writing, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    json_write_string(&writing->json, text);
}

static void double_write(struct writing *writing, uint64_t bits)
{
    double number = 0;
    memcpy(&number, &bits, sizeof(number));
    if (isfinite(number)) {
        json_write_double(&writing->json, number);
    } else {
        json_write_string(&writing->json, isnan(number) ? "NaN"
                                          : number < 0  ? "-Infinity"
                                                        : "Infinity");
    }
}

static void number_write(struct writing *writing, uint8_t kind, uint64_t value)
{
    switch (kind) {
    case OTLP_BOOL:
        json_write_bool(&writing->json, value != 0);
        break;
    case OTLP_ENUM:
        json_write_int(&writing->json, (int32_t)value);
        break;
    case OTLP_UINT32:
    case OTLP_FIXED32:
        json_write_uint(&writing->json, (uint32_t)value);
        break;
    case OTLP_SINT32:
        json_write_int(&writing->json, (int32_t)protobuf_zigzag(value));
        break;
    case OTLP_INT64:
    case OTLP_SFIXED64:
        signed_write(writing, (int64_t)value);
        break;
    case OTLP_DOUBLE:
        double_write(writing, value);
        break;
    default:
        unsigned_write(writing, value);
        break;
    }
}

static void value_write(struct writing *writing, const struct otlp_field *field,
                        const struct protobuf_field *value)
{
    switch (field->kind) {
    case OTLP_MESSAGE:
        message_write(writing, field->message, value->bytes);
        break;
    case OTLP_STRING:
        json_write_string_bytes(&writing->json, value->bytes.data, value->bytes.len);
        break;
    case OTLP_TRACE_ID:
    case OTLP_SPAN_ID:
        hex_write(writing, value->bytes);
        break;
    case OTLP_BYTES:
        base64_write(writing, value->bytes);
        break;
    default:
        number_write(writing, field->kind, value->value);
        break;
    }
}

static uint64_t fixed64_at(const unsigned char *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

/* Numbers that stand in one field. */
static void packed_write(struct writing *writing, const struct otlp_field *field,
                         struct slu_bytes packed)
{
    const unsigned char *at = packed.data;
    bool is_fixed =
        field->kind == OTLP_FIXED64 || field->kind == OTLP_SFIXED64 || field->kind == OTLP_DOUBLE;
    if (is_fixed) {
        for (size_t i = 0; i + 8 <= packed.len; i += 8) {
            number_write(writing, field->kind, fixed64_at(at + i));
        }
        writing->err = packed.len % 8 != 0 ? -EBADMSG : writing->err;
        return;
    }
    struct protobuf_reader reader;
    uint64_t value = 0;
    protobuf_reader_init(&reader, packed);
    while (protobuf_next_packed(&reader, &value)) {
        number_write(writing, field->kind, value);
    }
    if (protobuf_reader_end(&reader) != 0) {
        writing->err = -EBADMSG;
    }
}

/* All of a field's values in a message, which may stand apart. */
static void repeated_write(struct writing *writing, const struct otlp_field *field,
                           struct slu_bytes bytes)
{
    struct protobuf_reader reader;
    struct protobuf_field value;
    json_begin_array(&writing->json);
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &value)) {
        if (value.number != field->number) {
            continue;
        }
        if (field->kind > OTLP_MESSAGE && value.wire == PROTOBUF_BYTES) {
            packed_write(writing, field, value.bytes);
        } else {
            value_write(writing, field, &value);
        }
    }
    json_end_array(&writing->json);
}

/* The last of a field's values is the one that counts. */
static void single_write(struct writing *writing, const struct otlp_field *field,
                         struct slu_bytes bytes)
{
    struct protobuf_reader reader;
    struct protobuf_field value;
    struct protobuf_field last = {0};
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &value)) {
        if (value.number == field->number) {
            last = value;
        }
    }
    value_write(writing, field, &last);
}

/* Which of the schema's fields a message has, as bits. */
static uint32_t fields_of(struct writing *writing, const struct otlp_message *message,
                          struct slu_bytes bytes)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint32_t found = 0;
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &field)) {
        if (otlp_field_find(message, field.number) != NULL) {
            found |= UINT32_C(1) << field.number;
        }
    }
    if (protobuf_reader_end(&reader) != 0) {
        writing->err = -EBADMSG;
    }
    return found;
}

static void message_write(struct writing *writing, const struct otlp_message *message,
                          struct slu_bytes bytes)
{
    json_begin_object(&writing->json);
    if (writing->level < LEVELS_MAX) {
        writing->level++;
        uint32_t found = fields_of(writing, message, bytes);
        for (size_t i = 0; i < message->field_count; i++) {
            const struct otlp_field *field = &message->fields[i];
            if ((found >> field->number & 1) == 0) {
                continue;
            }
            json_write_key(&writing->json, field->name);
            if (field->is_repeated) {
                repeated_write(writing, field, bytes);
            } else {
                single_write(writing, field, bytes);
            }
        }
        writing->level--;
    }
    json_end_object(&writing->json);
}

int otlp_json_write(struct slu_budget *budget, struct sink *sink, enum otlp_signal signal,
                    struct slu_bytes message)
{
    struct writing writing = {.budget = budget};
    json_writer_init(&writing.json, sink, JSON_COMPACT);
    message_write(&writing, otlp_request(signal), message);
    json_writer_end(&writing.json);
    return writing.err;
}

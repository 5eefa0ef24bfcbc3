#include "otlp_model.h"

#include "base/utf8.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_check.h"
#include "wire/otlp_schema.h"

static bool is_utf8(struct slu_bytes text)
{
    const char *at = text.data;
    for (size_t i = 0; i < text.len;) {
        uint32_t code = 0;
        i += utf8_decode(at + i, text.len - i, &code);
        if (code == UTF8_INVALID) {
            return false;
        }
    }
    return true;
}

static bool is_fixed64(uint8_t kind)
{
    return kind == OTLP_FIXED64 || kind == OTLP_SFIXED64 || kind == OTLP_DOUBLE;
}

static bool are_numbers(const struct otlp_field *field, struct slu_bytes packed)
{
    struct protobuf_reader reader;
    uint64_t value = 0;
    if (!field->is_repeated) {
        return false;
    }
    if (is_fixed64(field->kind) || field->kind == OTLP_FIXED32) {
        return packed.len % (is_fixed64(field->kind) ? 8 : 4) == 0;
    }
    protobuf_reader_init(&reader, packed);
    while (protobuf_next_packed(&reader, &value)) {
    }
    return protobuf_reader_end(&reader) == 0;
}

static bool is_message(const struct otlp_message *message, struct slu_bytes bytes, uint32_t depth,
                       uint64_t *record_count);

static bool is_content(const struct otlp_field *field, struct slu_bytes bytes, uint32_t depth,
                       uint64_t *record_count)
{
    switch (field->kind) {
    case OTLP_STRING:
        return is_utf8(bytes);
    case OTLP_BYTES:
        return true;
    case OTLP_TRACE_ID:
        return bytes.len == 0 || bytes.len == 16;
    case OTLP_SPAN_ID:
        return bytes.len == 0 || bytes.len == 8;
    case OTLP_MESSAGE:
        return is_message(field->message, bytes, depth + 1, record_count);
    default:
        return are_numbers(field, bytes);
    }
}

static bool is_field(const struct otlp_field *field, const struct protobuf_field *value,
                     uint32_t depth, uint64_t *record_count)
{
    if (value->wire == PROTOBUF_BYTES) {
        return is_content(field, value->bytes, depth, record_count);
    }
    if (field->kind <= OTLP_MESSAGE) {
        return false;
    }
    return value->wire == (is_fixed64(field->kind)       ? PROTOBUF_FIXED64
                           : field->kind == OTLP_FIXED32 ? PROTOBUF_FIXED32
                                                         : PROTOBUF_VARINT);
}

static bool is_message(const struct otlp_message *message, struct slu_bytes bytes, uint32_t depth,
                       uint64_t *record_count)
{
    struct protobuf_reader reader;
    struct protobuf_field value;
    if (depth > OTLP_DEPTH_MAX) {
        return false;
    }
    *record_count += message->is_record;
    protobuf_reader_init(&reader, bytes);
    while (protobuf_next(&reader, &value)) {
        const struct otlp_field *field = NULL;
        for (size_t i = 0; i < message->field_count; i++) {
            field = message->fields[i].number == value.number ? &message->fields[i] : field;
        }
        if (field != NULL && !is_field(field, &value, depth, record_count)) {
            return false;
        }
    }
    return protobuf_reader_end(&reader) == 0;
}

bool otlp_model_check(enum otlp_signal signal, struct slu_bytes message, uint64_t *record_count)
{
    uint64_t count = 0;
    if (!is_message(otlp_request(signal), message, 1, &count)) {
        return false;
    }
    *record_count = count;
    return true;
}

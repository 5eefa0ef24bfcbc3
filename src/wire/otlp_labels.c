#include "wire/otlp_labels.h"

#include <string.h>

#include "base/bytes.h"
#include "base/sink.h"
#include "codec/base64.h"
#include "codec/json_writer.h"
#include "wire/otlp_fields.h"
#include "wire/prometheus_name.h"

#define ANY_STRING 1
#define ANY_BOOL   2
#define ANY_INT    3
#define ANY_DOUBLE 4
#define ANY_ARRAY  5
#define ANY_MAP    6
#define ANY_BYTES  7
#define DEPTH_MAX  16
#define BASE64_MAX ((size_t)4096)

static void value_write(struct json_writer *json, struct slu_bytes any_value, unsigned depth);

static void map_write(struct json_writer *json, struct slu_bytes list, unsigned depth)
{
    struct otlp_fields fields = otlp_fields_of(list);
    struct otlp_part part;
    json_begin_object(json);
    while (otlp_fields_next(&fields, &part)) {
        struct otlp_fields pair = otlp_fields_of(part.bytes);
        struct otlp_part member;
        struct slu_bytes key = {"", 0};
        struct slu_bytes value = {"", 0};
        while (otlp_fields_next(&pair, &member)) {
            key = member.number == 1 ? member.bytes : key;
            value = member.number == 2 ? member.bytes : value;
        }
        json_write_key_bytes(json, key.len > 0 ? key.data : "", key.len);
        value_write(json, value, depth);
    }
    json_end_object(json);
}

static void array_write(struct json_writer *json, struct slu_bytes list, unsigned depth)
{
    struct otlp_fields fields = otlp_fields_of(list);
    struct otlp_part part;
    json_begin_array(json);
    while (otlp_fields_next(&fields, &part)) {
        value_write(json, part.bytes, depth);
    }
    json_end_array(json);
}

static void bytes_write(struct json_writer *json, struct slu_bytes bytes)
{
    char text[BASE64_MAX];
    struct sink sink;
    bytes.len = bytes.len < BASE64_MAX / 2 ? bytes.len : BASE64_MAX / 2;
    sink_init_fixed(&sink, text, sizeof(text));
    base64_encode(&sink, bytes);
    json_write_string_bytes(json, text, sink.len);
}

/* Deep values are null, so that the stack has a bound. */
static void value_write(struct json_writer *json, struct slu_bytes any_value, unsigned depth)
{
    struct otlp_fields fields = otlp_fields_of(any_value);
    struct otlp_part part = {0};
    struct otlp_part last = {0};
    while (otlp_fields_next(&fields, &part)) {
        last = part;
    }
    switch (depth >= DEPTH_MAX ? 0 : last.number) {
    case ANY_STRING:
        json_write_string_bytes(json, last.bytes.len > 0 ? last.bytes.data : "", last.bytes.len);
        break;
    case ANY_BOOL:
        json_write_bool(json, last.value != 0);
        break;
    case ANY_INT:
        json_write_int(json, (int64_t)last.value);
        break;
    case ANY_DOUBLE:
        json_write_double(json, otlp_double(last.value));
        break;
    case ANY_ARRAY:
        array_write(json, last.bytes, depth + 1);
        break;
    case ANY_MAP:
        map_write(json, last.bytes, depth + 1);
        break;
    case ANY_BYTES:
        bytes_write(json, last.bytes);
        break;
    default:
        json_write_null(json);
        break;
    }
}

struct slu_bytes otlp_text_cut(struct slu_bytes text, size_t most)
{
    const unsigned char *bytes = text.data;
    if (text.len > most) {
        text.len = most;
        while (text.len > 0 && (bytes[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

struct slu_bytes otlp_value_text(struct slu_bytes any_value, char *room, size_t size_bytes)
{
    struct otlp_fields fields = otlp_fields_of(any_value);
    struct otlp_part part;
    struct json_writer json;
    struct sink sink;
    if (any_value.len == 0 || size_bytes == 0) {
        return (struct slu_bytes){"", 0};
    }
    if (otlp_fields_next(&fields, &part) && part.number == ANY_STRING && fields.at == fields.end) {
        return part.bytes;
    }
    sink_init_fixed(&sink, room, size_bytes);
    json_writer_init(&json, &sink, JSON_COMPACT);
    value_write(&json, any_value, 0);
    return (struct slu_bytes){room, sink.len};
}

const struct slu_bytes *otlp_labels_find(const struct otlp_labels *labels, struct slu_bytes name)
{
    for (size_t i = 0; i < labels->count; i++) {
        if (bytes_equal(labels->labels[i].name, name)) {
            return &labels->labels[i].value;
        }
    }
    return NULL;
}

void otlp_labels_add(struct otlp_labels *labels, struct slu_bytes name, struct slu_bytes value)
{
    if (value.len > 0 && labels->count < OTLP_LABELS_MAX) {
        labels->labels[labels->count++] = (struct otlp_label){name, value};
    }
}

void otlp_labels_add_attribute(struct otlp_labels *labels, struct slu_bytes attribute)
{
    struct otlp_fields fields = otlp_fields_of(attribute);
    struct otlp_part part;
    struct slu_bytes key = {"", 0};
    struct slu_bytes any_value = {"", 0};
    while (otlp_fields_next(&fields, &part)) {
        key = part.number == 1 ? part.bytes : key;
        any_value = part.number == 2 ? part.bytes : any_value;
    }
    char *room = labels->room + labels->used;
    size_t left = OTLP_LABEL_ROOM - labels->used;
    size_t name_len = prometheus_label_name(key, room, left);
    struct slu_bytes name = {room, name_len};
    if (name_len == 0 || otlp_labels_find(labels, name) != NULL) {
        return;
    }
    struct slu_bytes value = otlp_value_text(any_value, room + name_len, left - name_len);
    value = otlp_text_cut(value, OTLP_LABEL_VALUE_MAX);
    labels->used += name_len + (value.data == room + name_len ? value.len : 0);
    otlp_labels_add(labels, name, value);
}

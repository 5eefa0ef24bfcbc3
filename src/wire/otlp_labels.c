#include "wire/otlp_labels.h"

#include <string.h>

#include "base/bytes.h"
#include "base/sink.h"
#include "codec/base64.h"
#include "codec/json_writer.h"
#include "wire/otlp_fields.h"
#include "wire/prometheus_name.h"

#define ANY_STRING  1
#define ANY_BOOL    2
#define ANY_INT     3
#define ANY_DOUBLE  4
#define ANY_ARRAY   5
#define ANY_MAP     6
#define ANY_BYTES   7
#define LIST_VALUES 1 /* of arrays and maps */
#define DEPTH_MAX   16
#define BASE64_MAX  ((size_t)4096)

static void value_write(struct json_writer *json, struct slu_bytes any_value, unsigned depth);

struct attribute {
    struct slu_bytes key;
    struct slu_bytes any_value;
};

static struct attribute attribute_read(struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    struct attribute attribute = {{"", 0}, {"", 0}};
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == 1) {
            attribute.key = part.bytes;
        } else if (part.number == 2) {
            attribute.any_value = part.bytes;
        }
    }
    return attribute;
}

static void map_write(struct json_writer *json, struct slu_bytes list, unsigned depth)
{
    struct otlp_fields fields = otlp_fields_of(list);
    struct otlp_part part;
    json_begin_object(json);
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == LIST_VALUES) {
            struct attribute pair = attribute_read(part.bytes);
            json_write_key_bytes(json, pair.key.len > 0 ? pair.key.data : "", pair.key.len);
            value_write(json, pair.any_value, depth);
        }
    }
    json_end_object(json);
}

static void array_write(struct json_writer *json, struct slu_bytes list, unsigned depth)
{
    struct otlp_fields fields = otlp_fields_of(list);
    struct otlp_part part;
    json_begin_array(json);
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == LIST_VALUES) {
            value_write(json, part.bytes, depth);
        }
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

/* The member that an AnyValue has, the last of several; number 0: none that is known. */
static struct otlp_part member_of(struct slu_bytes any_value)
{
    struct otlp_fields fields = otlp_fields_of(any_value);
    struct otlp_part part;
    struct otlp_part last = {0};
    while (otlp_fields_next(&fields, &part)) {
        if (part.number >= ANY_STRING && part.number <= ANY_BYTES) {
            last = part;
        }
    }
    return last;
}

/* Deep values are null, so that the stack has a bound. */
static void value_write(struct json_writer *json, struct slu_bytes any_value, unsigned depth)
{
    struct otlp_part last = member_of(any_value);
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
    struct otlp_part member = member_of(any_value);
    struct json_writer json;
    struct sink sink;
    if (member.number == ANY_STRING) {
        return member.bytes;
    }
    if (member.number == 0 || size_bytes == 0) {
        return (struct slu_bytes){"", 0};
    }
    sink_init_fixed(&sink, room, size_bytes);
    json_writer_init(&json, &sink, JSON_COMPACT);
    value_write(&json, any_value, 0);
    return (struct slu_bytes){room, sink.len};
}

size_t otlp_labels_index(const struct otlp_labels *labels, struct slu_bytes name)
{
    size_t at = 0;
    while (at < labels->count && !bytes_equal(labels->labels[at].name, name)) {
        at++;
    }
    return at;
}

const struct slu_bytes *otlp_labels_find(const struct otlp_labels *labels, struct slu_bytes name)
{
    size_t at = otlp_labels_index(labels, name);
    return at < labels->count ? &labels->labels[at].value : NULL;
}

void otlp_labels_add(struct otlp_labels *labels, struct slu_bytes name, struct slu_bytes value)
{
    if (value.len > 0 && labels->count < OTLP_LABELS_MAX) {
        labels->labels[labels->count++] = (struct otlp_label){name, value};
    }
}

void otlp_labels_add_attribute(struct otlp_labels *labels, struct slu_bytes message)
{
    static const struct slu_bytes metric_name = {"__name__", 8};
    struct attribute attribute = attribute_read(message);
    char *room = labels->room + labels->used;
    size_t left = OTLP_LABEL_ROOM - labels->used;
    size_t name_len = prometheus_label_name(attribute.key, room, left);
    struct slu_bytes name = {room, name_len};
    if (name_len == 0) {
        labels->left_out += attribute.key.len > 0;
        return;
    }
    if (bytes_equal(name, metric_name) || otlp_labels_find(labels, name) != NULL) {
        return;
    }
    struct slu_bytes value = otlp_value_text(attribute.any_value, room + name_len, left - name_len);
    value = otlp_text_cut(value, OTLP_LABEL_VALUE_MAX);
    if (value.len > 0 && labels->count >= OTLP_LABELS_MAX - OTLP_LABELS_OWN) {
        labels->left_out++;
    } else if (value.len > 0) {
        labels->used += name_len + (value.data == room + name_len ? value.len : 0);
        otlp_labels_add(labels, name, value);
    }
}

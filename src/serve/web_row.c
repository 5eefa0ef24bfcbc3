#include "serve/web_row.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "pipeline/store_intake.h"
#include "serve/web_query.h"
#include "wire/otlp_fields.h"
#include "wire/otlp_labels.h"

#define LOG_SEVERITY      2
#define LOG_SEVERITY_TEXT 3
#define LOG_ATTRIBUTES    6
#define LOG_SPAN_ID       10
#define SCOPE_SCOPE       1
#define SCOPE_NAME        1
#define VALUE_MAX         1024
#define TIME_TEXT_MAX     24
#define HEX_MAX           80
#define ROOM_LEFT_MIN     ((size_t)3 * 1024) /* for what comes behind attributes */

size_t web_hex_write(struct slu_bytes bytes, char *text, size_t size_bytes)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes.data;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len && len + 2 <= size_bytes; i++) {
        text[len++] = digits[at[i] >> 4];
        text[len++] = digits[at[i] & 15];
    }
    return len;
}

static int hex_value(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

int web_trace_id_read(struct slu_bytes text, unsigned char id[WEB_TRACE_ID_BYTES])
{
    const char *digits = text.data;
    memset(id, 0, WEB_TRACE_ID_BYTES);
    if (text.len == 0 || text.len > 2 * (size_t)WEB_TRACE_ID_BYTES) {
        return -EINVAL;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = hex_value(digits[text.len - 1 - i]);
        if (value < 0) {
            return -EINVAL;
        }
        unsigned char *at = &id[WEB_TRACE_ID_BYTES - 1 - i / 2];
        *at = (unsigned char)(*at | value << (i % 2 == 0 ? 0 : 4));
    }
    return 0;
}

void web_hex_member_write(struct json_writer *json, const char *key, struct slu_bytes bytes)
{
    char text[HEX_MAX];
    size_t len = web_hex_write(bytes, text, sizeof(text));
    json_write_key(json, key);
    json_write_string_bytes(json, text, len);
}

/* Source: the names that OpenTelemetry gives to numbers of severity, opentelemetry.io/docs/specs */
static const char *severity_name(uint64_t number)
{
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    return number == 0 || number > 24 ? "" : names[(number - 1) / 4];
}

void web_attribute_write(struct json_writer *json, struct slu_bytes attribute)
{
    struct otlp_fields fields = otlp_fields_of(attribute);
    struct otlp_part part;
    struct slu_bytes key = {"", 0};
    struct slu_bytes value = {"", 0};
    char room[VALUE_MAX];
    while (otlp_fields_next(&fields, &part)) {
        key = part.number == 1 ? part.bytes : key;
        value = part.number == 2 ? part.bytes : value;
    }
    struct slu_bytes text = otlp_text_cut(otlp_value_text(value, room, sizeof(room)), VALUE_MAX);
    json_write_key_bytes(json, key.len > 0 ? key.data : "", key.len < VALUE_MAX ? key.len : 0);
    json_write_string_bytes(json, text.len > 0 ? text.data : "", text.len);
}

static void attributes_write(struct json_writer *json, const struct sink *sink,
                             struct slu_bytes rest)
{
    struct otlp_fields fields = otlp_fields_of(rest);
    struct otlp_part part;
    json_write_key(json, "attributes");
    json_begin_object(json);
    while (otlp_fields_next(&fields, &part)) {
        bool has_room = sink->size_bytes - sink->len > ROOM_LEFT_MIN + 6 * (size_t)VALUE_MAX / 4;
        if (part.number == LOG_ATTRIBUTES && has_room) {
            web_attribute_write(json, part.bytes);
        }
    }
    json_end_object(json);
}

static struct slu_bytes scope_name(const struct row *row)
{
    struct slu_bytes resource;
    struct slu_bytes scope;
    struct slu_bytes name = {"", 0};
    struct otlp_part part;
    store_row_around(row, &resource, &scope);
    struct otlp_fields fields = otlp_fields_of(scope);
    while (otlp_fields_next(&fields, &part)) {
        struct otlp_fields inner = otlp_fields_of(part.bytes);
        struct otlp_part member;
        while (part.number == SCOPE_SCOPE && otlp_fields_next(&inner, &member)) {
            name = member.number == SCOPE_NAME ? member.bytes : name;
        }
    }
    return otlp_text_cut(name, VALUE_MAX / 4);
}

/* What the record's fields say that are no column. */
struct log_facts {
    struct slu_bytes severity;
    struct slu_bytes span_id;
};

static struct log_facts facts_read(struct slu_bytes rest)
{
    struct otlp_fields fields = otlp_fields_of(rest);
    struct otlp_part part;
    struct log_facts facts = {.severity = {"", 0}, .span_id = {"", 0}};
    const char *name = "";
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == LOG_SEVERITY) {
            name = severity_name(part.value);
        } else if (part.number == LOG_SEVERITY_TEXT) {
            facts.severity = otlp_text_cut(part.bytes, 32);
        } else if (part.number == LOG_SPAN_ID) {
            facts.span_id = part.bytes;
        }
    }
    if (facts.severity.len == 0) {
        facts.severity = (struct slu_bytes){name, strlen(name)};
    }
    return facts;
}

/* Labels take a quarter of an event at the most. */
static void stream_write(struct json_writer *json, const struct sink *sink, struct slu_bytes labels)
{
    struct label label;
    size_t begin = sink->len;
    json_write_key(json, "stream");
    json_begin_object(json);
    while (labels_next(&labels, &label) && sink->len - begin < WEB_ROW_TEXT_MAX / 8) {
        struct slu_bytes value = otlp_text_cut(label.value, VALUE_MAX / 4);
        json_write_key_bytes(json, label.name.data,
                             label.name.len < VALUE_MAX ? label.name.len : 0);
        json_write_string_bytes(json, value.data, value.len);
    }
    json_end_object(json);
}

/* Write it with so much of its line. Returns the error of the room */
static int row_write(struct slu_bytes labels, const struct row *row, size_t line_max,
                     struct sink *sink)
{
    struct json_writer json;
    char time[TIME_TEXT_MAX];
    struct log_facts facts = facts_read(row->rest);
    struct slu_bytes line = otlp_text_cut(row->text, line_max);
    struct slu_bytes scope = scope_name(row);
    (void)snprintf(time, sizeof(time), "%" PRId64, row->time_ns);
    json_writer_init(&json, sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "time_ns");
    json_write_string(&json, time);
    stream_write(&json, sink, labels);
    json_write_key(&json, "line");
    json_write_string_bytes(&json, line.len > 0 ? line.data : "", line.len);
    json_write_key(&json, "truncated_line");
    json_write_bool(&json, line.len < row->text.len);
    json_write_key(&json, "severity");
    json_write_string_bytes(&json, facts.severity.data, facts.severity.len);
    web_hex_member_write(&json, "trace_id", row->key);
    web_hex_member_write(&json, "span_id", facts.span_id);
    json_write_key(&json, "scope");
    json_write_string_bytes(&json, scope.data, scope.len);
    attributes_write(&json, sink, row->rest);
    json_end_object(&json);
    return sink->err;
}

/* What has to be escaped becomes six times as long: then less of it is shown. */
struct slu_bytes web_row_text(struct slu_bytes labels, const struct row *row, char *room,
                              size_t size_bytes)
{
    struct sink sink;
    size_t line_max = WEB_ROW_LINE_MAX;
    do {
        sink_init_fixed(&sink, room, size_bytes);
    } while (row_write(labels, row, line_max, &sink) != 0 && (line_max /= 8) > 0);
    return (struct slu_bytes){room, sink.len};
}

#include "codec/json_writer.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/sink.h"
#include "base/sink_number.h"
#include "base/utf8.h"

_Static_assert(JSON_DEPTH_MAX <= 64, "one bit a level");

void json_writer_init(struct json_writer *json, struct sink *sink, enum json_style style)
{
    *json = (struct json_writer){.sink = sink, .style = style};
}

static uint64_t level_bit(const struct json_writer *json)
{
    return UINT64_C(1) << (json->depth - 1);
}

static bool in_object(const struct json_writer *json)
{
    return json->depth > 0 && (json->object_levels & level_bit(json)) != 0;
}

static void new_line(struct json_writer *json)
{
    if (json->style == JSON_PRETTY) {
        sink_char(json->sink, '\n');
        sink_repeat(json->sink, ' ', 2 * (size_t)json->depth);
    }
}

/* The comma and the line before a member of the container that is open. */
static void member_begin(struct json_writer *json)
{
    if ((json->filled_levels & level_bit(json)) != 0) {
        sink_char(json->sink, ',');
    }
    json->filled_levels |= level_bit(json);
    new_line(json);
}

static void value_begin(struct json_writer *json)
{
    SLU_ASSERT(!json->complete);
    SLU_ASSERT(json->key_written == in_object(json));
    if (json->depth > 0 && !json->key_written) {
        member_begin(json);
    }
    json->key_written = false;
    json->complete = json->depth == 0;
}

static void container_begin(struct json_writer *json, bool is_object)
{
    value_begin(json);
    SLU_ASSERT(json->depth < JSON_DEPTH_MAX);
    json->complete = false;
    json->depth++;
    json->filled_levels &= ~level_bit(json);
    json->object_levels &= ~level_bit(json);
    json->object_levels |= is_object ? level_bit(json) : 0;
    sink_char(json->sink, is_object ? '{' : '[');
}

static void container_end(struct json_writer *json, bool is_object)
{
    SLU_ASSERT(json->depth > 0 && !json->key_written && in_object(json) == is_object);
    bool filled = (json->filled_levels & level_bit(json)) != 0;
    json->depth--;
    if (filled) {
        new_line(json);
    }
    sink_char(json->sink, is_object ? '}' : ']');
    json->complete = json->depth == 0;
}

void json_begin_object(struct json_writer *json)
{
    container_begin(json, true);
}

void json_end_object(struct json_writer *json)
{
    container_end(json, true);
}

void json_begin_array(struct json_writer *json)
{
    container_begin(json, false);
}

void json_end_array(struct json_writer *json)
{
    container_end(json, false);
}

static bool is_plain(char character)
{
    return character >= ' ' && character < 0x7f && character != '"' && character != '\\';
}

static void write_escape(struct sink *sink, uint32_t code)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t at = 0; at + 1 < sizeof(shorts); at += 2) {
        if (code == (uint32_t)shorts[at]) {
            char escape[2] = {'\\', shorts[at + 1]};
            sink_put(sink, escape, sizeof(escape));
            return;
        }
    }
    sink_format(sink, "\\u%04x", (unsigned)code);
}

/* Write one character that is not plain; returns the bytes it took. */
static size_t write_special(struct sink *sink, const char *bytes, size_t len)
{
    uint32_t code = 0;
    size_t taken = utf8_decode(bytes, len, &code);
    if (code == UTF8_INVALID) {
        sink_text(sink, UTF8_REPLACEMENT);
    } else if (code < 0xa0) {
        write_escape(sink, code);
    } else {
        sink_put(sink, bytes, taken);
    }
    return taken;
}

static void write_quoted(struct sink *sink, const char *bytes, size_t len)
{
    sink_char(sink, '"');
    size_t at = 0;
    while (at < len) {
        size_t start = at;
        while (at < len && is_plain(bytes[at])) {
            at++;
        }
        sink_put(sink, bytes + start, at - start);
        if (at < len) {
            at += write_special(sink, bytes + at, len - at);
        }
    }
    sink_char(sink, '"');
}

void json_write_key_bytes(struct json_writer *json, const char *bytes, size_t len)
{
    SLU_ASSERT(in_object(json) && !json->key_written);
    member_begin(json);
    write_quoted(json->sink, bytes, len);
    sink_char(json->sink, ':');
    if (json->style == JSON_PRETTY) {
        sink_char(json->sink, ' ');
    }
    json->key_written = true;
}

void json_write_key(struct json_writer *json, const char *key)
{
    json_write_key_bytes(json, key, strlen(key));
}

void json_write_string_bytes(struct json_writer *json, const char *bytes, size_t len)
{
    value_begin(json);
    write_quoted(json->sink, bytes, len);
}

void json_write_string(struct json_writer *json, const char *text)
{
    json_write_string_bytes(json, text, strlen(text));
}

void json_write_uint(struct json_writer *json, uint64_t value)
{
    value_begin(json);
    sink_uint(json->sink, value);
}

void json_write_int(struct json_writer *json, int64_t value)
{
    value_begin(json);
    sink_int(json->sink, value);
}

void json_write_double(struct json_writer *json, double value)
{
    if (!isfinite(value)) {
        json_write_null(json);
        return;
    }
    value_begin(json);
    if (value == 0 && signbit(value)) {
        sink_text(json->sink, "-0.0"); /* readers take "-0" for the integer, and lose the sign */
    } else {
        sink_double(json->sink, value);
    }
}

void json_write_bool(struct json_writer *json, bool value)
{
    value_begin(json);
    sink_text(json->sink, value ? "true" : "false");
}

void json_write_null(struct json_writer *json)
{
    value_begin(json);
    sink_text(json->sink, "null");
}

void json_writer_end(struct json_writer *json)
{
    SLU_ASSERT(json->complete && json->depth == 0);
    sink_char(json->sink, '\n');
}

/*
 * Property: whatever the bytes, reading ends, tokens lie one behind the other in the text, strings
 * are UTF-8 once their escapes are resolved and no longer than their text; skipping the value gives
 * the same verdict; and an accepted text that our writer writes anew is read as the same tokens.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/assert.h"
#include "base/sink.h"
#include "base/utf8.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

#define INPUT_MAX ((size_t)16 << 10)
#define TEXT_MAX  (INPUT_MAX * 8)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Resolve the escapes of the last token, into room of exactly its length. */
static struct slu_bytes plain(const struct json_reader *reader, char **room)
{
    *room = malloc(reader->text.len > 0 ? reader->text.len : 1);
    SLU_ASSERT(*room != NULL);
    size_t len = json_unescape(reader->text, *room);
    SLU_ASSERT(len <= reader->text.len && (reader->has_escapes || len == reader->text.len));
    for (size_t i = 0; i < len;) {
        uint32_t code = 0;
        i += utf8_decode(*room + i, len - i, &code);
        SLU_ASSERT(code != UTF8_INVALID);
    }
    return (struct slu_bytes){*room, len};
}

/* Read to the end. Returns whether the text is JSON, and how deep it is. */
static bool check(struct slu_bytes text, uint32_t *depth)
{
    struct json_reader reader;
    struct slu_diag diag = {0};
    enum json_token token = JSON_NULL;
    const char *last = text.data;
    json_reader_init(&reader, text);
    while (token != JSON_END && token != JSON_FAULT) {
        char *room = NULL;
        token = json_next(&reader);
        SLU_ASSERT(reader.token >= last && reader.at >= reader.token && reader.at <= reader.end);
        last = reader.at;
        if (token == JSON_STRING || token == JSON_KEY) {
            (void)plain(&reader, &room); /* it asserts */
            free(room);
        }
        *depth = reader.depth > *depth ? reader.depth : *depth;
    }
    SLU_ASSERT(json_next(&reader) == token);
    if (token == JSON_FAULT) {
        json_fault(&reader, NULL, &diag);
        SLU_ASSERT(diag.line > 0 && diag.column > 0 && strlen(diag.message) > 0);
    }
    return token == JSON_END;
}

static bool check_by_skipping(struct slu_bytes text)
{
    struct json_reader reader;
    json_reader_init(&reader, text);
    return json_skip(&reader, json_next(&reader)) == 0 && json_next(&reader) == JSON_END;
}

/* Numbers are written as strings: what a double cannot hold stays as it is. */
static void write_token(struct json_writer *json, const struct json_reader *reader,
                        enum json_token token)
{
    char *room = NULL;
    struct slu_bytes bytes = {0};
    switch (token) {
    case JSON_OBJECT:
        json_begin_object(json);
        break;
    case JSON_OBJECT_END:
        json_end_object(json);
        break;
    case JSON_ARRAY:
        json_begin_array(json);
        break;
    case JSON_ARRAY_END:
        json_end_array(json);
        break;
    case JSON_KEY:
        bytes = plain(reader, &room);
        json_write_key_bytes(json, bytes.data, bytes.len);
        break;
    case JSON_STRING:
        bytes = plain(reader, &room);
        json_write_string_bytes(json, bytes.data, bytes.len);
        break;
    case JSON_NUMBER:
        json_write_string_bytes(json, reader->text.data, reader->text.len);
        break;
    case JSON_NULL:
        json_write_null(json);
        break;
    default:
        json_write_bool(json, token == JSON_TRUE);
    }
    free(room);
}

static void compare(struct slu_bytes text, struct slu_bytes written)
{
    struct json_reader left;
    struct json_reader right;
    enum json_token token = JSON_NULL;
    json_reader_init(&left, text);
    json_reader_init(&right, written);
    while (token != JSON_END) {
        token = json_next(&left);
        SLU_ASSERT(json_next(&right) == (token == JSON_NUMBER ? JSON_STRING : token));
        if (token == JSON_KEY || token == JSON_STRING || token == JSON_NUMBER) {
            char *rooms[2];
            struct slu_bytes one = token == JSON_NUMBER ? left.text : plain(&left, &rooms[0]);
            struct slu_bytes other = plain(&right, &rooms[1]);
            SLU_ASSERT(one.len == other.len && memcmp(one.data, other.data, one.len) == 0);
            if (token != JSON_NUMBER) {
                free(rooms[0]);
            }
            free(rooms[1]);
        }
    }
}

static void write_anew(struct slu_bytes text)
{
    static char written[TEXT_MAX];
    struct json_reader reader;
    struct json_writer json;
    struct sink sink;
    enum json_token token;
    json_reader_init(&reader, text);
    sink_init_fixed(&sink, written, sizeof(written));
    json_writer_init(&json, &sink, JSON_COMPACT);
    while ((token = json_next(&reader)) != JSON_END) {
        write_token(&json, &reader, token);
    }
    json_writer_end(&json);
    SLU_ASSERT(sink_end(&sink) == 0);
    compare(text, (struct slu_bytes){written, sink.len});
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slu_bytes text = {bytes, len};
    uint32_t depth = 0;
    if (len > INPUT_MAX) {
        return 0;
    }
    bool is_valid = check(text, &depth);
    SLU_ASSERT(is_valid == check_by_skipping(text));
    if (is_valid && depth <= JSON_DEPTH_MAX) {
        write_anew(text);
    }
    return 0;
}

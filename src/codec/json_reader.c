#include "codec/json_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/utf8.h"

/* What may come next. */
enum {
    WANT_VALUE,        /* at the top, behind a colon or a comma of an array */
    WANT_VALUE_OR_END, /* behind [ */
    WANT_KEY,          /* behind a comma of an object */
    WANT_KEY_OR_END,   /* behind { */
    WANT_COMMA,        /* behind a value, or the container's end */
    WANT_NOTHING,      /* behind the value at the top */
    WANT_FAULT,
};

void json_reader_init(struct json_reader *reader, struct slu_bytes text)
{
    *reader = (struct json_reader){.begin = text.data};
    reader->at = reader->begin;
    reader->token = reader->begin;
    reader->end = reader->begin != NULL ? reader->begin + text.len : NULL;
}

static enum json_token fail(struct json_reader *reader, const char *fault)
{
    reader->fault = fault;
    reader->state = WANT_FAULT;
    return JSON_FAULT;
}

static bool in_object(const struct json_reader *reader)
{
    uint32_t level = reader->depth - 1;
    return (reader->object_levels[level / 64] >> (level % 64) & 1) != 0;
}

static void space_skip(struct json_reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\t' || *reader->at == '\r')) {
        reader->at++;
    }
}

static void value_done(struct json_reader *reader)
{
    reader->state = reader->depth > 0 ? WANT_COMMA : WANT_NOTHING;
}

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

/* Four digits of hex; -1 if they are not. */
static int32_t unit_read(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The length of the escape at `at`, a backslash; 0 if it is none. */
static size_t escape_len(const char *at, const char *end)
{
    if (end - at < 2) {
        return 0;
    }
    if (at[1] != 'u') {
        return strchr("\"\\/bfnrt", at[1]) != NULL && at[1] != '\0' ? 2 : 0;
    }
    int32_t unit = unit_read(at + 2, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return 0;
    }
    if (unit < 0xd800 || unit > 0xdbff) {
        return 6;
    }
    bool has_low = end - at >= 12 && at[6] == '\\' && at[7] == 'u';
    int32_t low = has_low ? unit_read(at + 8, end) : -1;
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* True for eight bytes that need no look: no quote, no backslash, no control, all ASCII. */
static bool is_plain_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones << 7;
    uint64_t quotes = word ^ ones * '"';
    uint64_t slashes = word ^ ones * '\\';
    uint64_t odd =
        ((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes) | (word - ones * 0x20) | word;
    return (odd & highs) == 0;
}

static const char *plain_skip(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        if (!is_plain_word(word)) {
            break;
        }
        at += 8;
    }
    return at;
}

/* Read a string whose quote is passed. */
static bool string_read(struct json_reader *reader)
{
    const char *at = reader->at;
    reader->has_escapes = false;
    for (;;) {
        at = plain_skip(at, reader->end);
        if (at >= reader->end) {
            reader->fault = "the string has no end";
            return false;
        }
        unsigned char character = (unsigned char)*at;
        size_t len = 1;
        if (character == '"') {
            break;
        }
        if (character == '\\') {
            reader->has_escapes = true;
            len = escape_len(at, reader->end);
        } else if (character < 0x20) {
            len = 0;
        } else if (character >= 0x80) {
            uint32_t code = 0;
            len = utf8_decode(at, (size_t)(reader->end - at), &code);
            len = code == UTF8_INVALID ? 0 : len;
        }
        if (len == 0) {
            reader->at = at;
            reader->fault = character == '\\'  ? "this is no escape"
                            : character < 0x20 ? "control characters must be escaped"
                                               : "this is not UTF-8";
            return false;
        }
        at += len;
    }
    reader->text = (struct slu_bytes){reader->at, (size_t)(at - reader->at)};
    reader->at = at + 1;
    return true;
}

static enum json_token string_token(struct json_reader *reader, enum json_token token)
{
    reader->at++;
    if (!string_read(reader)) {
        return fail(reader, reader->fault);
    }
    if (token == JSON_STRING) {
        value_done(reader);
        return token;
    }
    space_skip(reader);
    if (reader->at >= reader->end || *reader->at != ':') {
        return fail(reader, "a colon is expected behind a key");
    }
    reader->at++;
    reader->state = WANT_VALUE;
    return token;
}

static const char *digits_skip(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

static enum json_token number_token(struct json_reader *reader)
{
    const char *at = reader->at;
    const char *end = reader->end;
    at += *at == '-';
    const char *digits = at;
    at = digits_skip(at, end);
    bool is_valid = at > digits && (*digits != '0' || at == digits + 1);
    if (is_valid && at < end && *at == '.') {
        digits = at + 1;
        at = digits_skip(digits, end);
        is_valid = at > digits;
    }
    if (is_valid && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        digits = at;
        at = digits_skip(at, end);
        is_valid = at > digits;
    }
    if (!is_valid) {
        return fail(reader, "this is no number");
    }
    reader->text = (struct slu_bytes){reader->at, (size_t)(at - reader->at)};
    reader->at = at;
    value_done(reader);
    return JSON_NUMBER;
}

static enum json_token word_token(struct json_reader *reader)
{
    static const struct {
        const char *word;
        enum json_token token;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i].word);
        if ((size_t)(reader->end - reader->at) >= len &&
            memcmp(reader->at, words[i].word, len) == 0) {
            reader->at += len;
            value_done(reader);
            return words[i].token;
        }
    }
    return fail(reader, "a value is expected here");
}

static enum json_token container_begin(struct json_reader *reader, bool is_object)
{
    if (reader->depth == JSON_READ_DEPTH_MAX) {
        return fail(reader, "it is nested too deeply");
    }
    uint64_t bit = UINT64_C(1) << (reader->depth % 64);
    uint64_t *levels = &reader->object_levels[reader->depth / 64];
    *levels = is_object ? *levels | bit : *levels & ~bit;
    reader->depth++;
    reader->at++;
    reader->state = is_object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    return is_object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_token container_end(struct json_reader *reader)
{
    bool is_object = in_object(reader);
    reader->at++;
    reader->depth--;
    value_done(reader);
    return is_object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static enum json_token value_token(struct json_reader *reader)
{
    switch (*reader->at) {
    case '{':
        return container_begin(reader, true);
    case '[':
        return container_begin(reader, false);
    case '"':
        return string_token(reader, JSON_STRING);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return number_token(reader);
    default:
        return word_token(reader);
    }
}

static enum json_token key_token(struct json_reader *reader)
{
    return *reader->at == '"' ? string_token(reader, JSON_KEY)
                              : fail(reader, "a key in quotes is expected here");
}

enum json_token json_next(struct json_reader *reader)
{
    if (reader->state == WANT_FAULT) {
        return JSON_FAULT;
    }
    space_skip(reader);
    reader->token = reader->at;
    if (reader->at >= reader->end) {
        return reader->state == WANT_NOTHING ? JSON_END : fail(reader, "it ends too early");
    }
    char character = *reader->at;
    if (reader->state == WANT_COMMA) {
        if (character == (in_object(reader) ? '}' : ']')) {
            return container_end(reader);
        }
        if (character != ',') {
            return fail(reader, "a comma, or the end, is expected here");
        }
        reader->at++;
        reader->state = in_object(reader) ? WANT_KEY : WANT_VALUE;
        space_skip(reader);
        reader->token = reader->at;
        if (reader->at >= reader->end) {
            return fail(reader, "it ends too early");
        }
    } else if ((reader->state == WANT_KEY_OR_END && character == '}') ||
               (reader->state == WANT_VALUE_OR_END && character == ']')) {
        return container_end(reader);
    }
    if (reader->state == WANT_NOTHING) {
        return fail(reader, "there is something behind the value");
    }
    bool wants_key = reader->state == WANT_KEY || reader->state == WANT_KEY_OR_END;
    return wants_key ? key_token(reader) : value_token(reader);
}

int json_skip(struct json_reader *reader, enum json_token token)
{
    uint32_t depth = reader->depth - (token == JSON_OBJECT || token == JSON_ARRAY);
    while (token != JSON_FAULT && reader->depth > depth) {
        token = json_next(reader);
    }
    return token == JSON_FAULT ? -EBADMSG : 0;
}

static size_t character_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf0u << (4 - len) & 0xff) | code);
    return len;
}

/* Put what an escape stands for; it has been checked. Returns its length in the text. */
static size_t escape_put(const char *at, const char *end, char *out, size_t *len)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (at[1] != 'u') {
        const char *found = strchr(plain, at[1]);
        out[0] = found != NULL ? meant[found - plain] : at[1];
        *len = 1;
        return 2;
    }
    uint32_t code = (uint32_t)unit_read(at + 2, end);
    size_t taken = 6;
    if (code >= 0xd800 && code <= 0xdbff) {
        uint32_t low = (uint32_t)unit_read(at + 8, end);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        taken = 12;
    }
    *len = character_put(out, code);
    return taken;
}

size_t json_unescape(struct slu_bytes text, char *out)
{
    const char *at = text.data;
    const char *end = at + text.len;
    size_t written = 0;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash != NULL ? slash : end) - at);
        memcpy(out + written, at, plain);
        written += plain;
        at += plain;
        if (slash != NULL) {
            size_t len = 0;
            at += escape_put(at, end, out + written, &len);
            written += len;
        }
    }
    return written;
}

void json_fault(const struct json_reader *reader, const char *fault, struct slu_diag *diag)
{
    uint32_t line = 1;
    uint32_t column = 1;
    if (diag == NULL) {
        return;
    }
    const char *place = reader->fault != NULL ? reader->at : reader->token;
    for (const char *at = reader->begin; at < place; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    *diag = (struct slu_diag){.line = line, .column = column};
    (void)snprintf(diag->message, sizeof(diag->message), "line %u, column %u: %s", line, column,
                   reader->fault != NULL ? reader->fault : fault);
}

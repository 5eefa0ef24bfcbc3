/*
 * Property: whatever is written, in whatever order the writer allows, is one JSON document of
 * RFC 8259 in well-formed UTF-8, with the nesting that was asked for and no control characters
 * but the newlines of the pretty style.
 *
 * Input: the first byte chooses the style; then steps, each a byte and what it needs.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"
#include "base/utf8.h"
#include "codec/json_writer.h"

#define INPUT_MAX  4096
#define OUTPUT_MAX (1 << 21)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t len;
    size_t at;
};

struct written {
    char *bytes;
    size_t len;
};

static int take(void *context, const char *bytes, size_t len)
{
    struct written *written = context;
    if (len > OUTPUT_MAX - written->len) {
        abort();
    }
    memcpy(written->bytes + written->len, bytes, len);
    written->len += len;
    return 0;
}

static uint64_t input_number(struct input *input, size_t byte_count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < byte_count && input->at < input->len; i++) {
        number = number << 8 | input->data[input->at++];
    }
    return number;
}

static const char *input_text(struct input *input, size_t *len)
{
    size_t wanted = input_number(input, 1);
    size_t left = input->len - input->at;
    const char *text = (const char *)input->data + input->at;
    *len = wanted < left ? wanted : left;
    input->at += *len;
    return text;
}

static void write_scalar(struct json_writer *json, struct input *input, uint8_t kind)
{
    size_t len = 0;
    const char *text = NULL;
    double value = 0;
    uint64_t bits = 0;
    switch (kind % 6) {
    case 0:
        text = input_text(input, &len);
        json_write_string_bytes(json, text, len);
        break;
    case 1:
        json_write_int(json, (int64_t)input_number(input, 8));
        break;
    case 2:
        json_write_uint(json, input_number(input, 8));
        break;
    case 3:
        bits = input_number(input, 8);
        memcpy(&value, &bits, sizeof(value));
        json_write_double(json, value);
        break;
    case 4:
        json_write_bool(json, (kind & 0x80) != 0);
        break;
    default:
        json_write_null(json);
    }
}

/* Write one value of nested containers; returns how many there were. */
static size_t write_document(struct json_writer *json, struct input *input)
{
    bool is_object[JSON_DEPTH_MAX];
    size_t depth = 0;
    size_t container_count = 0;
    do {
        uint8_t step = (uint8_t)input_number(input, 1);
        bool ends = input->at >= input->len || step % 8 == 0;
        if (ends && depth > 0) {
            depth--;
            (is_object[depth] ? json_end_object : json_end_array)(json);
            continue;
        }
        if (depth > 0 && is_object[depth - 1]) {
            size_t len = 0;
            const char *key = input_text(input, &len);
            json_write_key_bytes(json, key, len);
        }
        if (step % 8 < 3 && depth < JSON_DEPTH_MAX && !ends) {
            is_object[depth] = step % 8 == 1;
            (is_object[depth] ? json_begin_object : json_begin_array)(json);
            depth++;
            container_count++;
        } else {
            write_scalar(json, input, step / 8);
        }
    } while (depth > 0);
    return container_count;
}

/* A strict reader that builds nothing: it aborts at the first fault. */
struct checker {
    const char *at;
    const char *end;
    size_t container_count;
};

static void check_that(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void skip_space(struct checker *checker)
{
    while (checker->at < checker->end && (*checker->at == ' ' || *checker->at == '\n')) {
        checker->at++;
    }
}

static char peek(const struct checker *checker)
{
    check_that(checker->at < checker->end);
    return *checker->at;
}

static void expect(struct checker *checker, const char *text)
{
    size_t len = strlen(text);
    check_that((size_t)(checker->end - checker->at) >= len);
    check_that(memcmp(checker->at, text, len) == 0);
    checker->at += len;
}

static void check_escape(struct checker *checker)
{
    char kind = peek(checker);
    check_that(strchr("\"\\/bfnrtu", kind) != NULL);
    checker->at++;
    for (int i = 0; kind == 'u' && i < 4; i++) {
        check_that(strchr("0123456789abcdef", peek(checker)) != NULL && *checker->at != '\0');
        checker->at++;
    }
}

static void check_string(struct checker *checker)
{
    expect(checker, "\"");
    while (peek(checker) != '"') {
        uint32_t code = 0;
        checker->at += utf8_decode(checker->at, (size_t)(checker->end - checker->at), &code);
        check_that(code != UTF8_INVALID && code >= 0x20 && (code < 0x7f || code >= 0xa0));
        if (code == '\\') {
            check_escape(checker);
        }
    }
    expect(checker, "\"");
}

static void check_digits(struct checker *checker)
{
    check_that(peek(checker) >= '0' && *checker->at <= '9');
    while (checker->at < checker->end && *checker->at >= '0' && *checker->at <= '9') {
        checker->at++;
    }
}

static void check_number(struct checker *checker)
{
    if (peek(checker) == '-') {
        checker->at++;
    }
    const char *start = checker->at;
    check_digits(checker);
    check_that(*start != '0' || checker->at == start + 1);
    if (checker->at < checker->end && *checker->at == '.') {
        checker->at++;
        check_digits(checker);
    }
    if (checker->at < checker->end && *checker->at == 'e') {
        checker->at++;
        check_that(peek(checker) == '+' || *checker->at == '-');
        checker->at++;
        check_digits(checker);
    }
}

static void check_value(struct checker *checker);

static void check_members(struct checker *checker, char last, bool keyed)
{
    checker->at++;
    checker->container_count++;
    skip_space(checker);
    bool first = true;
    while (peek(checker) != last) {
        if (!first) {
            expect(checker, ",");
            skip_space(checker);
        }
        first = false;
        if (keyed) {
            check_string(checker);
            expect(checker, ":");
            skip_space(checker);
        }
        check_value(checker);
        skip_space(checker);
    }
    checker->at++;
}

static void check_value(struct checker *checker)
{
    switch (peek(checker)) {
    case '{':
        check_members(checker, '}', true);
        break;
    case '[':
        check_members(checker, ']', false);
        break;
    case '"':
        check_string(checker);
        break;
    case 't':
        expect(checker, "true");
        break;
    case 'f':
        expect(checker, "false");
        break;
    case 'n':
        expect(checker, "null");
        break;
    default:
        check_number(checker);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char bytes[OUTPUT_MAX];
    char stage[61];
    struct written written = {.bytes = bytes};
    struct input input = {.data = data, .len = size < INPUT_MAX ? size : INPUT_MAX};
    struct sink sink;
    struct json_writer json;
    sink_init(&sink, take, &written, stage, sizeof(stage));
    json_writer_init(&json, &sink, input_number(&input, 1) % 2 == 0 ? JSON_COMPACT : JSON_PRETTY);
    size_t container_count = write_document(&json, &input);
    json_writer_end(&json);
    check_that(sink_end(&sink) == 0);
    struct checker checker = {.at = bytes, .end = bytes + written.len};
    check_value(&checker);
    expect(&checker, "\n");
    check_that(checker.at == checker.end && checker.container_count == container_count);
    return 0;
}

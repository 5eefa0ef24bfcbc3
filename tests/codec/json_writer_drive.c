/*
 * Carries out what json_writer_reader_test.py asks for, a step a line on standard input:
 *
 *   { } [ ]        begin and end
 *   k HEX, s HEX   key, string, as bytes
 *   i N, u N       integers
 *   d HEX          a double, as its 64 bits
 *   t f n          true, false, null
 *   .              end of the document
 *
 * and writes the documents to standard output, every other one pretty.
 */
#include "codec/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"

#define LINE_MAX_BYTES 65536

static int write_out(void *context, const char *bytes, size_t len)
{
    (void)context;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : -1;
}

/* Hexadecimal digits become bytes in place; returns how many. */
static size_t unhex(char *text)
{
    size_t len = strcspn(text, "\n") / 2;
    for (size_t at = 0; at < len; at++) {
        char pair[3] = {text[2 * at], text[2 * at + 1], '\0'};
        text[at] = (char)strtoul(pair, NULL, 16);
    }
    return len;
}

static double bits_double(const char *text)
{
    double value = 0;
    uint64_t bits = strtoull(text, NULL, 16);
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void step(struct json_writer *json, char *line)
{
    char *argument = line[1] == ' ' ? line + 2 : line + 1;
    switch (line[0]) {
    case '{':
        json_begin_object(json);
        break;
    case '}':
        json_end_object(json);
        break;
    case '[':
        json_begin_array(json);
        break;
    case ']':
        json_end_array(json);
        break;
    case 'k':
        json_write_key_bytes(json, argument, unhex(argument));
        break;
    case 's':
        json_write_string_bytes(json, argument, unhex(argument));
        break;
    case 'i':
        json_write_int(json, strtoll(argument, NULL, 10));
        break;
    case 'u':
        json_write_uint(json, strtoull(argument, NULL, 10));
        break;
    case 'd':
        json_write_double(json, bits_double(argument));
        break;
    case 'n':
        json_write_null(json);
        break;
    default:
        json_write_bool(json, line[0] == 't');
    }
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    char stage[100]; /* small, so that its edges are met often */
    struct sink sink;
    struct json_writer json;
    uint64_t document_count = 0;
    sink_init(&sink, write_out, NULL, stage, sizeof(stage));
    json_writer_init(&json, &sink, JSON_COMPACT);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (line[0] != '.') {
            step(&json, line);
            continue;
        }
        json_writer_end(&json);
        sink_char(&sink, '\x1e'); /* parts the documents: pretty ones have many lines */
        document_count++;
        json_writer_init(&json, &sink, document_count % 2 == 0 ? JSON_COMPACT : JSON_PRETTY);
    }
    return sink_end(&sink) == 0 ? 0 : 1;
}

/*
 * JSON, read token by token from borrowed bytes: no tree, no allocation, and strictly as RFC 8259
 * has it, in UTF-8.
 *
 *     json_reader_init(&reader, text);
 *     while ((token = json_next(&reader)) != JSON_END && token != JSON_FAULT) { ... }
 *
 * Commas and colons are checked and not handed out. Numbers and strings are views of the text.
 */
#ifndef CODEC_JSON_READER_H
#define CODEC_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_diag;

#define JSON_READ_DEPTH_MAX 256

enum json_token {
    JSON_END, /* the one value is over, and nothing is behind it */
    JSON_FAULT,
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY, /* its value follows */
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

/* Meant for the stack; `text` and `has_escapes` may be read. */
struct json_reader {
    const char *begin;
    const char *at;
    const char *end;
    const char *token;     /* where the last one begins */
    struct slu_bytes text; /* of KEY, STRING (without its quotes) and NUMBER */
    bool has_escapes;      /* of KEY and STRING: json_unescape tells what it says */
    const char *fault;
    uint32_t depth;
    uint8_t state;
    uint64_t object_levels[JSON_READ_DEPTH_MAX / 64]; /* bit d: level d is an object */
};

void json_reader_init(struct json_reader *reader, struct slu_bytes text);

/* The next token; END and FAULT stay. Cost: linear in its bytes */
enum json_token json_next(struct json_reader *reader);

/*
 * Pass over the value whose first token is `token`.
 *
 * Returns  0; -EBADMSG
 */
SLU_MUST_USE int json_skip(struct json_reader *reader, enum json_token token);

/* Write what the text of a string stands for; at most `text.len` bytes. Returns how many. */
size_t json_unescape(struct slu_bytes text, char *out);

/* Say what is wrong and where: the reader's own fault, or `fault` at the last token. */
void json_fault(const struct json_reader *reader, const char *fault, struct slu_diag *diag);

#endif

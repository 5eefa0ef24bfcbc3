/*
 * JSON, written as it comes: no tree, no allocation, and whatever bytes go in, valid JSON comes
 * out.
 *
 *     json_begin_object(&json);
 *     json_write_key(&json, "bytes");
 *     json_write_uint(&json, 4096);
 *     json_end_object(&json);
 *     json_writer_end(&json);
 *
 * A value without a key in an object, a key outside one, ends that do not match, a second value
 * at the top and nesting deeper than JSON_DEPTH_MAX are programmers' mistakes: assertions. Equal
 * keys in one object are not looked for. Errors are the sink's: sink_end reports them.
 */
#ifndef CODEC_JSON_WRITER_H
#define CODEC_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink;

#define JSON_DEPTH_MAX 64

enum json_style {
    JSON_COMPACT, /* one line, no spaces */
    JSON_PRETTY,  /* a member a line, indented by two */
};

/* Meant for the stack; members are private. */
struct json_writer {
    struct sink *sink;
    uint64_t object_levels; /* bit d: the container at depth d + 1 is an object */
    uint64_t filled_levels; /* bit d: it has a member */
    uint32_t depth;
    enum json_style style;
    bool key_written; /* a key waits for its value */
    bool complete;    /* the value at the top is written */
};

/* Begin one value; `sink` is borrowed until json_writer_end. */
void json_writer_init(struct json_writer *json, struct sink *sink, enum json_style style);

void json_begin_object(struct json_writer *json);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json);
void json_end_array(struct json_writer *json);

/*
 * Keys and strings are UTF-8. Each ill-formed piece becomes one U+FFFD; control characters, also
 * DEL and U+0080 to U+009F, are escaped, so that output may be shown on a terminal.
 */
void json_write_key(struct json_writer *json, const char *key);
void json_write_key_bytes(struct json_writer *json, const char *bytes, size_t len);
void json_write_string(struct json_writer *json, const char *text);
void json_write_string_bytes(struct json_writer *json, const char *bytes, size_t len);

/* All 64 bits are written; readers that keep numbers as doubles are exact up to 2^53. */
void json_write_int(struct json_writer *json, int64_t value);
void json_write_uint(struct json_writer *json, uint64_t value);

/* The shortest number that reads back as `value`. NaN and infinities, unknown to JSON, are null. */
void json_write_double(struct json_writer *json, double value);

void json_write_bool(struct json_writer *json, bool value);
void json_write_null(struct json_writer *json);

/*
 * End the value and write a newline. Another may follow, by json_writer_init: JSON Lines.
 * The sink is not flushed, so that lines may gather.
 */
void json_writer_end(struct json_writer *json);

#endif

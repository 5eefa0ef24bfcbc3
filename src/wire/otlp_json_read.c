#include "wire/otlp_json_read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/block.h"
#include "codec/base64.h"
#include "codec/json_reader.h"
#include "codec/protobuf_block.h"
#include "wire/otlp_check.h"
#include "wire/otlp_schema.h"

#define NUMBER_BYTES_MAX 384 /* the largest double with 60 places behind its point */
#define ESCAPED_MAX      6   /* bytes of text for one that it stands for */

/* A request that is being read. */
struct reading {
    struct json_reader json;
    struct protobuf_block out;
    const char *fault; /* what JSON alone does not see */
    uint32_t depth;
};

static bool message_read(struct reading *reading, const struct otlp_message *message);

static bool fail(struct reading *reading, const char *fault)
{
    if (reading->fault == NULL) {
        reading->fault = fault;
    }
    return false;
}

static bool text_put(struct reading *reading, uint32_t number)
{
    struct slu_bytes text = reading->json.text;
    if (!reading->json.has_escapes) {
        protobuf_block_bytes(&reading->out, number, text);
        return true;
    }
    struct block plain = {0};
    if (reading->out.err == 0) {
        reading->out.err = block_begin(reading->out.budget, text.len, &plain);
    }
    if (reading->out.err == 0) {
        size_t len = json_unescape(text, plain.data);
        protobuf_block_bytes(&reading->out, number, (struct slu_bytes){plain.data, len});
    }
    block_free(reading->out.budget, &plain);
    return true;
}

static int hex_value(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    character = (char)(character | 0x20);
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* What the text stands for: itself, or put into `room`; empty where that is too small. */
static struct slu_bytes plain_text(const struct reading *reading, char *room, size_t size)
{
    struct slu_bytes text = reading->json.text;
    if (!reading->json.has_escapes) {
        return text;
    }
    return (struct slu_bytes){room, text.len <= size ? json_unescape(text, room) : 0};
}

/* An id in hex: of `len` bytes, or none. */
static bool id_put(struct reading *reading, uint32_t number, size_t len)
{
    unsigned char id[16];
    char room[ESCAPED_MAX * 32];
    if (reading->json.has_escapes && reading->json.text.len > sizeof(room)) {
        return fail(reading, "ids are hexadecimal digits");
    }
    struct slu_bytes text = plain_text(reading, room, sizeof(room));
    const char *at = text.data;
    if (text.len != 0 && text.len != 2 * len) {
        return fail(reading, len == 16 ? "a trace id has 32 hexadecimal digits"
                                       : "a span id has 16 hexadecimal digits");
    }
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_value(at[2 * i]);
        int low = hex_value(at[2 * i + 1]);
        if (high < 0 || low < 0) {
            return fail(reading, "ids are hexadecimal digits");
        }
        id[i] = (unsigned char)(high << 4 | low);
    }
    protobuf_block_bytes(&reading->out, number, (struct slu_bytes){id, text.len / 2});
    return true;
}

static bool bytes_put(struct reading *reading, uint32_t number)
{
    struct slu_bytes text = reading->json.text;
    struct block bytes = {0};
    size_t len = 0;
    size_t most = base64_decoded_max(text.len);
    bool is_valid = true;
    if (reading->out.err == 0) {
        reading->out.err = block_begin(reading->out.budget, most + text.len, &bytes);
    }
    if (reading->out.err == 0) { /* some writers escape each slash */
        text = plain_text(reading, (char *)bytes.data + most, text.len);
        is_valid = base64_decode(text, bytes.data, &len) == 0;
        protobuf_block_bytes(&reading->out, number, (struct slu_bytes){bytes.data, len});
    }
    block_free(reading->out.budget, &bytes);
    return is_valid || fail(reading, "this is not base64");
}

/* A number's text, which may be in quotes, with a final zero. */
static bool number_text(struct reading *reading, enum json_token token, char *text)
{
    struct slu_bytes bytes = {0};
    if (token == JSON_NUMBER) {
        bytes = reading->json.text;
    } else if (token == JSON_STRING) {
        bytes = plain_text(reading, text, NUMBER_BYTES_MAX - 1);
    }
    if (bytes.len == 0 || bytes.len >= NUMBER_BYTES_MAX ||
        memchr(bytes.data, '\0', bytes.len) != NULL) {
        return fail(reading, "a number is expected here");
    }
    memmove(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
    return true;
}

/* Decimal digits alone: libc reads more than JSON has. */
static bool is_decimal(const char *text)
{
    const char *first = text + (text[0] == '-');
    return *first >= '0' && *first <= '9' && text[strspn(text, "0123456789+-.eE")] == '\0';
}

static bool double_read(struct reading *reading, enum json_token token, double *out)
{
    char text[NUMBER_BYTES_MAX];
    char *end = NULL;
    if (!number_text(reading, token, text)) {
        return false;
    }
    if (token == JSON_STRING && strcmp(text, "NaN") == 0) {
        *out = NAN;
        return true;
    }
    if (token == JSON_STRING && (strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0)) {
        *out = text[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    *out = strtod(text, &end);
    if (!is_decimal(text) || *end != '\0') {
        return fail(reading, "a number is expected here");
    }
    return isfinite(*out) || fail(reading, "the number is out of its range");
}

/* Whole numbers may be written as 1e3 or 5.0, too. */
static bool whole_read(struct reading *reading, enum json_token token, bool is_signed,
                       uint64_t *out)
{
    char text[NUMBER_BYTES_MAX];
    char *end = NULL;
    if (!number_text(reading, token, text)) {
        return false;
    }
    errno = 0;
    if (is_signed) {
        *out = (uint64_t)strtoll(text, &end, 10);
    } else {
        *out = strtoull(text, &end, 10); /* which takes -1 for the greatest */
    }
    bool is_whole = is_decimal(text);
    if (is_whole && *end == '\0' && errno == 0 && (is_signed || text[0] != '-')) {
        return true;
    }
    double number = strtod(text, &end);
    is_whole = is_whole && *end == '\0' && number == trunc(number) &&
               number >= (is_signed ? -0x1p63 : 0) && number < (is_signed ? 0x1p63 : 0x1p64) &&
               errno == 0;
    if (!is_whole) {
        return fail(reading, "a whole number in its range is expected here");
    }
    *out = is_signed ? (uint64_t)(int64_t)number : (uint64_t)number;
    return true;
}

static bool small_read(struct reading *reading, enum json_token token, int64_t least, int64_t most,
                       int64_t *out)
{
    uint64_t value = 0;
    if (!whole_read(reading, token, true, &value)) {
        return false;
    }
    *out = (int64_t)value;
    return (*out >= least && *out <= most) || fail(reading, "the number is out of its range");
}

static bool enum_read(struct reading *reading, const struct otlp_field *field,
                      enum json_token token, int64_t *out)
{
    char room[ESCAPED_MAX * 64];
    struct slu_bytes text = plain_text(reading, room, sizeof(room));
    if (token == JSON_STRING) {
        for (const struct otlp_enum_name *name = field->names; name->name != NULL; name++) {
            if (strlen(name->name) == text.len && memcmp(name->name, text.data, text.len) == 0) {
                *out = name->value;
                return true;
            }
        }
    }
    return small_read(reading, token, INT32_MIN, INT32_MAX, out);
}

/* A number, without its tag: as it stands alone, and in a packed field. */
static bool number_put(struct reading *reading, const struct otlp_field *field,
                       enum json_token token)
{
    struct protobuf_block *out = &reading->out;
    uint64_t whole = 0;
    int64_t small = 0;
    double number = 0;
    bool is_read = true;
    switch (field->kind) {
    case OTLP_BOOL:
        is_read = token == JSON_TRUE || token == JSON_FALSE ||
                  fail(reading, "true or false is expected here");
        protobuf_block_varint(out, token == JSON_TRUE);
        break;
    case OTLP_ENUM:
        is_read = enum_read(reading, field, token, &small);
        protobuf_block_varint(out, (uint64_t)small);
        break;
    case OTLP_UINT32:
        is_read = small_read(reading, token, 0, UINT32_MAX, &small);
        protobuf_block_varint(out, (uint64_t)small);
        break;
    case OTLP_SINT32:
        is_read = small_read(reading, token, INT32_MIN, INT32_MAX, &small);
        protobuf_block_varint(out, (uint64_t)small << 1 ^ (uint64_t)(small >> 63));
        break;
    case OTLP_INT64:
    case OTLP_UINT64:
        is_read = whole_read(reading, token, field->kind == OTLP_INT64, &whole);
        protobuf_block_varint(out, whole);
        break;
    case OTLP_FIXED32:
        is_read = small_read(reading, token, 0, UINT32_MAX, &small);
        protobuf_block_fixed32(out, (uint32_t)small);
        break;
    case OTLP_DOUBLE:
        is_read = double_read(reading, token, &number);
        memcpy(&whole, &number, sizeof(whole));
        protobuf_block_fixed64(out, whole);
        break;
    default:
        is_read = whole_read(reading, token, field->kind == OTLP_SFIXED64, &whole);
        protobuf_block_fixed64(out, whole);
        break;
    }
    return is_read;
}

static enum protobuf_wire number_wire(uint8_t kind)
{
    return kind == OTLP_FIXED32                                                   ? PROTOBUF_FIXED32
           : kind == OTLP_FIXED64 || kind == OTLP_SFIXED64 || kind == OTLP_DOUBLE ? PROTOBUF_FIXED64
                                                                                  : PROTOBUF_VARINT;
}

/* One value of a field, whose first token is `token`. */
static bool value_read(struct reading *reading, const struct otlp_field *field,
                       enum json_token token)
{
    struct protobuf_mark mark;
    if (field->kind == OTLP_MESSAGE) {
        if (token != JSON_OBJECT) {
            return fail(reading, "an object is expected here");
        }
        protobuf_block_begin(&reading->out, field->number, &mark);
        bool is_read = message_read(reading, field->message);
        protobuf_block_end(&reading->out, mark);
        return is_read;
    }
    if (field->kind > OTLP_SPAN_ID) {
        protobuf_block_tag(&reading->out, field->number, number_wire(field->kind));
        return number_put(reading, field, token);
    }
    if (token != JSON_STRING) {
        return fail(reading, "a string is expected here");
    }
    switch (field->kind) {
    case OTLP_TRACE_ID:
        return id_put(reading, field->number, 16);
    case OTLP_SPAN_ID:
        return id_put(reading, field->number, 8);
    case OTLP_BYTES:
        return bytes_put(reading, field->number);
    default:
        return text_put(reading, field->number);
    }
}

/* Put each element of an array whose bracket has been read. */
static bool elements_read(struct reading *reading, const struct otlp_field *field,
                          bool (*element_put)(struct reading *reading,
                                              const struct otlp_field *field,
                                              enum json_token token))
{
    while (reading->out.err == 0) {
        enum json_token token = json_next(&reading->json);
        if (token == JSON_ARRAY_END) {
            return true;
        }
        if (token == JSON_FAULT || !element_put(reading, field, token)) {
            return false; /* the reader stays at the element that is wrong */
        }
    }
    return true;
}

/* Numbers of a repeated field go into one field, packed. */
static bool array_read(struct reading *reading, const struct otlp_field *field)
{
    struct protobuf_mark mark;
    if (field->kind <= OTLP_MESSAGE) {
        return elements_read(reading, field, value_read);
    }
    protobuf_block_begin(&reading->out, field->number, &mark);
    bool is_read = elements_read(reading, field, number_put);
    protobuf_block_end(&reading->out, mark);
    return is_read;
}

static bool field_read(struct reading *reading, const struct otlp_message *message)
{
    char name[64];
    struct slu_bytes key = reading->json.text;
    const struct otlp_field *field = NULL;
    if (key.len < sizeof(name)) {
        size_t len = json_unescape(key, name);
        field = otlp_field_named(message, name, len);
    }
    enum json_token token = json_next(&reading->json);
    if (field == NULL || token == JSON_NULL) {
        return json_skip(&reading->json, token) == 0;
    }
    if (!field->is_repeated) {
        return token != JSON_FAULT && value_read(reading, field, token);
    }
    if (token == JSON_ARRAY) {
        return array_read(reading, field);
    }
    return fail(reading, "an array is expected here");
}

/* The fields of an object whose brace has been read. */
static bool message_read(struct reading *reading, const struct otlp_message *message)
{
    if (++reading->depth > OTLP_DEPTH_MAX) {
        return fail(reading, "it is nested too deeply");
    }
    bool is_read = true;
    enum json_token token = json_next(&reading->json);
    while (token == JSON_KEY && is_read && reading->out.err == 0) {
        is_read = field_read(reading, message);
        token = is_read ? json_next(&reading->json) : JSON_FAULT;
    }
    reading->depth--;
    return is_read && token != JSON_FAULT;
}

int otlp_json_read(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes json,
                   struct block *out, struct slu_diag *diag)
{
    struct reading reading = {0};
    json_reader_init(&reading.json, json);
    protobuf_block_init(&reading.out, budget);
    enum json_token token = json_next(&reading.json);
    bool is_read = token == JSON_OBJECT ? message_read(&reading, otlp_request(signal))
                                        : fail(&reading, "an object is expected here");
    if (is_read && reading.out.err == 0) {
        is_read = json_next(&reading.json) == JSON_END;
    }
    int err = reading.out.err != 0 ? reading.out.err : is_read ? 0 : -EBADMSG;
    if (err != 0) {
        json_fault(&reading.json,
                   err == -EBADMSG ? reading.fault : "there is no memory left for it", diag);
        protobuf_block_deinit(&reading.out);
        return err;
    }
    *out = reading.out.block;
    return 0;
}

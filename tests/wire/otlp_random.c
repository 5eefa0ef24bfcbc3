#include "otlp_random.h"

#include <math.h>
#include <string.h>

#include "codec/protobuf.h"
#include "wire/otlp_schema.h"

#include "harness.h"

#define VALUE_DEPTH_MAX 10 /* of messages: below what JSON shows, from the request on */
#define GROUP_DEPTH_MAX 4

static uint64_t below(struct otlp_made *made, uint64_t bound)
{
    return test_random_below(made->random, bound);
}

/* True in one of `of` cases. */
static bool chance(struct otlp_made *made, uint64_t of)
{
    return below(made, of) == 0;
}

static bool is_wild(const struct otlp_made *made)
{
    return made->style == OTLP_WILD;
}

static void put(struct otlp_made *made, const void *bytes, size_t len)
{
    assert_true(len <= sizeof(made->bytes) - made->len);
    memcpy(made->bytes + made->len, bytes, len);
    made->len += len;
}

static size_t varint_of(struct otlp_made *made, uint64_t value, uint8_t out[10])
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        out[len++] = (uint8_t)(value | 0x80);
    }
    out[len++] = (uint8_t)value;
    while (is_wild(made) && len < 9 && chance(made, 40)) { /* longer than it needs to be */
        out[len - 1] |= 0x80;
        out[len++] = 0;
    }
    return len;
}

static void varint_put(struct otlp_made *made, uint64_t value)
{
    uint8_t bytes[10];
    put(made, bytes, varint_of(made, value, bytes));
}

static void tag_put(struct otlp_made *made, uint64_t number, enum protobuf_wire wire)
{
    varint_put(made, number << 3 | wire);
}

/* Put the length of what was written from `start` on before it. */
static void length_insert(struct otlp_made *made, size_t start)
{
    uint8_t bytes[10];
    size_t content_len = made->len - start;
    size_t len = varint_of(made, content_len, bytes);
    assert_true(len <= sizeof(made->bytes) - made->len);
    memmove(made->bytes + start + len, made->bytes + start, content_len);
    memcpy(made->bytes + start, bytes, len);
    made->len += len;
}

static void text_put(struct otlp_made *made)
{
    static const char *const pieces[] = {"a",
                                         "service.name",
                                         "GET /",
                                         "\x01",
                                         "\"\\\n",
                                         "\xc3\xa4",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x92\xa7",
                                         "\x7f",
                                         " ",
                                         "0123456789",
                                         "\xef\xbf\xbf"};
    uint64_t count = below(made, chance(made, 8) ? 12 : 4);
    for (uint64_t i = 0; i < count; i++) {
        const char *piece = pieces[below(made, sizeof(pieces) / sizeof(pieces[0]))];
        put(made, piece, strlen(piece));
    }
    if (chance(made, 30)) {
        put(made, "", 1); /* a zero is a character */
    }
}

static void bytes_put(struct otlp_made *made, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)below(made, 256);
        put(made, &byte, 1);
    }
}

static uint64_t double_bits(struct otlp_made *made)
{
    const double odd[] = {0.0, -0.0, 1.5, -1e300, 5e-324, 0.1, (double)NAN, HUGE_VAL, -HUGE_VAL};
    double number = odd[below(made, sizeof(odd) / sizeof(odd[0]))];
    uint64_t bits = test_random_next(made->random);
    if (chance(made, 2) || (bits >> 52 & 0x7ff) == 0x7ff) { /* one NaN is enough */
        memcpy(&bits, &number, sizeof(bits));
    }
    return bits;
}

/* 64 bits of which often few are used. */
static uint64_t number_of(struct otlp_made *made)
{
    return test_random_next(made->random) >> below(made, 64);
}

static uint64_t varint_value(struct otlp_made *made, const struct otlp_field *field)
{
    uint64_t number = number_of(made);
    if (is_wild(made)) {
        return number; /* as a sender of another schema might */
    }
    switch (field->kind) {
    case OTLP_BOOL:
        return number & 1;
    case OTLP_ENUM:
        return (uint64_t)(int64_t)(int32_t)number;
    case OTLP_UINT32:
    case OTLP_SINT32:
        return (uint32_t)number;
    default:
        return number;
    }
}

static enum protobuf_wire wire_of(const struct otlp_field *field)
{
    switch (field->kind) {
    case OTLP_FIXED32:
        return PROTOBUF_FIXED32;
    case OTLP_FIXED64:
    case OTLP_SFIXED64:
    case OTLP_DOUBLE:
        return PROTOBUF_FIXED64;
    default:
        return field->kind <= OTLP_MESSAGE ? PROTOBUF_BYTES : PROTOBUF_VARINT;
    }
}

/* A number without its tag. */
static void number_put(struct otlp_made *made, const struct otlp_field *field)
{
    uint64_t number = field->kind == OTLP_DOUBLE ? double_bits(made) : number_of(made);
    switch (wire_of(field)) {
    case PROTOBUF_FIXED32:
        put(made, &number, 4);
        break;
    case PROTOBUF_FIXED64:
        put(made, &number, 8);
        break;
    default:
        varint_put(made, varint_value(made, field));
    }
}

static void message_put(struct otlp_made *made, const struct otlp_message *message, uint32_t depth);

static void content_put(struct otlp_made *made, const struct otlp_field *field, uint32_t depth)
{
    switch (field->kind) {
    case OTLP_STRING:
        text_put(made);
        break;
    case OTLP_BYTES:
        bytes_put(made, below(made, 20));
        break;
    case OTLP_TRACE_ID:
        bytes_put(made, chance(made, 8) ? 0 : 16);
        break;
    case OTLP_SPAN_ID:
        bytes_put(made, chance(made, 8) ? 0 : 8);
        break;
    default:
        message_put(made, field->message, depth + 1);
    }
}

static void packed_put(struct otlp_made *made, const struct otlp_field *field)
{
    tag_put(made, field->number, PROTOBUF_BYTES);
    size_t start = made->len;
    for (uint64_t count = below(made, 6); count > 0; count--) {
        number_put(made, field);
    }
    length_insert(made, start);
}

static void field_put(struct otlp_made *made, const struct otlp_field *field, uint32_t depth)
{
    if (field->kind > OTLP_MESSAGE) {
        if (field->is_repeated && (!is_wild(made) || chance(made, 2))) {
            packed_put(made, field);
        } else {
            tag_put(made, field->number, wire_of(field));
            number_put(made, field);
        }
        return;
    }
    tag_put(made, field->number, PROTOBUF_BYTES);
    size_t start = made->len;
    content_put(made, field, depth);
    length_insert(made, start);
}

/* A field of whatever number and type. */
static void foreign_put(struct otlp_made *made, uint64_t number, uint32_t depth)
{
    static const enum protobuf_wire wires[] = {PROTOBUF_VARINT, PROTOBUF_FIXED64, PROTOBUF_BYTES,
                                               PROTOBUF_FIXED32, PROTOBUF_GROUP};
    enum protobuf_wire wire = wires[below(made, depth < GROUP_DEPTH_MAX ? 5 : 4)];
    uint64_t len = below(made, 20);
    tag_put(made, number, wire);
    switch (wire) {
    case PROTOBUF_VARINT:
        varint_put(made, number_of(made));
        break;
    case PROTOBUF_BYTES:
        varint_put(made, len);
        bytes_put(made, len);
        break;
    case PROTOBUF_GROUP:
        for (uint64_t count = below(made, 3); count > 0; count--) {
            foreign_put(made, 1 + below(made, 30), depth + 1);
        }
        tag_put(made, number, PROTOBUF_GROUP_END);
        break;
    default:
        bytes_put(made, wire == PROTOBUF_FIXED64 ? 8 : 4);
    }
}

static void unknown_put(struct otlp_made *made, const struct otlp_message *message)
{
    uint64_t number = 1 + below(made, 24);
    if (otlp_field_find(message, number) != NULL) {
        number = chance(made, 2) ? PROTOBUF_FIELD_MAX : 100 + below(made, 10000);
    }
    foreign_put(made, number, 0);
}

static bool leads_to_records(const struct otlp_field *field)
{
    return field->message != NULL && (field->message->has_records || field->message->is_record);
}

static bool is_room(const struct otlp_made *made, const struct otlp_field *field, uint32_t depth)
{
    return made->len < made->enough_bytes && (field->message == NULL || depth < VALUE_DEPTH_MAX);
}

static void plain_put(struct otlp_made *made, const struct otlp_message *message, uint32_t depth)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct otlp_field *field = &message->fields[i];
        bool many = field->is_repeated && field->kind <= OTLP_MESSAGE;
        uint64_t count = leads_to_records(field) ? 1 : below(made, 2);
        count = many && count > 0 ? 1 + below(made, 3) : count;
        for (; count > 0 && is_room(made, field, depth); count--) {
            field_put(made, field, depth);
        }
    }
}

static void wild_put(struct otlp_made *made, const struct otlp_message *message, uint32_t depth)
{
    uint64_t count = below(made, 2 + 2 * (uint64_t)message->field_count);
    count += message->has_records ? 2 : 0;
    for (; count > 0; count--) {
        const struct otlp_field *field = &message->fields[below(made, message->field_count)];
        if (chance(made, 8)) {
            unknown_put(made, message);
        } else if (is_room(made, field, depth)) {
            field_put(made, field, depth);
        }
    }
}

static void message_put(struct otlp_made *made, const struct otlp_message *message, uint32_t depth)
{
    made->record_count += message->is_record;
    if (is_wild(made)) {
        wild_put(made, message, depth);
    } else {
        plain_put(made, message, depth);
    }
}

void otlp_make(struct otlp_made *made, struct test_random *random, enum otlp_signal signal,
               enum otlp_style style, size_t enough_bytes)
{
    made->len = 0;
    made->record_count = 0;
    made->random = random;
    made->style = style;
    made->enough_bytes = enough_bytes;
    message_put(made, otlp_request(signal), 0);
}

#include "wire/otlp_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/utf8.h"
#include "codec/protobuf.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_schema.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* One message that is being checked, and the field of it that is. */
struct level {
    const uint8_t *begin;
    const uint8_t *field_begin;
    const uint8_t *end;
    const struct otlp_field *field; /* NULL: one that is not known */
};

struct checker {
    uint64_t record_count;
    const char *fault; /* what is wrong with the innermost field */
    uint32_t depth;
    struct level levels[OTLP_DEPTH_MAX];
};

static const uint8_t *fail(struct checker *checker, const char *fault)
{
    checker->fault = fault;
    return NULL;
}

/* Read a varint; NULL at a fault. */
static inline const uint8_t *varint_read(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    if (at < end && *at < 0x80) {
        *value = *at;
        return at + 1;
    }
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint8_t byte = *at++;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            return shift == 63 && byte > 1 ? NULL : at;
        }
    }
    return NULL;
}

static inline bool goes_on(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Characters of two and three bytes whose lead alone says what may follow; the rest is decoded. */
static inline const uint8_t *common_skip(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 3) {
        uint8_t lead = *at;
        if (lead > 0xe0 && lead < 0xf0 && lead != 0xed && goes_on(at[1]) && goes_on(at[2])) {
            at += 3;
        } else if (lead >= 0xc2 && lead < 0xe0 && goes_on(at[1])) {
            at += 2;
        } else {
            break;
        }
    }
    return at;
}

static inline uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Where eight bytes have one that is not ASCII, or fewer than eight are left. */
static inline const uint8_t *ascii_skip(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8 && (word_at(at) & HIGH_BITS) == 0) {
        at += 8;
    }
    return at;
}

static bool text_is_valid(const uint8_t *at, const uint8_t *end)
{
    bool has_word = end - at >= 8;
    at = ascii_skip(at, end);
    if (has_word && end - at < 8 && (word_at(end - 8) & HIGH_BITS) == 0) {
        return true; /* the rest lies in the last eight bytes */
    }
    while (at < end) {
        if (*at < 0x80) {
            at++;
            continue;
        }
        at = common_skip(at, end);
        if (at < end && *at >= 0x80) {
            uint32_t code = 0;
            at += utf8_decode((const char *)at, (size_t)(end - at), &code);
            if (code == UTF8_INVALID) {
                return false;
            }
        }
        at = ascii_skip(at, end);
    }
    return true;
}

static enum protobuf_wire wire_of(uint8_t kind)
{
    switch (kind) {
    case OTLP_STRING:
    case OTLP_BYTES:
    case OTLP_TRACE_ID:
    case OTLP_SPAN_ID:
    case OTLP_MESSAGE:
        return PROTOBUF_BYTES;
    case OTLP_FIXED32:
        return PROTOBUF_FIXED32;
    case OTLP_FIXED64:
    case OTLP_SFIXED64:
    case OTLP_DOUBLE:
        return PROTOBUF_FIXED64;
    default:
        return PROTOBUF_VARINT;
    }
}

/* Numbers in a row, as one field. */
static bool packed_is_valid(const uint8_t *at, const uint8_t *end, enum protobuf_wire wire)
{
    if (wire == PROTOBUF_FIXED64) {
        return (end - at) % 8 == 0;
    }
    if (wire == PROTOBUF_FIXED32) {
        return (end - at) % 4 == 0;
    }
    while (at != NULL && at < end) {
        uint64_t value = 0;
        at = varint_read(at, end, &value);
    }
    return at == end;
}

static const uint8_t *message_check(struct checker *checker, const struct otlp_message *message,
                                    const uint8_t *at, const uint8_t *end);

/* The content of a field with a length. */
static const uint8_t *content_check(struct checker *checker, const struct otlp_field *field,
                                    const uint8_t *at, const uint8_t *end)
{
    size_t len = (size_t)(end - at);
    switch (field->kind) {
    case OTLP_STRING:
        return text_is_valid(at, end) ? end : fail(checker, "is not UTF-8");
    case OTLP_MESSAGE:
        return message_check(checker, field->message, at, end);
    case OTLP_TRACE_ID:
        return len == 0 || len == 16 ? end : fail(checker, "is not 16 bytes long");
    case OTLP_SPAN_ID:
        return len == 0 || len == 8 ? end : fail(checker, "is not 8 bytes long");
    case OTLP_BYTES:
        return end;
    default:
        break;
    }
    if (field->is_repeated && packed_is_valid(at, end, wire_of(field->kind))) {
        return end;
    }
    return fail(checker, field->is_repeated ? "is cut off" : "has another type than the schema's");
}

/* A field whose number the schema does not have. */
static const uint8_t *unknown_check(struct checker *checker, const uint8_t *at, const uint8_t *end)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, (struct slu_bytes){at, (size_t)(end - at)});
    if (!protobuf_next(&reader, &field)) {
        return fail(checker, "is cut off, or no field");
    }
    return at + field.whole.len;
}

/* The field at `at`, whose tag is read: what stands behind it. */
static inline const uint8_t *field_check(struct checker *checker, const struct otlp_field *field,
                                         uint32_t wire, const uint8_t *at, const uint8_t *end)
{
    uint64_t value = 0;
    if (wire == PROTOBUF_BYTES) {
        at = varint_read(at, end, &value);
        if (at == NULL || value > (uint64_t)(end - at)) {
            return fail(checker, "is longer than the message that it is in");
        }
        return content_check(checker, field, at, at + value);
    }
    if (wire != wire_of(field->kind)) {
        return fail(checker, "has another type than the schema's");
    }
    if (wire == PROTOBUF_VARINT) {
        at = varint_read(at, end, &value);
        return at != NULL ? at : fail(checker, "is cut off");
    }
    ptrdiff_t len = wire == PROTOBUF_FIXED64 ? 8 : 4;
    return end - at >= len ? at + len : fail(checker, "is cut off");
}

static const uint8_t *message_check(struct checker *checker, const struct otlp_message *message,
                                    const uint8_t *at, const uint8_t *end)
{
    if (checker->depth == OTLP_DEPTH_MAX) {
        return fail(checker, "is nested too deeply");
    }
    struct level *level = &checker->levels[checker->depth++];
    level->begin = at;
    level->end = end;
    checker->record_count += message->is_record;
    while (at < end) {
        uint64_t tag = 0;
        const uint8_t *behind = varint_read(at, end, &tag);
        uint32_t wire = (uint32_t)(tag & 7);
        level->field_begin = at;
        level->field = behind != NULL ? otlp_field_find(message, tag >> 3) : NULL;
        if (level->field == NULL) {
            at = unknown_check(checker, at, end);
        } else {
            at = field_check(checker, level->field, wire, behind, end);
        }
        if (at == NULL) {
            return NULL; /* the levels say where */
        }
    }
    checker->depth--;
    return end;
}

/* How many fields of the same number stand before the one that is wrong. */
static uint64_t index_of(const struct level *level)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t index = 0;
    protobuf_reader_init(
        &reader, (struct slu_bytes){level->begin, (size_t)(level->field_begin - level->begin)});
    while (protobuf_next(&reader, &field)) {
        index += field.number == level->field->number;
    }
    return index;
}

/* The path of the field that is wrong, as far as there is room. */
static void fault_write(const struct checker *checker, struct slu_diag *diag)
{
    char path[SLU_DIAG_MESSAGE_MAX - 64];
    size_t len = 0;
    path[0] = '\0';
    for (uint32_t i = 0; i < checker->depth && len < sizeof(path); i++) {
        const struct level *level = &checker->levels[i];
        const struct otlp_field *field = level->field;
        int written = 0;
        if (field == NULL) {
            written = snprintf(path + len, sizeof(path) - len, "%sbyte %zu", len > 0 ? "." : "",
                               (size_t)(level->field_begin - level->begin));
        } else if (field->is_repeated) {
            written = snprintf(path + len, sizeof(path) - len, "%s%s[%llu]", len > 0 ? "." : "",
                               field->name, (unsigned long long)index_of(level));
        } else {
            written =
                snprintf(path + len, sizeof(path) - len, "%s%s", len > 0 ? "." : "", field->name);
        }
        len += (size_t)written;
    }
    *diag = (struct slu_diag){0};
    (void)snprintf(diag->message, sizeof(diag->message), "%s %s", path, checker->fault);
}

int otlp_check(enum otlp_signal signal, struct slu_bytes message, struct otlp_counts *out,
               struct slu_diag *diag)
{
    struct checker checker;
    const uint8_t *at = message.data;
    checker.record_count = 0;
    checker.depth = 0;
    checker.fault = NULL;
    if (message.len > 0 &&
        message_check(&checker, otlp_request(signal), at, at + message.len) == NULL) {
        if (diag != NULL) {
            fault_write(&checker, diag);
        }
        return -EBADMSG;
    }
    out->records = checker.record_count;
    return 0;
}

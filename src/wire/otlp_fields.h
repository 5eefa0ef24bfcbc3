/*
 * Fields of messages, one after another, for what reads every record: inline, with the short way
 * for the tags and lengths that nearly all have. Whatever bytes come in, nothing outside is read.
 *
 * Source  protobuf.dev, "Encoding"
 */
#ifndef WIRE_OTLP_FIELDS_H
#define WIRE_OTLP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sluice/bytes.h>

#include "codec/protobuf.h"

struct otlp_fields {
    const unsigned char *at;
    const unsigned char *end;
    bool is_broken;
};

struct otlp_part {
    uint32_t number;
    uint32_t wire;
    uint64_t value;         /* of numbers; otherwise 0 */
    struct slu_bytes bytes; /* of BYTES; otherwise empty */
    struct slu_bytes whole; /* with tag and length */
};

static inline struct otlp_fields otlp_fields_of(struct slu_bytes message)
{
    const unsigned char *at = message.data;
    return (struct otlp_fields){at, message.len == 0 ? at : at + message.len, false};
}

static inline bool otlp_varint_long(struct otlp_fields *fields, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 70 && fields->at < fields->end; shift += 7) {
        unsigned char byte = *fields->at++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return true;
        }
    }
    return false;
}

static inline bool otlp_varint(struct otlp_fields *fields, uint64_t *value)
{
    if (fields->at < fields->end && *fields->at < 0x80) {
        *value = *fields->at++;
        return true;
    }
    return otlp_varint_long(fields, value);
}

/* The value of a field whose tag has been read. */
static inline bool otlp_part_value(struct otlp_fields *fields, struct otlp_part *part)
{
    size_t left = (size_t)(fields->end - fields->at);
    uint32_t small = 0;
    uint64_t len = 0;
    switch (part->wire) {
    case PROTOBUF_VARINT:
        return otlp_varint(fields, &part->value);
    case PROTOBUF_FIXED64:
        if (left < sizeof(part->value)) {
            return false;
        }
        memcpy(&part->value, fields->at, sizeof(part->value));
        fields->at += sizeof(part->value);
        return true;
    case PROTOBUF_FIXED32:
        if (left < sizeof(small)) {
            return false;
        }
        memcpy(&small, fields->at, sizeof(small));
        part->value = small;
        fields->at += sizeof(small);
        return true;
    case PROTOBUF_BYTES:
        if (!otlp_varint(fields, &len) || len > (uint64_t)(fields->end - fields->at)) {
            return false;
        }
        part->bytes = (struct slu_bytes){fields->at, (size_t)len};
        fields->at += len;
        return true;
    default: /* groups, which otlp_check lets pass in unknown fields alone: see otlp_group_end */
        return false;
    }
}

/*
 * Where a group ends whose fields begin at `at`, with those within it; NULL: it does not. Out of
 * line and with no address of the caller's, whose fields so stay in registers.
 */
const unsigned char *otlp_group_end(const unsigned char *at, const unsigned char *end);

/*
 * The next field; false at the end, and where the message is broken. Always inline, so that callers
 * do not pay for what they do not look at: this is most of what reading a record costs.
 */
__attribute__((always_inline)) static inline bool otlp_fields_next(struct otlp_fields *fields,
                                                                   struct otlp_part *part)
{
    const unsigned char *begin = fields->at;
    uint64_t tag = 0;
    if (fields->at == fields->end) {
        return false;
    }
    if (!otlp_varint(fields, &tag)) {
        fields->is_broken = true;
        return false;
    }
    *part = (struct otlp_part){.number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7)};
    if (part->wire == PROTOBUF_GROUP) {
        const unsigned char *behind = otlp_group_end(fields->at, fields->end);
        fields->is_broken = behind == NULL;
        fields->at = behind == NULL ? fields->at : behind;
    } else {
        fields->is_broken = !otlp_part_value(fields, part);
    }
    if (fields->is_broken) {
        return false;
    }
    part->whole = (struct slu_bytes){begin, (size_t)(fields->at - begin)};
    return true;
}

static inline double otlp_double(uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

#endif

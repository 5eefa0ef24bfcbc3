/*
 * Protocol Buffers, read field by field from borrowed bytes: no allocation, no copy, and whatever
 * bytes come in, nothing outside them is read.
 *
 *     struct protobuf_field field;
 *     protobuf_reader_init(&reader, message);
 *     while (protobuf_next(&reader, &field)) {
 *         switch (field.number) { ... }
 *     }
 *     err = protobuf_reader_end(&reader);
 *
 * Nested messages are views to be read by a reader of their own, so that depth is the caller's.
 *
 * Source  protobuf.dev, "Encoding"
 */
#ifndef CODEC_PROTOBUF_READER_H
#define CODEC_PROTOBUF_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "codec/protobuf.h"

#define PROTOBUF_GROUP_DEPTH_MAX 16 /* of groups, which are passed over as one field */

struct protobuf_field {
    uint32_t number; /* 1 .. PROTOBUF_FIELD_MAX */
    enum protobuf_wire wire;
    uint64_t value;         /* of VARINT, FIXED64 and FIXED32; otherwise 0 */
    struct slu_bytes bytes; /* of BYTES and GROUP: its content; otherwise empty */
    struct slu_bytes whole; /* the field as it stands, tag included, to be passed on unchanged */
};

/* Meant for the stack; members are private. */
struct protobuf_reader {
    const uint8_t *begin;
    const uint8_t *at;
    const uint8_t *end;
    bool broken;
};

/* Begin at the first field of `message`, which is borrowed for as long as fields of it are used. */
void protobuf_reader_init(struct protobuf_reader *reader, struct slu_bytes message);

/*
 * Read the next field.
 *
 * Returns  false, with `field` untouched, at the end of the message and at the first fault
 * Cost     constant, or linear in a group's bytes
 */
bool protobuf_next(struct protobuf_reader *reader, struct protobuf_field *field);

/* Returns 0 if the message was well formed as far as it was read; otherwise -EBADMSG. */
int protobuf_reader_end(const struct protobuf_reader *reader);

/* Where the reader stands in the message: after a fault, the field that has it. */
uint64_t protobuf_reader_offset(const struct protobuf_reader *reader);

/*
 * Read the next varint of a packed field's bytes; a reader begun with protobuf_reader_init.
 *
 * Returns  false, with `value` untouched, at the end and at the first fault
 */
bool protobuf_next_packed(struct protobuf_reader *reader, uint64_t *value);

/* The number that a `sint64` field's varint stands for. */
static inline int64_t protobuf_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif

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
#include <string.h>

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

#define PROTOBUF_SHORT_ROOM 8

/*
 * The varint at `at`, before `end`, without a branch for each byte: their seven bits move together
 * in pairs, then in fours, then all.
 *
 * begin    from where bytes may be read: near the end, those before `at` are read with it
 * Returns  its length; 0, with `value` without meaning, if that is more than PROTOBUF_SHORT_ROOM,
 *          or from `begin` to `end` is less; cut off is longer, too
 */
static inline uint32_t protobuf_short_varint(const uint8_t *begin, const uint8_t *at,
                                             const uint8_t *end, uint64_t *value)
{
    uint64_t read = 0;
    if (end - begin < PROTOBUF_SHORT_ROOM) {
        return 0;
    }
    if (end - at >= PROTOBUF_SHORT_ROOM) {
        memcpy(&read, at, sizeof(read)); /* the format and x86-64 and AArch64 are little-endian */
    } else {
        unsigned missing = 8 * (unsigned)(PROTOBUF_SHORT_ROOM - (end - at)); /* bits */
        memcpy(&read, end - PROTOBUF_SHORT_ROOM, sizeof(read));
        read = read >> missing | ~(~UINT64_C(0) >> missing);
    }
    uint64_t ends = ~read & UINT64_C(0x8080808080808080);
    read &= (ends ^ (ends - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
    read = (read & UINT64_C(0x007f007f007f007f)) | (read & UINT64_C(0x7f007f007f007f00)) >> 1;
    read = (read & UINT64_C(0x00003fff00003fff)) | (read & UINT64_C(0x3fff00003fff0000)) >> 2;
    *value = (read & UINT64_C(0x0fffffff)) | (read & UINT64_C(0x0fffffff00000000)) >> 4;
    return ends == 0 ? 0 : (uint32_t)__builtin_ctzll(ends) / 8 + 1;
}

/* The number that a `sint64` field's varint stands for. */
static inline int64_t protobuf_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif

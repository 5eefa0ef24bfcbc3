/*
 * What a reader and a writer of Protocol Buffers have in common.
 *
 * Source  protobuf.dev, "Encoding"
 */
#ifndef CODEC_PROTOBUF_H
#define CODEC_PROTOBUF_H

#include <stdint.h>

#define PROTOBUF_VARINT_BYTES_MAX 10
#define PROTOBUF_FIELD_MAX        ((UINT32_C(1) << 29) - 1)

enum protobuf_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2,
    PROTOBUF_GROUP = 3,
    PROTOBUF_GROUP_END = 4, /* never in a field that is handed out */
    PROTOBUF_FIXED32 = 5,
};

#endif

/* Attributes, as tests put them into messages. */
#ifndef TESTS_ATTRIBUTES_H
#define TESTS_ATTRIBUTES_H

#include <stdint.h>
#include <string.h>

#include <sluice/bytes.h>

#include "codec/protobuf_block.h"

static inline struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static inline void fixed64_put(struct protobuf_block *out, uint32_t field, uint64_t value)
{
    protobuf_block_tag(out, field, PROTOBUF_FIXED64);
    protobuf_block_fixed64(out, value);
}

static inline void varint_put(struct protobuf_block *out, uint32_t field, uint64_t value)
{
    protobuf_block_tag(out, field, PROTOBUF_VARINT);
    protobuf_block_varint(out, value);
}

static inline void double_put(struct protobuf_block *out, uint32_t field, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    fixed64_put(out, field, bits);
}

/* A KeyValue whose AnyValue is as given. */
static inline void attribute_put(struct protobuf_block *out, uint32_t field, struct slu_bytes key,
                                 struct slu_bytes any_value)
{
    struct protobuf_mark pair;
    protobuf_block_begin(out, field, &pair);
    protobuf_block_bytes(out, 1, key);
    protobuf_block_bytes(out, 2, any_value);
    protobuf_block_end(out, pair);
}

static inline void attribute_put_text(struct protobuf_block *out, uint32_t field, const char *key,
                                      struct slu_bytes text)
{
    struct protobuf_mark pair;
    struct protobuf_mark any_value;
    protobuf_block_begin(out, field, &pair);
    protobuf_block_bytes(out, 1, bytes_of(key));
    protobuf_block_begin(out, 2, &any_value);
    protobuf_block_bytes(out, 1, text);
    protobuf_block_end(out, any_value);
    protobuf_block_end(out, pair);
}

#endif

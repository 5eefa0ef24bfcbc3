/* A message put together from the inside: each step puts what is there into a field. */
#ifndef TESTS_NESTED_H
#define TESTS_NESTED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/bytes.h>

#include "codec/protobuf.h"

#include "harness.h"

#define NESTED_BYTES_MAX ((size_t)128 * 1024)

/* Meant for static storage. What is there ends where the array ends. */
struct nested {
    uint8_t bytes[NESTED_BYTES_MAX];
    size_t begin;
};

static inline void nested_before(struct nested *nested, const void *bytes, size_t len)
{
    assert_true(len <= nested->begin);
    nested->begin -= len;
    if (len > 0) {
        memcpy(nested->bytes + nested->begin, bytes, len);
    }
}

static inline void nested_init(struct nested *nested, const void *bytes, size_t len)
{
    nested->begin = NESTED_BYTES_MAX;
    nested_before(nested, bytes, len);
}

static inline void nested_varint(struct nested *nested, uint64_t value)
{
    uint8_t bytes[PROTOBUF_VARINT_BYTES_MAX];
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        bytes[len++] = (uint8_t)(value | 0x80);
    }
    bytes[len++] = (uint8_t)value;
    nested_before(nested, bytes, len);
}

static inline void nested_tag(struct nested *nested, uint64_t number, uint32_t wire)
{
    nested_varint(nested, number << 3 | wire);
}

static inline void nested_wrap(struct nested *nested, uint64_t number)
{
    nested_varint(nested, NESTED_BYTES_MAX - nested->begin);
    nested_tag(nested, number, PROTOBUF_BYTES);
}

static inline struct slu_bytes nested_view(const struct nested *nested)
{
    return (struct slu_bytes){nested->bytes + nested->begin, NESTED_BYTES_MAX - nested->begin};
}

#endif

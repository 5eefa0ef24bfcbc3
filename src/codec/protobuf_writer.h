/*
 * Protocol buffers, written as they come: no tree, no allocation, nothing gathered twice.
 *
 * A message inside another is preceded by its length. protobuf_write_message runs the function that
 * writes it two times: first into a writer that only counts.
 *
 * Source  protobuf.dev, "Encoding"
 */
#ifndef CODEC_PROTOBUF_WRITER_H
#define CODEC_PROTOBUF_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "codec/protobuf.h"

struct sink;

/* Meant for the stack. Errors are the sink's: sink_end reports them. */
struct protobuf_writer {
    struct sink *sink;  /* NULL: the writer only counts */
    uint64_t len_bytes; /* written so far; may be read */
};

/* `sink` is borrowed while the writer is used; NULL to count. */
void protobuf_writer_init(struct protobuf_writer *writer, struct sink *sink);

/* Fields from 1 to PROTOBUF_FIELD_MAX. Zeros are written too: callers leave out what is default. */
void protobuf_write_uint(struct protobuf_writer *writer, uint32_t field, uint64_t value);
void protobuf_write_int(struct protobuf_writer *writer, uint32_t field, int64_t value);
void protobuf_write_sint(struct protobuf_writer *writer, uint32_t field, int64_t value);
void protobuf_write_bool(struct protobuf_writer *writer, uint32_t field, bool value);
void protobuf_write_fixed32(struct protobuf_writer *writer, uint32_t field, uint32_t value);
void protobuf_write_fixed64(struct protobuf_writer *writer, uint32_t field, uint64_t value);
void protobuf_write_double(struct protobuf_writer *writer, uint32_t field, double value);
void protobuf_write_bytes(struct protobuf_writer *writer, uint32_t field, struct slu_bytes bytes);

/* Repeated integers as one field; none are no field. */
void protobuf_write_packed_uints(struct protobuf_writer *writer, uint32_t field,
                                 const uint64_t *values, size_t count);
void protobuf_write_packed_ints(struct protobuf_writer *writer, uint32_t field,
                                const int64_t *values, size_t count);

/* Writes the same fields each time it is called with the same context. */
typedef void (*protobuf_message)(struct protobuf_writer *writer, const void *context);

/* A message as a field. A message at depth d of a tree of messages is run through 2^d times. */
void protobuf_write_message(struct protobuf_writer *writer, uint32_t field,
                            protobuf_message message, const void *context);

/* How many bytes a number takes: 1 to PROTOBUF_VARINT_BYTES_MAX. */
static inline uint32_t protobuf_varint_bytes(uint64_t value)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(value | 1);
    return (bits + 6) / 7;
}

#endif

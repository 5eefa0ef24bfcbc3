/*
 * Protocol Buffers put together in a block, where a message's length is known only when it is
 * there: room for it is left, and moved into if it was too little or too much.
 *
 *     protobuf_block_begin(&writer, 2, &mark);
 *     protobuf_block_bytes(&writer, 1, name);
 *     protobuf_block_end(&writer, mark);
 *     err = writer.err;
 *
 * The first error stays, and what comes after it is left out.
 */
#ifndef CODEC_PROTOBUF_BLOCK_H
#define CODEC_PROTOBUF_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "base/block.h"
#include "codec/protobuf.h"

struct slu_budget;

/* Meant for the stack; `err` and `block` may be read. */
struct protobuf_block {
    struct slu_budget *budget;
    struct block block;
    int err; /* 0; -EDQUOT; -ENOMEM; -EOVERFLOW */
};

/* Where a message within began. */
struct protobuf_mark {
    size_t tag_at;
    size_t content_at;
};

/* Begin an empty one, which takes its first memory when something is written. */
static inline void protobuf_block_init(struct protobuf_block *writer, struct slu_budget *budget)
{
    *writer = (struct protobuf_block){.budget = budget};
}

/* Give the memory back, where the block was not taken. */
static inline void protobuf_block_deinit(struct protobuf_block *writer)
{
    block_free(writer->budget, &writer->block);
}

/* Bytes as they are: a whole field, or several. */
void protobuf_block_raw(struct protobuf_block *writer, struct slu_bytes bytes);

void protobuf_block_varint(struct protobuf_block *writer, uint64_t value);
void protobuf_block_tag(struct protobuf_block *writer, uint32_t field, enum protobuf_wire wire);
void protobuf_block_fixed64(struct protobuf_block *writer, uint64_t value);
void protobuf_block_fixed32(struct protobuf_block *writer, uint32_t value);

/* A field of bytes, with its tag and length. */
void protobuf_block_bytes(struct protobuf_block *writer, uint32_t field, struct slu_bytes bytes);

/* A message within: what is written until the end is its content. */
void protobuf_block_begin(struct protobuf_block *writer, uint32_t field,
                          struct protobuf_mark *mark);
void protobuf_block_end(struct protobuf_block *writer, struct protobuf_mark mark);

/* Take the message back, as if it had not been begun. */
void protobuf_block_drop(struct protobuf_block *writer, struct protobuf_mark mark);

/* How much has been written. */
static inline size_t protobuf_block_len(const struct protobuf_block *writer)
{
    return writer->block.len;
}

#endif

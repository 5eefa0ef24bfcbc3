/*
 * gzip in a fixed amount of memory, for what leaves a process that may not allocate.
 *
 *     gzip_writer_init(gzip, &out);
 *     sink_init(&in, gzip_write, gzip, stage, sizeof(stage));
 *     ... write to `in` ...
 *     err = sink_end(&in);
 *     gzip_writer_end(gzip);
 *
 * Incompressible input grows by 5 bytes in 32,768 and 23 in all.
 *
 * Source  RFC 1952 (gzip), RFC 1951 (deflate); J. Ziv and A. Lempel, "A universal algorithm for
 *         sequential data compression", 1977
 */
#ifndef PROFILE_GZIP_WRITER_H
#define PROFILE_GZIP_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "profile/deflate_block.h"

#define GZIP_HASH_BITS   13
#define GZIP_INPUT_BYTES (DEFLATE_DISTANCE_MAX + DEFLATE_BLOCK_BYTES)

/* 300 KiB: not for the stack. Members are private. */
struct gzip_writer {
    struct deflate_bits bits;
    uint32_t crc;
    uint32_t len;        /* of all input, modulo 2^32 */
    uint32_t input_base; /* position of input[0] in it, modulo 2^32 */
    uint32_t input_len;
    uint32_t block_start; /* in `input`; before it is what matches may reach back to */
    uint32_t crc_tables[4][256];
    uint32_t heads[1 << GZIP_HASH_BITS];  /* the last position of four bytes with a hash */
    uint16_t chain[DEFLATE_DISTANCE_MAX]; /* from a position, how far back the one before it is */
    unsigned char input[GZIP_INPUT_BYTES];
    struct deflate_block block;
};

/* Begin a file; `sink` is borrowed until gzip_writer_end. What `gzip` held does not matter. */
void gzip_writer_init(struct gzip_writer *gzip, struct sink *sink);

/* Compress: a sink_write whose context is the gzip_writer. Returns the sink's error. */
int gzip_write(void *gzip, const char *bytes, size_t len);

/* Write what is left and the end of the file. The sink is not flushed. */
void gzip_writer_end(struct gzip_writer *gzip);

#endif

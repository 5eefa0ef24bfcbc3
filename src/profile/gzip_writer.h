/*
 * gzip in a fixed amount of memory, for what leaves a process that may not allocate.
 *
 *     gzip_writer_init(gzip, &out);
 *     sink_init(&in, gzip_write, gzip, stage, sizeof(stage));
 *     ... write to `in` ...
 *     err = sink_end(&in);
 *     gzip_writer_end(gzip);
 *
 * Source  RFC 1951 (deflate), RFC 1952 (gzip)
 */
#ifndef PROFILE_GZIP_WRITER_H
#define PROFILE_GZIP_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct sink;

#define GZIP_BLOCK_BYTES 16384

/* Of some size: not for the stack. Members are private. */
struct gzip_writer {
    struct sink *sink;
    uint32_t crc;
    uint32_t len; /* of the input, modulo 2^32 */
    uint32_t block_len;
    uint32_t crc_table[256];
    unsigned char block[GZIP_BLOCK_BYTES];
};

/* Begin a file; `sink` is borrowed until gzip_writer_end. What `gzip` held does not matter. */
void gzip_writer_init(struct gzip_writer *gzip, struct sink *sink);

/* Compress: a sink_write whose context is the gzip_writer. Returns the sink's error. */
int gzip_write(void *gzip, const char *bytes, size_t len);

/* Write what is left and the end of the file. The sink is not flushed. */
void gzip_writer_end(struct gzip_writer *gzip);

#endif

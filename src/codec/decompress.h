/*
 * Whole bodies decompressed, whatever they were compressed with, and bounded twice: in what comes
 * out, and in how many times as much that is as what went in. Declared sizes are not believed.
 */
#ifndef CODEC_DECOMPRESS_H
#define CODEC_DECOMPRESS_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct block;
struct slu_budget;

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_DEFLATE, /* zlib's form, or bare as some clients send it */
    COMPRESSION_ZSTD,
    COMPRESSION_SNAPPY, /* one block, as Prometheus sends it */
    COMPRESSION_UNKNOWN,
};

struct decompress_limits {
    uint64_t output_bytes_max;
    uint32_t ratio_max; /* applies from 64 KiB of output on */
};

/* By the name of Content-Encoding: gzip, x-gzip, deflate, zstd, snappy, identity; any case. */
enum compression compression_named(struct slu_bytes name);

/*
 * Decompress the whole of `input`.
 *
 * Returns  0; -EBADMSG for a fault, also for input cut off or with something behind it; -EFBIG past
 *          a limit; -EINVAL for another compression than the five; -EDQUOT; -ENOMEM
 * Owner    the caller, until block_free (base/block.h) with the same budget
 * Cost     linear; at most three times the output is charged at a time. The decoders' own memory is
 *          charged, too: 48 KiB for deflate, 9 MiB at most for zstd, whose window is bounded.
 */
SLU_MUST_USE int decompress_all(struct slu_budget *budget, enum compression compression,
                                struct slu_bytes input, const struct decompress_limits *limits,
                                struct block *output);

#endif

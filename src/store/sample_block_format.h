/* What the writer and the reader of blocks of samples agree on; docs/formats/sample-block.md. */
#ifndef STORE_SAMPLE_BLOCK_FORMAT_H
#define STORE_SAMPLE_BLOCK_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLE_BLOCK_VERSION 1

/*
 * Streams of bytes, each compressed on its own. What is left of whole numbers is kept by planes:
 * all lowest bytes, all second lowest, and so on. A chunk's highest plane goes to the stream for
 * its number of bits, so that bytes of like ranges stand together; the lower ones by their rank.
 */
enum sample_stream {
    STREAM_CHUNKS,                           /* what each chunk is */
    STREAM_MESSAGES,                         /* lengths and bytes */
    STREAM_VALUE_TOP,                        /* eight: highest planes of values, of 1 to 8 bits */
    STREAM_VALUE_LOW = STREAM_VALUE_TOP + 8, /* seven: the other planes, the lowest first */
    STREAM_TIME_TOP = STREAM_VALUE_LOW + 7,  /* the same of times */
    STREAM_TIME_LOW = STREAM_TIME_TOP + 8,
    STREAM_XOR = STREAM_TIME_LOW + 7, /* eight: planes of bit patterns */
    SAMPLE_STREAM_COUNT = STREAM_XOR + 8
};

/* How a stream is kept. */
enum stream_kept {
    STREAM_KEPT_PLAIN,
    STREAM_KEPT_ZSTD,
    STREAM_KEPT_RANS, /* codec/rans.h */
    STREAM_KEPT_COUNT
};

/* Of a chunk's first byte. */
#define CHUNK_MESSAGES    0x01U
#define CHUNK_XOR         0x02U
#define CHUNK_TIME_TWICE  0x04U /* differences of differences */
#define CHUNK_VALUE_TWICE 0x08U
#define CHUNK_SCALE_SHIFT 4 /* the power of ten, 0 to 15 */
#define CHUNK_SCALE_MAX   15
#define CHUNK_BYTES_MAX   ((size_t)80)

#define PLANES_MAX 8

/* How the numbers of a column are kept. */
struct number_plan {
    uint64_t first;
    uint64_t step; /* of order 2: the first difference */
    uint64_t base; /* what all differences have in common: the lowest */
    uint8_t bits;  /* of what is left of the largest */
    uint8_t order;
};

/* Planes of a column with so many bits. */
static inline unsigned plane_count(unsigned bits)
{
    return (bits + 7) / 8;
}

/* The stream of a plane of numbers; `top` and `low` are the first of their kind. */
static inline unsigned plane_stream(unsigned bits, unsigned plane, unsigned top, unsigned low)
{
    return plane + 1 == plane_count(bits) ? top + (bits - 1) % 8 : low + plane;
}

extern const double sample_scales[CHUNK_SCALE_MAX + 1];

#endif

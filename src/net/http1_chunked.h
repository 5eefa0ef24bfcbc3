/*
 * The chunked transfer coding, taken off byte by byte: sizes are bounded, line ends are CRLF, and
 * trailers are passed over. Source: RFC 9112, 7.1.
 */
#ifndef NET_HTTP1_CHUNKED_H
#define NET_HTTP1_CHUNKED_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

#define CHUNKED_LINE_BYTES_MAX    256  /* of a size with its extensions */
#define CHUNKED_TRAILER_BYTES_MAX 4096 /* of all trailers */

/* Starts with all members zero; members are private. */
struct chunked {
    uint64_t left_bytes; /* of the chunk */
    uint32_t line_bytes;
    uint32_t state;
};

/*
 * Take the next piece of data from the front of `input`, which is moved past what was used.
 *
 * piece    points into the input; empty when all of it was used, or the body has ended
 * Returns  0; -EBADMSG
 */
int chunked_next(struct chunked *chunked, struct slu_bytes *input, struct slu_bytes *piece);

/* Whether the last chunk and its trailers have been read. */
bool chunked_is_complete(const struct chunked *chunked);

#endif

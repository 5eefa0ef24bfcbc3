/*
 * Snappy blocks, decoded: every length and every distance is checked against what is there.
 *
 * Source  github.com/google/snappy, format_description.txt
 */
#ifndef CODEC_SNAPPY_H
#define CODEC_SNAPPY_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

/* What a block says that it decodes to, below 2^32. Returns 0; -EBADMSG. */
SLU_MUST_USE int snappy_length(struct slu_bytes block, uint64_t *len);

/*
 * Decode a block into exactly `len` bytes, which is what snappy_length has said.
 *
 * Returns  0; -EBADMSG. On error `out` may have been written to.
 */
SLU_MUST_USE int snappy_decompress(struct slu_bytes block, void *out, size_t len);

#endif

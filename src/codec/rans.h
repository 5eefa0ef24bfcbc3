/*
 * Range coding of bytes by how often each occurs (static, order 0): for bytes whose order tells
 * nothing, where a Huffman code's whole bits lose up to a tenth. Nothing is allocated.
 *
 * Source  J. Duda, "Asymmetric numeral systems", arXiv:1311.2540; F. Giesen, "Interleaved entropy
 *         coders", arXiv:1402.3392
 * Format  docs/formats/sample-block.md
 */
#ifndef CODEC_RANS_H
#define CODEC_RANS_H

#include <stddef.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

/*
 * Room that packing `input_bytes` may need.
 */
size_t rans_packed_max(size_t input_bytes);

/*
 * Pack into `output`.
 *
 * Cost     about 4 ns a byte
 * Returns  0; -EINVAL for an empty input; -ENOBUFS if `size_bytes` is under rans_packed_max
 */
SLU_MUST_USE int rans_pack(struct slu_bytes input, void *output, size_t size_bytes, size_t *len);

/*
 * Unpack what gives exactly `size_bytes`. The output is undefined after a failure.
 *
 * Cost     about 1 ns a byte, and the table of 4,096 entries
 * Returns  0; -EBADMSG: not what rans_pack makes, or it gives less or more
 */
SLU_MUST_USE int rans_unpack(struct slu_bytes input, void *output, size_t size_bytes);

#endif

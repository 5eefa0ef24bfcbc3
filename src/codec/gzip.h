/*
 * gzip of whole bodies, for peers that take it.
 *
 * Source  RFC 1952; the encoder is zlib's, in memory of the caller's budget
 */
#ifndef CODEC_GZIP_H
#define CODEC_GZIP_H

#include <sluice/api.h>
#include <sluice/bytes.h>

struct block;
struct slu_budget;

/*
 * Compress all of `input`, quickly rather than well.
 *
 * Returns  0; -EOVERFLOW; -EDQUOT; -ENOMEM
 * Owner    the caller, until block_free (base/block.h) with the same budget
 * Cost     about 15 ns a byte; charged meanwhile: 272 KiB and a little more than the input
 */
SLU_MUST_USE int gzip_all(struct slu_budget *budget, struct slu_bytes input, struct block *output);

#endif

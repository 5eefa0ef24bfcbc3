/*
 * Single frames of zstd, whole in memory: what is stored in pieces of a known size. Bodies that
 * come from elsewhere: decompress.h.
 *
 * Source  RFC 8878
 */
#ifndef CODEC_ZSTD_FRAME_H
#define CODEC_ZSTD_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_budget;
struct zstd_packer;

/*
 * Make a packer; its memory, for inputs of up to `input_bytes_max` at levels of up to `level_max`,
 * is taken here.
 *
 * Returns  0; -EINVAL; -EDQUOT; -ENOMEM
 * Threads  one at a time
 */
SLU_MUST_USE int zstd_packer_create(struct slu_budget *budget, int level_max,
                                    size_t input_bytes_max, struct zstd_packer **out);
void zstd_packer_destroy(struct zstd_packer **packer);

/* How much room a frame of `input_bytes` may need. */
size_t zstd_packed_max(size_t input_bytes);

/*
 * Compress into `output`.
 *
 * Returns  0; -ENOBUFS if `size_bytes` is too small; -EFBIG past the packer's limits
 */
SLU_MUST_USE int zstd_pack(struct zstd_packer *packer, int level, struct slu_bytes input,
                           void *output, size_t size_bytes, size_t *len);

/*
 * Decompress one frame that gives exactly `size_bytes`.
 *
 * budget   of the decoder, for the call
 * Returns  0; -EBADMSG for all else, also for a frame that gives less or more; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int zstd_unpack(struct slu_budget *budget, struct slu_bytes input, void *output,
                             size_t size_bytes);

#endif

/*
 * zstd, decoded in pieces with a bound on what comes out, as gunzip.h does it for gzip. Bodies that
 * are whole in memory: decompress.h.
 *
 * Source  RFC 8878; the decoder is libzstd's, in memory of the caller's budget
 */
#ifndef CODEC_UNZSTD_H
#define CODEC_UNZSTD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_budget;
struct unzstd;

#define UNZSTD_HEAD_BYTES 18 /* what unzstd_create wants to see, if there is as much */

/* True if `bytes` begin as a frame does. */
bool unzstd_is_zstd(struct slu_bytes bytes);

/*
 * Make a decoder for what begins with `head`, whose window decides how much memory it needs; frames
 * behind the first may not have a larger one.
 *
 * output_bytes_max  all that may come out
 * Returns           0; -EBADMSG for a head that is none, or a window of more than 128 MiB; -EDQUOT;
 *                   -ENOMEM
 * Owner             the caller, until unzstd_destroy; the budget must outlive it
 * Cost              one allocation of the window and about 400 KiB; none later
 */
SLU_MUST_USE int unzstd_create(struct slu_budget *budget, struct slu_bytes head,
                               uint64_t output_bytes_max, struct unzstd **out);
void unzstd_destroy(struct unzstd **unzstd);

/*
 * Decode from the front of `input`, which is moved past what was used, into `output`.
 *
 * written  0 only when the input was used up
 * Returns  0; -EBADMSG for a fault or a wrong checksum; -EFBIG past the limit. After an error the
 *          decoder is of no more use.
 */
SLU_MUST_USE int unzstd_read(struct unzstd *unzstd, struct slu_bytes *input, void *output,
                             size_t output_bytes, size_t *written);

/* Returns 0 if the input so far was whole; -EBADMSG if it was cut off. */
SLU_MUST_USE int unzstd_end(const struct unzstd *unzstd);

#endif

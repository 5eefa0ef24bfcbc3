/*
 * gzip, decoded in pieces with a bound on what comes out: declared sizes are not believed, and a
 * bomb ends at the limit.
 *
 * Source  RFC 1952; the decoder is ISA-L's, in memory of the caller's budget
 */
#ifndef CODEC_GUNZIP_H
#define CODEC_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct block;
struct gunzip;
struct slu_budget;

enum gunzip_format {
    GUNZIP_GZIP,
    GUNZIP_ZLIB, /* RFC 1950 */
    GUNZIP_BARE, /* RFC 1951, with nothing around it */
};

/* True if `bytes` begin as a gzip file does. */
bool gunzip_is_gzip(struct slu_bytes bytes);

/*
 * Make a decoder.
 *
 * output_bytes_max  all that may come out
 * Returns           0; -EDQUOT; -ENOMEM
 * Owner             the caller, until gunzip_destroy; the budget must outlive it
 * Cost              one allocation of about 90 KiB; none later
 */
SLU_MUST_USE int gunzip_create(struct slu_budget *budget, uint64_t output_bytes_max,
                               struct gunzip **out);

void gunzip_destroy(struct gunzip **gunzip);

/*
 * Decode from the front of `input`, which is moved past what was used, into `output`.
 * Members that follow one another are decoded as one text.
 *
 * written  0 only when the input was used up
 * Returns  0; -EBADMSG for a fault or a wrong checksum; -EFBIG past the limit. After an error the
 *          decoder is of no more use.
 */
SLU_MUST_USE int gunzip_read(struct gunzip *gunzip, struct slu_bytes *input, void *output,
                             size_t output_bytes, size_t *written);

/* Returns 0 if the input so far was whole; -EBADMSG if it was cut off. */
SLU_MUST_USE int gunzip_end(const struct gunzip *gunzip);

/*
 * Decode the whole of `input`.
 *
 * Returns  0; -EBADMSG for a fault, also for text cut off; -EFBIG past the limit; -EDQUOT; -ENOMEM
 * Owner    the caller, who frees it with block_free and the same budget
 * Cost     linear; at most twice the text's size is charged at a time
 */
SLU_MUST_USE int gunzip_all(struct slu_budget *budget, struct slu_bytes input,
                            uint64_t output_bytes_max, struct block *text);

/* The same for another format around what is deflated. */
SLU_MUST_USE int gunzip_all_as(struct slu_budget *budget, enum gunzip_format format,
                               struct slu_bytes input, uint64_t output_bytes_max,
                               struct block *text);

#endif

/*
 * Base64, as text of either alphabet, with or without its padding.
 *
 * Source  RFC 4648, 4 and 5
 */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include <stddef.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct sink;

/* The most that `len` characters stand for. */
static inline size_t base64_decoded_max(size_t len)
{
    return len / 4 * 3 + 3;
}

/*
 * Decode into `output`, of at least base64_decoded_max bytes.
 *
 * Returns  0; -EBADMSG for a character that is of neither alphabet, or a length that cannot be
 */
SLU_MUST_USE int base64_decode(struct slu_bytes text, unsigned char *output, size_t *len);

/* Write the standard alphabet, padded. */
void base64_encode(struct sink *sink, struct slu_bytes bytes);

#endif

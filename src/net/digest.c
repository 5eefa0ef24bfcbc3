#include "net/digest.h"

#include <stddef.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/assert.h"

#define DIGEST_BYTES 32

void digest_sha256(struct slu_bytes bytes, char text[DIGEST_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[DIGEST_BYTES];
    int failed = gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.data, bytes.len, digest);
    SLU_ASSERT(failed == 0); /* it has that one */
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * DIGEST_BYTES] = '\0';
}

/* SHA-256, by the library that TLS needs anyway. */
#ifndef NET_DIGEST_H
#define NET_DIGEST_H

#include <sluice/bytes.h>

#define DIGEST_TEXT_BYTES 65 /* in hex, with the final zero */

void digest_sha256(struct slu_bytes bytes, char text[DIGEST_TEXT_BYTES]);

#endif

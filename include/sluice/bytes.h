/*
 * A borrowed view of bytes.
 */
#ifndef SLUICE_BYTES_H
#define SLUICE_BYTES_H

#include <stddef.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

/*
 * Meant for the stack and for embedding. Whoever hands one out says until when it is valid; `data`
 * may be NULL if `len` is 0. There is no final zero.
 */
struct slu_bytes {
    const void *data;
    size_t len;
};

SLU_END_DECLS

#endif

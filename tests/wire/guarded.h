/* Bytes that end where no page follows: whoever reads behind them stops the program. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <sluice/bytes.h>

#include "harness.h"

#define GUARDED_PAGE_BYTES ((size_t)64 * 1024) /* a page at least, wherever we run */

struct guarded {
    uint8_t *map;
    size_t size_bytes; /* without the page that follows */
};

static inline struct guarded guarded_create(size_t most_bytes)
{
    struct guarded guarded = {.size_bytes = most_bytes + GUARDED_PAGE_BYTES -
                                            most_bytes % GUARDED_PAGE_BYTES};
    guarded.map = mmap(NULL, guarded.size_bytes + GUARDED_PAGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(guarded.map, MAP_FAILED);
    assert_int_equal(mprotect(guarded.map + guarded.size_bytes, GUARDED_PAGE_BYTES, PROT_NONE), 0);
    return guarded;
}

static inline struct slu_bytes guarded_put(struct guarded *guarded, const void *bytes, size_t len)
{
    assert_true(len <= guarded->size_bytes);
    uint8_t *at = guarded->map + guarded->size_bytes - len;
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    return (struct slu_bytes){at, len};
}

static inline void guarded_destroy(struct guarded *guarded)
{
    assert_int_equal(munmap(guarded->map, guarded->size_bytes + GUARDED_PAGE_BYTES), 0);
}

#endif

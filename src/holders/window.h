/* A piece of an image's memory that is walked upwards: read in large steps. */
#ifndef HOLDERS_WINDOW_H
#define HOLDERS_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct image;

#define WINDOW_BYTES ((size_t)1 << 20)

struct window {
    struct image *image;
    unsigned char *bytes;
    uint64_t start;
    size_t len;
};

/* Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int window_open(struct window *window, struct image *image);
void window_close(struct window *window);

/* Read on from `address`: at least `len` bytes, at most WINDOW_BYTES, below `end`. -EFAULT. */
SLU_MUST_USE int window_move(struct window *window, uint64_t address, size_t len, uint64_t end);

/*
 * The `len` bytes at `address`, valid until the next call; NULL if they are not there.
 *
 * end  beyond which nothing is read ahead; at least address + len
 */
static inline const unsigned char *window_at(struct window *window, uint64_t address, size_t len,
                                             uint64_t end)
{
    if (__builtin_expect(address < window->start || address - window->start > window->len ||
                             len > window->len - (address - window->start),
                         0)) {
        if (window_move(window, address, len, end) != 0) {
            return NULL;
        }
    }
    return window->bytes + (address - window->start);
}

#endif

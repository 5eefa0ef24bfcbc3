/* What both rings share: their shape, which is fixed at creation, and copying a record. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <string.h>

#include <sluice/ring.h>

#include "base/golden.h"

/* What different threads write lies two lines apart: processors fetch lines in pairs. */
#define RING_APART_BYTES 128

/* At the front of each ring; written at creation only. */
struct ring_shape {
    unsigned char *slots;
    uint64_t slot_mask;
    size_t stride_bytes; /* from slot to slot */
    uint32_t record_bytes;
    enum slu_ring_policy policy;
    struct slu_budget *budget;
    size_t block_bytes;
    bool clear_consumed;
    unsigned char apart[RING_APART_BYTES - 49];
};
GOLDEN_LAYOUT(struct ring_shape, 128, 0, 0, slots, slot_mask, stride_bytes, record_bytes, policy,
              budget, block_bytes, clear_consumed, apart);

/* Check all options but those of one ring alone; returns 0 or -EINVAL. */
int ring_options_check(const struct slu_ring_options *options, struct slu_diag *diag);

/*
 * Allocate a ring with valid options: a zeroed structure of `ring_bytes` that begins with its
 * shape, which is filled in, and its slots behind it on a line of their own.
 */
int ring_alloc(struct slu_budget *budget, const struct slu_ring_options *options, size_t ring_bytes,
               size_t stride_bytes, struct slu_diag *diag, void **out);

/* Free what ring_alloc gave. */
void ring_free(struct ring_shape *shape);

static inline uint64_t ring_capacity(const struct ring_shape *shape)
{
    return shape->slot_mask + 1;
}

static inline void *ring_slot(const struct ring_shape *shape, uint64_t position)
{
    return shape->slots + (position & shape->slot_mask) * shape->stride_bytes;
}

/* memcpy without its call for the size that is common in rings: a pointer or a number. */
static inline void ring_record_copy(const struct ring_shape *shape, void *to, const void *from)
{
    if (shape->record_bytes == sizeof(uint64_t)) {
        memcpy(to, from, sizeof(uint64_t));
    } else {
        memcpy(to, from, shape->record_bytes);
    }
}

#endif
